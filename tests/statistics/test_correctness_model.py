from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from spikebridge.statistics import correctness_model


def study(
    rng: np.random.Generator, k: int = 8, m: int = 40, log_odds: float = 0.0, spread: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clusters differ in how easy they are, and in which of the models they favour."""
    cluster = np.repeat(np.arange(k), m)
    easy, favour = rng.normal(0.5, 0.5, k)[cluster], rng.normal(log_odds, spread, k)[cluster]
    return rng.random(k * m) < special.expit(easy + favour), rng.random(k * m) < special.expit(easy), cluster


def rows(a: np.ndarray, b: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.r_[a, b].astype(float), np.r_[np.ones(len(a)), np.zeros(len(a))], np.r_[cluster, cluster]


@pytest.mark.parametrize("strata", [False, True])
def test_against_the_bias_reduced_covariance_of_statsmodels(rng: np.random.Generator, strata: bool) -> None:
    a, b, cluster = study(rng, log_odds=0.4, spread=0.4)
    cluster = np.sort(rng.integers(0, 8, len(cluster)))  # of unequal size
    right, model, group = rows(a, b, cluster)
    extra = np.eye(2)[group % 2] if strata else np.ones((len(group), 1))
    theirs = sm.GEE(
        right,
        np.column_stack([model, extra]),
        group,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    ).fit(cov_type="bias_reduced")
    fit = correctness_model(a, b, cluster, cluster % 2 if strata else None)
    assert fit.log_odds == pytest.approx(theirs.params[0], rel=1e-4)
    assert fit.se == pytest.approx(theirs.bse[0], rel=1e-4)
    assert fit.p == pytest.approx(2 * stats.t.sf(abs(theirs.params[0] / theirs.bse[0]), 7), rel=1e-3)


def test_finds_the_odds_ratio(rng: np.random.Generator) -> None:
    fit = correctness_model(*study(rng, k=40, m=60, log_odds=0.6))
    assert fit.ci_low < 0.6 < fit.ci_high
    assert fit.p < 1e-4
    assert fit.correlation > 0


@pytest.mark.parametrize("k", [6, 12])
@pytest.mark.slow
def test_holds_its_level_where_clusters_favour_one_or_the_other(rng: np.random.Generator, k: int) -> None:
    studies, hits = 150, 0
    for _ in range(studies):
        hits += correctness_model(*study(rng, k=k, spread=0.5)).p <= 0.05
    assert stats.binomtest(hits, studies, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.slow
def test_the_bayesian_mixed_model_is_too_sure(rng: np.random.Generator) -> None:
    """Why it is not offered, here with a random intercept and a random difference for every cluster."""
    studies, bayes, ours = 12, 0, 0
    for _ in range(studies):
        a, b, cluster = study(rng, k=8, m=40, spread=0.8)
        right, model, group = rows(a, b, cluster)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            each = np.eye(8)[group]
            fixed, random = (
                np.column_stack([model, np.ones(len(model))]),
                np.column_stack([each, each * model[:, None]]),
            )
            fitted = BinomialBayesMixedGLM(right, fixed, random, np.repeat([0, 1], 8)).fit_vb()
        bayes += abs(fitted.fe_mean[0] / fitted.fe_sd[0]) > 1.96
        ours += correctness_model(a, b, cluster).p <= 0.05
    assert bayes >= 0.25 * studies
    assert ours < bayes


def test_what_cannot_be_fitted(rng: np.random.Generator) -> None:
    a, b, cluster = study(rng, k=2, m=10)
    assert np.isnan(correctness_model(a, b, np.zeros(20, dtype=np.int64)).p)
    assert np.isnan(correctness_model(np.ones(20, dtype=bool), b, cluster).p)
    assert np.isfinite(correctness_model(a, b, cluster, cluster).se)  # a stratum of one cluster is left out
