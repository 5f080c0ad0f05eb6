"""Matched bins are as many in each block, and thinned counts have equal rates and the same distribution."""

from __future__ import annotations

import numpy as np
import pytest

from spikebridge.evaluation.states.matching import matched_bins, thinned


def states(rng: np.random.Generator, shape: tuple[int, int] = (60, 30), share: float = 0.5) -> np.ndarray:
    return (np.cumsum(rng.random(shape) < 0.15, axis=1) + (rng.random((shape[0], 1)) < share)) % 2 == 1


def test_as_many_bins_in_every_block_and_spread_in_time(rng: np.random.Generator) -> None:
    first = states(rng) & (rng.random((60, 30)) < 0.3)
    second = ~first
    first[40:] = False  # a block without the first state
    block = np.repeat([2, 0, 1], 20)
    a, b = matched_bins(first, second, block)
    assert (a <= first).all() and (b <= second).all()
    for k in range(3):
        here = block == k
        fewest = min(first[here].sum(), second[here].sum())
        assert a[here].sum() == b[here].sum() == fewest
        if fewest:
            places = np.flatnonzero(second[here])
            taken = np.flatnonzero(b[here])
            rank = np.searchsorted(places, taken)
            assert np.ptp(np.diff(rank)) <= 1, "every n-th bin of the larger state"
    assert not a[40:].any() and not b[40:].any() and a.sum() > 100


def test_thinned_counts_have_the_lower_rate_of_each_unit(rng: np.random.Generator) -> None:
    first = states(rng, (400, 30))
    rates = np.where(first[:, :, None], [6.0, 1.0, 0.0], [2.0, 3.0, 2.0])
    counts = rng.poisson(rates).astype(np.uint8)
    a, b = thinned(counts, (first, ~first), (first, ~first), rng)
    assert a.dtype == counts.dtype
    for made, inside in ((a, first), (b, ~first)):
        assert made[inside].mean(axis=0) == pytest.approx([2.0, 1.0, 0.0], abs=0.06)
        assert made[inside].var(axis=0) == pytest.approx([2.0, 1.0, 0.0], abs=0.15), "thinned Poisson is Poisson"
        np.testing.assert_array_equal(made[~inside], counts[~inside])
        assert (made <= counts).all()
    np.testing.assert_array_equal(b[~first][:, 0], counts[~first][:, 0])
    np.testing.assert_array_equal(a[first][:, 1], counts[first][:, 1])
