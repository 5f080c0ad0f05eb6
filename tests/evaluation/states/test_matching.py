"""Matched bins: as many of each cell of rates in each block, chosen without their own spikes."""

from __future__ import annotations

import numpy as np

from spikebridge.evaluation.states.matching import LEVELS, local_rate, matched_bins


def states(rng: np.random.Generator, shape: tuple[int, int] = (60, 30)) -> np.ndarray:
    return (np.cumsum(rng.random(shape) < 0.15, axis=1) + rng.integers(0, 2, (shape[0], 1))) % 2 == 1


def test_local_rate_is_the_mean_of_neighbours_in_the_stretch(rng: np.random.Generator) -> None:
    inside = states(rng, (20, 15))
    counts = rng.poisson(4.0, inside.shape).astype(float)
    found = local_rate(counts, inside, 3)
    for i, b in np.ndindex(inside.shape):
        near = []
        for step in (-1, 1):
            k = b
            while inside[i, b] and abs(k + step - b) <= 3 and 0 <= k + step < 15 and inside[i, k + step]:
                k += step
                near.append(counts[i, k])
        assert np.isnan(found[i, b]) if not near else np.isclose(found[i, b], np.mean(near))


def test_a_bin_does_not_choose_itself(rng: np.random.Generator) -> None:
    inside = states(rng)
    counts = rng.poisson(4.0, inside.shape).astype(float)
    changed = counts.copy()
    changed[7, 11] += 100
    before, after = (local_rate(c, inside, 3) for c in (counts, changed))
    assert before[7, 11] == after[7, 11] or (np.isnan(before[7, 11]) and np.isnan(after[7, 11]))


def test_equal_numbers_in_every_cell_of_every_block(rng: np.random.Generator) -> None:
    """Rates and numbers differ between the states by construction; afterwards neither does."""
    first = states(rng)
    second = ~first & (rng.random(first.shape) < 0.8)
    block = np.repeat(np.arange(3), 20)
    rates = [
        (
            np.where(first, rng.gamma(4.0, 1.5, first.shape), np.nan),
            np.where(second, rng.gamma(4.0, 1.0, first.shape), np.nan),
        )
        for _ in range(2)
    ]
    a, b = matched_bins(first, second, rates, block)
    assert (a <= first).all() and (b <= second).all()
    assert 100 < a.sum() == b.sum()
    for k in range(3):
        here = (block == k)[:, None]
        cells = []
        for chosen, side in ((a & here, 0), (b & here, 1)):
            cell = np.zeros(chosen.sum(), dtype=int)
            for pair in rates:
                pooled = np.concatenate([pair[0][first & here], pair[1][second & here]])
                edges = np.quantile(pooled, np.arange(1, LEVELS) / LEVELS)
                cell = LEVELS * cell + np.searchsorted(edges, pair[side][chosen])
            cells.append(np.bincount(cell, minlength=LEVELS**2))
        np.testing.assert_array_equal(*cells)
    raw = np.nanmean(rates[0][0][first]) - np.nanmean(rates[0][1][second])
    left = np.mean(rates[0][0][a]) - np.mean(rates[0][1][b])
    assert raw > 1.5 and abs(left) < 0.25 * raw


def test_bins_without_a_rate_and_states_that_share_nothing(rng: np.random.Generator) -> None:
    first = np.zeros((10, 8), dtype=bool)
    first[:, :4] = True
    rate = np.where(first, 1.0, np.nan)
    other = np.where(~first, 9.0, np.nan)
    a, b = matched_bins(first, ~first, [(rate, other), (rate, other)], np.zeros(10, dtype=np.int64))
    assert not a.any() and not b.any()
    a, b = matched_bins(first, first, [(rate * np.nan, rate)], np.zeros(10, dtype=np.int64))
    assert not a.any() and not b.any()
