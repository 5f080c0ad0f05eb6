from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import ndimage, stats

from spikebridge.errors import DataError
from spikebridge.statistics import max_statistic


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_by_brute_force(rng: np.random.Generator, alternative: str) -> None:
    x = rng.normal(0.3, 1, (7, 5))
    fold = np.abs if alternative == "two-sided" else np.asarray
    t = fold(stats.ttest_1samp(x, 0).statistic)
    largest = [fold(stats.ttest_1samp(np.array(s)[:, None] * x, 0).statistic).max() for s in product((1, -1), repeat=7)]
    result = max_statistic(x, rng, alternative)  # type: ignore[arg-type]
    np.testing.assert_allclose(result.p, [np.mean(np.array(largest) >= value - 1e-9) for value in t])
    np.testing.assert_allclose(result.t, stats.ttest_1samp(x, 0).statistic)
    assert np.mean(np.array(largest) >= result.threshold - 1e-9) <= 0.05


def test_one_point_is_nearly_the_sign_flip_of_t(rng: np.random.Generator) -> None:
    x = rng.normal(0.4, 1, (30, 1))
    result = max_statistic(x, rng, n_resamples=8000)
    assert result.p[0] == pytest.approx(stats.ttest_1samp(x[:, 0], 0, alternative="greater").pvalue, rel=0.3)
    assert result.smallest == 1 / 8001


@pytest.mark.parametrize("n", [8, 16])
def test_holds_its_family_wise_level_and_beats_bonferroni_for_smooth_curves(rng: np.random.Generator, n: int) -> None:
    studies, wrong, bonferroni, single = 300, 0, 0, 0
    for _ in range(studies):
        x = ndimage.gaussian_filter1d(rng.normal(size=(n, 40)), 4, axis=1)
        result = max_statistic(x, rng, n_resamples=400)
        wrong += result.p.min() <= 0.05
        each = stats.ttest_1samp(x, 0, alternative="greater").pvalue
        single, bonferroni = single + (each.min() <= 0.05), bonferroni + (40 * each.min() <= 0.05)
    assert stats.binomtest(wrong, studies, 0.05, alternative="greater").pvalue > 0.001
    assert single / studies > 0.15
    assert wrong > bonferroni


def test_finds_where_the_effect_is(rng: np.random.Generator) -> None:
    x = rng.normal(size=(12, 20))
    x[:, 7] += 2.5
    result = max_statistic(x, rng)
    assert result.p[7] < 0.01 < np.delete(result.p, 7).min()


def test_points_that_never_vary() -> None:
    x = np.column_stack([np.zeros(6), np.full(6, 0.2), [1, -2, 1, -1, 0.5, -1]])
    result = max_statistic(x, np.random.default_rng(0))
    assert result.t[0] == 0 and np.isinf(result.t[1])
    assert result.p[1] == result.smallest == 1 / 64
    assert result.p[0] > 0.5


@pytest.mark.parametrize("values", [np.zeros(4), np.zeros((1, 3)), np.full((3, 2), np.nan), np.zeros((3, 0))])
def test_what_is_no_family(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="max_statistic: expected finite values"):
        max_statistic(values, np.random.default_rng(0))
