from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from spikebridge.statistics import sign_flip, sign_flip_power
from spikebridge.statistics.power import clusters_for_power, detectable


@pytest.mark.parametrize(
    ("n", "alpha", "alternative"),
    [
        (5, 0.05, "greater"),
        (6, 0.05 / 3, "greater"),
        (8, 0.05, "two-sided"),
        (10, 0.05, "greater"),
        (13, 0.025, "greater"),
    ],
)
def test_the_test_finds_it_four_times_in_five(rng: np.random.Generator, n: int, alpha: float, alternative: str) -> None:
    effect = detectable(n, alpha, alternative)  # type: ignore[arg-type]
    draws = rng.normal(effect, 1, (800, n))
    share = np.mean([sign_flip(d, rng, alternative).p <= alpha for d in draws])  # type: ignore[arg-type]
    assert share == pytest.approx(0.8, abs=0.045)


def test_many_clusters_against_statsmodels() -> None:
    expected = TTestPower().solve_power(nobs=30, alpha=0.05, power=0.8, alternative="larger")
    assert detectable(30, 0.05) == pytest.approx(expected, rel=1e-3)


def test_both_ways_meet() -> None:
    assert detectable(11, 0.05) == pytest.approx(detectable(10, 0.05) * math.sqrt(10 / 11), rel=0.06)


def test_too_few_clusters_see_nothing() -> None:
    power = sign_flip_power([0.1, 0.2, 0.15, 0.12], 0.05, tests=3)
    assert power.detectable == math.inf
    assert power.to_decide == 6
    assert power.for_power >= 6


def test_clusters_for_power_are_the_fewest() -> None:
    for effect in (3.0, 1.2, 0.5, 0.2):
        n = int(clusters_for_power(effect, 0.05))
        assert detectable(n, 0.05) <= effect
        assert n == 5 or detectable(n - 1, 0.05) > effect
    assert clusters_for_power(0.0, 0.05) == clusters_for_power(1e-9, 0.05) == math.inf


def test_in_the_unit_of_the_score(rng: np.random.Generator) -> None:
    d = rng.normal(0.03, 0.05, 9)
    power = sign_flip_power(d)
    assert power.detectable == pytest.approx(d.std(ddof=1) * detectable(9, 0.05))
    assert sign_flip_power(10 * d).detectable == pytest.approx(10 * power.detectable)
    assert power.for_power == clusters_for_power(d.mean() / d.std(ddof=1), 0.05)
    assert (
        sign_flip_power(-d, alternative="two-sided").for_power == sign_flip_power(d, alternative="two-sided").for_power
    )


def test_nothing_to_tell_by() -> None:
    assert np.isnan(sign_flip_power([0.1]).detectable)
    assert np.isnan(sign_flip_power([0.1, 0.1]).for_power)
    assert sign_flip_power([-0.1, -0.2, -0.1]).for_power == math.inf
