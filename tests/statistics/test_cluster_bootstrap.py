from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from spikebridge.statistics import bootstrap_interval, interval_from_samples, nested_weights, resample_weights
from spikebridge.statistics.cluster_bootstrap import tail


def mean_of(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_weights_draw_every_cluster_alike(rng: np.random.Generator) -> None:
    weights = resample_weights(6, 4000, rng)
    assert weights.shape == (4000, 6)
    np.testing.assert_array_equal(weights.sum(axis=1), 6)
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.06)


@pytest.mark.parametrize("n", [6, 12, 30])
@pytest.mark.slow
def test_interval_covers_the_truth_as_often_as_it_says(rng: np.random.Generator, n: int) -> None:
    studies, hits = 600, 0
    for _ in range(studies):
        values = rng.normal(size=n)
        interval = bootstrap_interval(mean_of(values), resample_weights(n, 800, rng))
        hits += interval.ci_low <= 0 <= interval.ci_high
    assert stats.binomtest(hits, studies).proportion_ci(0.999).high > 0.945
    assert hits / studies > 0.92


def test_few_clusters_widen_the_plain_percentiles(rng: np.random.Generator) -> None:
    assert tail(5, 0.05) < tail(10, 0.05) < tail(1000, 0.05) < 0.025
    assert tail(100_000, 0.05) == pytest.approx(0.025, abs=1e-4)


def test_agrees_with_the_t_interval_of_many_clusters(rng: np.random.Generator) -> None:
    values = rng.normal(size=400)
    interval = bootstrap_interval(mean_of(values), resample_weights(400, 8000, rng), alpha=0.1)
    expected = stats.t.interval(0.9, 399, values.mean(), values.std(ddof=1) / 20)
    np.testing.assert_allclose([interval.ci_low, interval.ci_high], expected, atol=0.006)
    assert interval.value == pytest.approx(values.mean())


def test_one_cluster_has_no_interval() -> None:
    interval = interval_from_samples(0.3, np.full(10, 0.3), 1)
    assert interval.value == 0.3
    assert np.isnan(interval.ci_low)
    assert np.isnan(interval_from_samples(0.3, np.full(10, np.nan), 5).ci_high)


def recordings(rng: np.random.Generator, k: int, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of blocks that share something within their recording; the recording of each."""
    parent = np.repeat(np.arange(k), blocks)
    return rng.normal(0, 1, k)[parent] + rng.normal(0, 1, k * blocks), parent


def test_nested_weights_draw_recordings_and_blocks_alike(rng: np.random.Generator) -> None:
    parent = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    weights = nested_weights(parent, 6000, rng)
    of_parent = np.stack([weights[:, parent == p].sum(axis=1) / (parent == p).sum() for p in range(3)], axis=1)
    np.testing.assert_array_equal(of_parent, np.round(of_parent))  # whole recordings
    np.testing.assert_array_equal(of_parent.sum(axis=1), 3)
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.08)
    assert (weights[of_parent[:, 0] == 1][:, :3].std(axis=1) > 0).any()  # blocks within are drawn too


@pytest.mark.parametrize("k", [4, 8])
def test_nested_interval_covers_where_that_over_blocks_does_not(rng: np.random.Generator, k: int) -> None:
    studies, nested, flat = 300, 0, 0
    for _ in range(studies):
        values, parent = recordings(rng, k, 5)
        score = mean_of(values)
        nested_interval = bootstrap_interval(score, nested_weights(parent, 600, rng), independent=k)
        flat_interval = bootstrap_interval(score, resample_weights(5 * k, 600, rng))
        nested, flat = (
            nested + (nested_interval.ci_low <= 0 <= nested_interval.ci_high),
            flat + (flat_interval.ci_low <= 0 <= flat_interval.ci_high),
        )
    assert nested / studies > 0.92
    assert flat / studies < 0.85
