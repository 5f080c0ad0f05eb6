from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from spikebridge.statistics import from_samples, interval, resample_weights
from spikebridge.statistics.cluster_bootstrap import tail


def mean_of(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_weights_draw_every_cluster_alike(rng: np.random.Generator) -> None:
    weights = resample_weights(6, 4000, rng)
    assert weights.shape == (4000, 6)
    np.testing.assert_array_equal(weights.sum(axis=1), 6)
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.06)


@pytest.mark.parametrize("n", [6, 12, 30])
def test_interval_covers_the_truth_as_often_as_it_says(rng: np.random.Generator, n: int) -> None:
    studies, hits = 600, 0
    for _ in range(studies):
        values = rng.normal(size=n)
        found = interval(mean_of(values), resample_weights(n, 800, rng))
        hits += found.ci_low <= 0 <= found.ci_high
    assert stats.binomtest(hits, studies).proportion_ci(0.999).high > 0.945
    assert hits / studies > 0.92


def test_few_clusters_widen_the_plain_percentiles(rng: np.random.Generator) -> None:
    assert tail(5, 0.05) < tail(10, 0.05) < tail(1000, 0.05) < 0.025
    assert tail(100_000, 0.05) == pytest.approx(0.025, abs=1e-4)


def test_agrees_with_the_t_interval_of_many_clusters(rng: np.random.Generator) -> None:
    values = rng.normal(size=400)
    found = interval(mean_of(values), resample_weights(400, 8000, rng), alpha=0.1)
    expected = stats.t.interval(0.9, 399, values.mean(), values.std(ddof=1) / 20)
    np.testing.assert_allclose([found.ci_low, found.ci_high], expected, atol=0.006)
    assert found.value == pytest.approx(values.mean())


def test_one_cluster_has_no_interval() -> None:
    found = from_samples(0.3, np.full(10, 0.3), 1)
    assert found.value == 0.3
    assert np.isnan(found.ci_low)
    assert np.isnan(from_samples(0.3, np.full(10, np.nan), 5).ci_high)
