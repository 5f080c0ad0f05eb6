from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from spikebridge.errors import DataError
from spikebridge.statistics import bootstrap_interval, equivalence, resample_weights
from spikebridge.statistics.equivalence import clusters_for_equivalence, tost_power


@pytest.mark.parametrize("mean", [-0.06, -0.02, 0.0, 0.03])
def test_against_statsmodels(rng: np.random.Generator, mean: float) -> None:
    d = rng.normal(mean, 0.05, 8)
    result = equivalence(d, 0.05)
    p, low, high = DescrStatsW(d).ttost_mean(-0.05, 0.05)
    assert result.p == pytest.approx(p)
    assert result.p_not_worse == pytest.approx(low[1])
    np.testing.assert_allclose([result.ci_low, result.ci_high], stats.t.interval(0.9, 7, d.mean(), stats.sem(d)))
    assert result.equivalent == (result.ci_low > -0.05 and result.ci_high < 0.05)
    assert result.not_worse == (result.ci_low > -0.05)
    assert result.p == pytest.approx(max(low[1], high[1]))


def test_better_is_not_worse_and_not_equivalent() -> None:
    result = equivalence([0.2, 0.21, 0.19, 0.2, 0.22], 0.05)
    assert result.not_worse and not result.equivalent
    worse = equivalence([-0.2, -0.21, -0.19, -0.2, -0.22], 0.05)
    assert not worse.not_worse and not worse.equivalent


def test_two_models_that_say_the_same() -> None:
    same = equivalence(np.zeros(3), 0.05)
    assert same.equivalent and same.not_worse and same.p == 0
    assert same.needed == 2
    assert not equivalence(np.full(3, -0.05), 0.05).not_worse  # on the margin is not inside


def test_too_few_clusters_show_nothing() -> None:
    for d in ([], [0.0], [0.0, np.nan]):
        result = equivalence(d, 0.05)
        assert not result.equivalent and not result.not_worse
        assert np.isnan(result.p) and np.isnan(result.ci_low)
    assert equivalence([0.01, np.nan, -0.01], 0.05).n == 2


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (-1.0, 0.05), (math.inf, 0.05), (0.1, 0.6)])
def test_what_cannot_be(margin: float, alpha: float) -> None:
    with pytest.raises(DataError, match="equivalence: expected"):
        equivalence([0.1, 0.2], margin, alpha)


@pytest.mark.parametrize("n", [5, 12])
def test_holds_its_level_on_the_margin(rng: np.random.Generator, n: int) -> None:
    """A model exactly one margin worse, and one exactly one margin better, must not be called alike."""
    studies = 1000
    for centre in (-0.05, 0.05):
        results = [equivalence(d, 0.05) for d in rng.normal(centre, 0.02, (studies, n))]
        wrong = sum(f.equivalent for f in results)
        assert stats.binomtest(wrong, studies, 0.05, alternative="greater").pvalue > 0.001
        if centre < 0:
            not_worse = sum(f.not_worse for f in results)
            assert stats.binomtest(not_worse, studies, 0.05).pvalue > 0.001


@pytest.mark.parametrize(("n", "sd"), [(4, 0.03), (8, 0.05), (20, 0.1)])
def test_power_by_simulation(rng: np.random.Generator, n: int, sd: float) -> None:
    hits = sum(equivalence(d, 0.05).equivalent for d in rng.normal(0, sd, (1000, n)))
    assert tost_power(n, sd, 0.05) == pytest.approx(hits / 1000, abs=0.05)


def test_clusters_needed_are_the_fewest() -> None:
    for sd in (0.01, 0.05, 0.2):
        n = int(clusters_for_equivalence(sd, 0.05))
        assert tost_power(n, sd, 0.05) >= 0.8
        assert n == 2 or tost_power(n - 1, sd, 0.05) < 0.8
    assert clusters_for_equivalence(100.0, 0.01) == math.inf


def test_bootstrap_interval_agrees_with_t_for_many_clusters(rng: np.random.Generator) -> None:
    d = rng.normal(0.01, 0.05, 200)
    interval = bootstrap_interval(lambda w: w @ d / w.sum(axis=1), resample_weights(len(d), 10_000, rng), alpha=0.1)
    t = equivalence(d, 0.05)
    np.testing.assert_allclose([interval.ci_low, interval.ci_high], [t.ci_low, t.ci_high], atol=0.0006)
