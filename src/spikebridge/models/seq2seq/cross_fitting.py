"""Networks of an ensemble that each hold out another part of the training windows.

The windows of every recording, those for validation included, are cut into N_PARTS contiguous parts; network m learns
from all but part m (counted round). Every window is so learned from by most networks, and held out by some: early
stopping, the scale of the modulation and the choice of modes are decided by all held-out parts instead of by the
validation windows alone (Krogh & Vedelsby 1995, NeurIPS 7:231; Breiman 1996, Machine Learning 24:123).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import join
from spikebridge.models.seq2seq.dataset import RecordingDataset
from spikebridge.types import Windows

N_PARTS = 4
Parts = NDArray[np.int64]
"""(window,), the number of the part of each training window; -1 where every network learns from it."""
Held = Mapping[int, RecordingDataset]
"""Recording number -> windows that a network does not learn from."""


def cut(
    train: Sequence[Windows], valid: Sequence[Windows], n_members: int
) -> tuple[Sequence[Windows], dict[str, Parts]]:
    """The windows that networks learn from, and recording -> their parts.

    With several networks, and windows for validation, these are learned from too. Otherwise every network learns from
    all of `train`, and is validated by `valid`.
    """
    held = {w.recording: w for w in valid if len(w)}
    if n_members == 1 or not all(w.recording in held for w in train):
        return train, {w.recording: np.full(len(w), -1) for w in train}
    both = [join(w, held[w.recording]) for w in train]
    return both, {w.recording: np.arange(len(w)) * N_PARTS // len(w) for w in both}


def learns(part: Parts, member: int) -> NDArray[np.bool_]:
    """(window,), whether network `member` learns from it."""
    return part != member % N_PARTS


def rows_of_parts(part: Parts) -> list[NDArray[np.int64]]:
    """The windows of each part; one list of all where none is held out."""
    return [np.flatnonzero(part == k) for k in range(N_PARTS)] if (part >= 0).any() else [np.arange(len(part))]


def is_cut(parts: Mapping[int, Parts]) -> bool:
    """Whether networks hold out windows."""
    return any((part >= 0).any() for part in parts.values())


def held_out(
    datasets: Held, parts: Mapping[int, Parts], valid: Sequence[tuple[int, RecordingDataset]], n_members: int
) -> list[Held]:
    """What each network does not learn from: its part of the windows, or `valid` where they are not cut."""
    if not is_cut(parts):
        return [{i: dataset for i, dataset in valid if len(dataset)}] * n_members
    return [
        {i: dataset.select(np.flatnonzero(~learns(parts[i], m))) for i, dataset in datasets.items()}
        for m in range(n_members)
    ]
