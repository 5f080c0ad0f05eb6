"""ROPE and Bayes factor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from spikebridge.errors import DataError
from spikebridge.statistics import bayes_factor, rope


def test_rope_by_sampling_the_posterior(rng: np.random.Generator) -> None:
    """mean | sd ~ N(m, sd^2 / n), (n - 1) s^2 / sd^2 ~ chi-squared: the posterior under p(mean, sd) ~ 1 / sd."""
    d = rng.normal(0.04, 0.05, 7)
    sd = np.sqrt(6 * d.var(ddof=1) / rng.chisquare(6, 200_000))
    mean = rng.normal(d.mean(), sd / np.sqrt(7))
    posterior = rope(d, 0.05)
    expected = [np.mean(mean < -0.05), np.mean(abs(mean) <= 0.05), np.mean(mean > 0.05)]
    np.testing.assert_allclose([posterior.worse, posterior.equal, posterior.better], expected, atol=0.005)
    np.testing.assert_allclose([posterior.ci_low, posterior.ci_high], np.quantile(mean, [0.025, 0.975]), atol=0.002)


def test_rope_of_no_width_is_the_one_sided_t_test(rng: np.random.Generator) -> None:
    d = rng.normal(0.3, 1, 9)
    assert rope(d, 0).worse == pytest.approx(stats.ttest_1samp(d, 0, alternative="greater").pvalue)
    assert rope(d, 0).equal == pytest.approx(0)


def test_correlated_folds_have_the_variance_of_nadeau_and_bengio(rng: np.random.Generator) -> None:
    d = rng.normal(0.3, 1, 10)
    scale = np.sqrt((1 / 10 + (1 / 5) / (4 / 5)) * d.var(ddof=1))
    assert rope(d, 0.1, 1 / 5).better == pytest.approx(stats.t.sf(0.1, 9, d.mean(), scale))


def test_rope_covers_what_it_says(rng: np.random.Generator) -> None:
    posteriors = [rope(d, 0.05) for d in rng.normal(0.02, 0.1, (2000, 6))]
    covered = sum(f.ci_low <= 0.02 <= f.ci_high for f in posteriors)
    assert stats.binomtest(covered, 2000, 0.95).pvalue > 0.001


def test_rope_edges() -> None:
    assert np.isnan(rope([0.1], 0.05).equal)
    same = rope([0.0, 0.0, 0.0], 0.05)
    assert (same.worse, same.equal, same.better) == (0, 1, 0)
    with pytest.raises(DataError, match="rope: expected"):
        rope([0.1, 0.2], -1)


def over_effects(d: np.ndarray, width: float) -> float:
    """BF10 the other way round: noncentral t averaged over a Cauchy prior of the effect, against central t."""
    n, t = len(d), float(stats.ttest_1samp(d, 0).statistic)
    prior = stats.cauchy(scale=width)
    top, _ = integrate.quad(lambda e: stats.nct.pdf(t, n - 1, e * np.sqrt(n)) * prior.pdf(e), -8, 8, limit=300)
    return float(top / stats.t.pdf(t, n - 1))


@pytest.mark.parametrize(("mean", "n"), [(0.0, 6), (0.8, 6), (0.3, 25)])
def test_bayes_factor_against_an_integral_over_effects(rng: np.random.Generator, mean: float, n: int) -> None:
    d = rng.normal(mean, 1, n)
    assert bayes_factor(d) == pytest.approx(over_effects(d, np.sqrt(2) / 2), rel=0.01)
    assert bayes_factor(d, 1.0) == pytest.approx(over_effects(d, 1.0), rel=0.02)


def test_bayes_factor_without_spread() -> None:
    assert np.isnan(bayes_factor([0.1, 0.1]))
    assert np.isnan(bayes_factor([0.1]))
