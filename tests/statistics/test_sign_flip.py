from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spikebridge.statistics import clusters_needed, sign_flip, smallest_p


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_equals_brute_force_and_scipy(rng: np.random.Generator, alternative: str) -> None:
    d = rng.normal(0.3, 1, 8)
    sums = np.array([np.dot(signs, d) for signs in product((1, -1), repeat=8)])
    if alternative == "two-sided":
        expected = np.mean(np.abs(sums) >= abs(d.sum()) - 1e-12)
    else:
        expected = np.mean(sums >= d.sum() - 1e-12)
    result = sign_flip(d, rng, alternative)  # type: ignore[arg-type]
    assert result.p == expected
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", alternative=alternative, n_resamples=999)
    assert result.p == pytest.approx(theirs.pvalue, abs=1e-9)
    assert result.estimate == pytest.approx(d.mean())


def test_many_clusters_are_sampled(rng: np.random.Generator) -> None:
    d = rng.normal(0.4, 1, 25)
    result = sign_flip(d, rng, n_resamples=20_000)
    expected = stats.ttest_1samp(d, 0, alternative="greater").pvalue
    assert result.p == pytest.approx(expected, rel=0.35)
    assert result.smallest == pytest.approx(1 / 20_001)


def test_unanimous_clusters_reach_the_smallest_p(rng: np.random.Generator) -> None:
    result = sign_flip(np.full(6, 0.1), rng)
    assert result.p == result.smallest == 1 / 64


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
@pytest.mark.parametrize("null_scale", [1.2, 1.5])
def test_a_wider_null_equals_brute_force(rng: np.random.Generator, alternative: str, null_scale: float) -> None:
    d = rng.normal(0.5, 1, 9)
    sums = null_scale * np.array([np.dot(signs, d) for signs in product((1, -1), repeat=9)])
    if alternative == "two-sided":
        expected = np.mean(np.abs(sums) >= abs(d.sum()))
    else:
        expected = np.mean(sums >= d.sum())
    result = sign_flip(d, rng, alternative, null_scale=null_scale)  # type: ignore[arg-type]
    assert result.p == expected > sign_flip(d, rng, alternative).p  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "changed"), [(6, 0), (11, 0), (12, 1), (14, 1)])
def test_with_a_wider_null_equal_clusters_give_the_smallest_p(rng: np.random.Generator, n: int, changed: int) -> None:
    """One sign of twelve takes a sixth off the sum, as much as a null 1.2 times wider makes up for."""
    result = sign_flip(np.full(n, 0.1), rng, null_scale=1.2)
    assert result.p == result.smallest == (1 + n * changed) / 2**n
    assert smallest_p(40, n_resamples=500, null_scale=1.2) == pytest.approx(1 / 501)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_order_of_clusters_does_not_matter(values: list[float], shuffler: object) -> None:
    rng = np.random.default_rng(0)
    p = sign_flip(np.array(values), rng).p
    shuffled = list(values)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sign_flip(np.array(shuffled), rng).p == pytest.approx(p)
    assert p >= smallest_p(len(values))


def test_nothing_to_flip(rng: np.random.Generator) -> None:
    result = sign_flip(np.array([np.nan, np.nan]), rng)
    assert np.isnan(result.p)
    assert (result.n, result.smallest) == (0, 1.0)
    assert sign_flip(np.zeros(4), rng).p == 1.0
    assert sign_flip(np.array([0.2, np.nan, 0.1]), rng).n == 2


@pytest.mark.parametrize("n", [6, 16])
def test_holds_its_level(rng: np.random.Generator, n: int) -> None:
    studies = 600
    rejected = sum(sign_flip(rng.standard_t(3, n), rng, n_resamples=500).p <= 0.05 for _ in range(studies))
    assert stats.binomtest(rejected, studies, 0.05, alternative="greater").pvalue > 0.001


def test_clusters_needed() -> None:
    assert clusters_needed(0.05) == 5
    assert clusters_needed(0.05, tests=3) == 6
    assert clusters_needed(0.05, alternative="two-sided") == 6
    assert clusters_needed(0.0625) == 4
    for tests in range(1, 6):
        n = clusters_needed(0.05, tests)
        assert tests * smallest_p(n) <= 0.05 < tests * smallest_p(n - 1)
