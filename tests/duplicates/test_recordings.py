"""How much of its spikes a recording shares with another, against the share that is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spikebridge.duplicates import recordings as module
from spikebridge.duplicates import sketch_overlap, spike_sketch
from spikebridge.duplicates.recordings import MIN_RUNS, RUN_LENGTH, SKETCH_SIZE

Array = NDArray[np.float64]


def units(seed: int, n: int = 5, spikes: int = 800) -> list[Array]:
    """On the clock of a 30 kHz amplifier."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(30_000 * 600, spikes, replace=False)) / 30_000 for _ in range(n)]


def of(trains: list[Array]) -> list[int]:
    return spike_sketch(np.repeat(np.arange(len(trains)) + 7, list(map(len, trains))), np.concatenate(trains))


def runs(trains: list[Array]) -> set[tuple[int, ...]]:
    """Brute force: every run of intervals, in samples."""
    steps = [np.rint(np.diff(t) * 30_000).astype(int).tolist() for t in trains]
    return {tuple(s[k : k + RUN_LENGTH]) for s in steps for k in range(len(s) - RUN_LENGTH + 1)}


@pytest.mark.parametrize("chunk", [50, 1 << 20])
def test_the_share_against_brute_force(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    whole = units(0)
    assert len(of(whole)) == SKETCH_SIZE
    for other in (whole[1:], [t[:-3] for t in whole], [t[200:] - 20.0 for t in whole], [*whole[3:], *units(1, 3)]):
        whole_runs, other_runs = runs(whole), runs(other)
        assert sketch_overlap(of(whole), of(other)) == pytest.approx(
            len(whole_runs & other_runs) / len(whole_runs | other_runs), abs=0.15
        )


def test_order_numbers_and_clock_do_not_matter() -> None:
    whole = units(0)
    assert of(whole) == of(whole[::-1]) == of([t + 1000.0 for t in whole])


def test_other_recordings_share_nothing() -> None:
    assert sketch_overlap(of(units(0)), of(units(1))) == 0.0
    coarse = [[np.unique(np.round(t, 2)) for t in units(seed, spikes=20_000)] for seed in (0, 1)]
    assert sketch_overlap(*map(of, coarse)) < 0.05


def test_few_spikes_or_a_regular_beat_say_nothing() -> None:
    beat = [np.arange(0.0, 100.0, 0.1)]
    assert len(of(beat)) < MIN_RUNS
    assert sketch_overlap(of(beat), of(beat)) == 0.0
    assert of([np.array([1.0, 2.0])]) == of([np.empty(0)]) == []
