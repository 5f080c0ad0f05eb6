"""Lags and dimensions of many draws of clusters at once, against the estimates of one."""

from __future__ import annotations

import numpy as np
import pytest

from spikebridge.metrics import coupling_curves, dimensions_of_draws, lags_of_draws


def draws(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.multinomial(n, np.full(n, 1 / n), 200)


def test_lags_of_draws_are_the_peaks_of_their_sums(rng: np.random.Generator) -> None:
    lags, nats = np.arange(-4, 5) * 0.1, rng.normal(size=(7, 9))
    nats[:2, [0, -1]] += np.diag([9.0, 9.0])
    weights = draws(rng, 7)
    peaks = lags_of_draws(weights.astype(float), nats, lags)
    for weight, lag in zip(weights, peaks, strict=True):
        curve = np.repeat(nats, weight, axis=0).sum(axis=0)
        assert lag == pytest.approx(lags[0] + 0.1 * coupling_curves.parabola_peak(np.arange(9), curve), abs=1e-12)
    assert all(np.isclose(peaks, end).any() for end in lags[[0, -1]]), "peaks at the edges are among them"


def test_dimensions_of_draws_are_those_of_the_repeated_clusters(rng: np.random.Generator) -> None:
    rise = 1 - np.exp(-np.arange(1, 7) / 1.5)
    nats = 10 * rise + rng.normal(0, 2.0, (8, 6)) - rng.uniform(0, 12, (8, 1))
    spikes = rng.uniform(50, 150, 8)
    weights = draws(rng, 8)
    dimensions = dimensions_of_draws(weights.astype(float), nats, spikes)
    wanted = [
        coupling_curves.dimension_of_scores(np.repeat(nats, w, axis=0), np.repeat(spikes, w)).dimension for w in weights
    ]
    np.testing.assert_array_equal(dimensions, wanted)
    assert len(set(wanted)) > 3 and 0 in wanted
