from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from spikebridge.statistics import design_effect, mcnemar


def clustered(
    rng: np.random.Generator, k: int, m: int, spread: float, effect: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models of equal mean accuracy whose advantage over each other differs between clusters."""
    cluster = np.repeat(np.arange(k), m)
    tilt = np.clip(rng.normal(effect, spread, k), -0.4, 0.4)[cluster]
    return rng.random(k * m) < 0.5 + tilt / 2, rng.random(k * m) < 0.5 - tilt / 2, cluster


def test_against_the_cluster_robust_covariance_of_statsmodels(rng: np.random.Generator) -> None:
    a, b, _ = clustered(rng, 6, 40, 0.2)
    cluster = np.sort(rng.integers(0, 6, len(a)))  # of unequal size
    design = design_effect(a, b, cluster)
    d = a.astype(float) - b
    ols = sm.OLS(d, np.ones(len(d)))
    robust = ols.fit(cov_type="cluster", cov_kwds={"groups": cluster}).cov_params()[0, 0]
    assert design.effect == pytest.approx(robust / ols.fit().cov_params()[0, 0])
    assert design.effective_n == pytest.approx(len(d) / max(design.effect, 1))


def test_icc_against_the_f_statistic(rng: np.random.Generator) -> None:
    a, b, cluster = clustered(rng, 8, 30, 0.3)
    d = a.astype(float) - b
    f = stats.f_oneway(*(d[cluster == c] for c in range(8))).statistic
    design = design_effect(a, b, cluster)
    assert design.icc == pytest.approx((f - 1) / (f - 1 + 30))
    assert design.effect == pytest.approx(1 + 29 * design.icc, rel=0.1)


def test_independent_trials_have_no_effect(rng: np.random.Generator) -> None:
    effects = [design_effect(*clustered(rng, 20, 30, 0.0)).effect for _ in range(100)]
    assert np.mean(effects) == pytest.approx(1, abs=0.1)


def test_holds_its_level_where_mcnemar_does_not(rng: np.random.Generator) -> None:
    studies, naive, corrected = 500, 0, 0
    for _ in range(studies):
        a, b, cluster = clustered(rng, 8, 60, 0.15)
        naive += mcnemar(a, b).p_mid <= 0.05
        corrected += design_effect(a, b, cluster).p <= 0.05
    assert naive / studies > 0.15
    assert stats.binomtest(corrected, studies, 0.05, alternative="greater").pvalue > 0.001


def test_p_is_mcnemars_chi_squared_over_the_effect(rng: np.random.Generator) -> None:
    a, b, cluster = clustered(rng, 8, 60, 0.2, 0.1)
    design, pairs = design_effect(a, b, cluster), mcnemar(a, b)
    chi2 = (pairs.only_a - pairs.only_b) ** 2 / (pairs.only_a + pairs.only_b) / max(design.effect, 1)
    assert design.p == pytest.approx(2 * stats.t.sf(np.sqrt(chi2), 7))


def test_nothing_to_estimate() -> None:
    right = np.array([True, False, True, True])
    assert np.isnan(design_effect(right, right, np.array([0, 0, 1, 1])).p)
    assert np.isnan(design_effect(right, ~right, np.zeros(4, dtype=np.int64)).effect)
