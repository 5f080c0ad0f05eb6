"""The swap test: a sign flip for means, and its size for a score that is no mean."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from spikebridge.metrics import lags_of_draws
from spikebridge.statistics import paired_swap, sign_flip


@pytest.mark.parametrize("n", [4, 9, 20])
def test_of_a_mean_it_is_the_sign_flip(rng: np.random.Generator, n: int) -> None:
    a, b = rng.normal(0.3, 1.0, (2, n))
    swapped = paired_swap(lambda w: w @ np.concatenate([a, b]) / n, n, np.random.default_rng(1), 500)
    flipped = sign_flip(a - b, np.random.default_rng(1), "two-sided", 500)
    assert (swapped.estimate, swapped.p, swapped.smallest, swapped.n) == pytest.approx(
        (flipped.estimate, flipped.p, flipped.smallest, flipped.n)
    )


def test_every_exchange_is_counted_once(rng: np.random.Generator) -> None:
    """Against a loop over all exchanges, for a score that no cluster has alone."""
    lags, a, b = np.arange(5) * 0.1, rng.normal(size=(5, 5)), rng.normal(size=(5, 5))
    result = paired_swap(lambda w: lags_of_draws(w, np.concatenate([a, b]), lags), 5, rng)
    ones = np.ones((1, 1))
    each = []
    for keep in product([True, False], repeat=5):
        flags = np.array(keep)[:, None]
        sums = (np.where(flags, x, y).sum(axis=0)[None] for x, y in ((a, b), (b, a)))
        each.append(np.subtract(*(lags_of_draws(ones, s, lags)[0] for s in sums)))
    assert result.estimate == pytest.approx(each[0])
    assert result.p == pytest.approx(np.mean(np.abs(each) >= abs(each[0]) - 1e-9))


def test_without_clusters_or_score_there_is_no_p(rng: np.random.Generator) -> None:
    assert np.isnan(paired_swap(lambda w: w.sum(axis=1), 0, rng).p)
    assert np.isnan(paired_swap(lambda w: np.full(len(w), np.nan), 3, rng).p)


@pytest.mark.slow
def test_false_claims_of_a_difference_in_lag() -> None:
    """Noisy curves with one true peak: at most 5 % of 400 tests of eight clusters claim a difference."""
    rng, lags = np.random.default_rng(3), np.arange(-4, 5) * 0.1
    mean = -8.0 * (lags - 0.1) ** 2
    claims = 0
    for _ in range(400):
        nats = mean + rng.normal(0, 1.0, (16, len(lags)))
        claims += paired_swap(lambda w, nats=nats: lags_of_draws(w, nats, lags), 8, rng).p <= 0.05
    assert claims / 400 <= 0.075  # 5 % plus 2.3 standard errors
