from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from spikebridge.errors import DataError
from spikebridge.metrics import RATE_FLOOR, bits_per_spike, information


def test_is_the_difference_of_poisson_log_likelihoods(rng: np.random.Generator) -> None:
    counts = rng.poisson(0.7, (5, 6, 3))
    rates, base = rng.gamma(2, 0.4, (5, 6, 3)), rng.gamma(2, 0.4, 3)
    nats, spikes = information(rates, counts, base)
    likelihood = poisson.logpmf(counts, rates) - poisson.logpmf(counts, base)
    np.testing.assert_allclose(nats, likelihood.sum(axis=(1, 2)))
    np.testing.assert_array_equal(spikes, counts.sum(axis=(1, 2)))
    assert bits_per_spike(nats, spikes) == pytest.approx(likelihood.sum() / counts.sum() / np.log(2))


def test_base_rate_itself_tells_nothing(rng: np.random.Generator) -> None:
    base = rng.gamma(2, 0.4, 3)
    nats, _ = information(np.broadcast_to(base, (4, 5, 3)), rng.poisson(1, (4, 5, 3)), base)
    np.testing.assert_allclose(nats, 0, atol=1e-12)


def test_zero_rates_are_raised_to_the_floor() -> None:
    counts = np.ones((1, 1, 1), dtype=np.uint8)
    nats, _ = information(np.zeros((1, 1, 1)), counts, np.array([0.5]))
    assert nats[0] == pytest.approx(np.log(RATE_FLOOR / 0.5) - (RATE_FLOOR - 0.5))
    silent, _ = information(np.full((1, 1, 1), 0.5), counts, np.zeros(1))
    assert np.isfinite(silent[0])


def test_no_spikes_is_not_a_number() -> None:
    assert np.isnan(bits_per_spike([0.0], [0.0]))


@pytest.mark.parametrize(
    ("rates", "base", "message"),
    [
        (np.ones((2, 3, 1)), np.ones(2), r"expected rates \(trial, bin, unit\)"),
        (np.ones((2, 3, 2)), np.ones(3), r"expected base \(2,\)"),
        (np.full((2, 3, 2), np.nan), np.ones(2), "expected finite rates"),
        (np.ones((2, 3, 2)), -np.ones(2), "expected finite base"),
    ],
)
def test_wrong_input_is_named(rates: np.ndarray, base: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        information(rates, np.ones((2, 3, 2)), base)
