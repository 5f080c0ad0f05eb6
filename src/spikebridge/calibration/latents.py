"""Latents for the ladder of a study: those with which seq2seq starts, without its gradient steps.

The closed-form linear translator (reduced-rank regression on smoothed counts) of each outer fold, fitted to its
training windows alone: cheap enough for hundreds of studies, and drawn to whatever it is fitted to, as a network is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spikebridge.artifacts.latents import FoldLatents, write_latents
from spikebridge.models.seq2seq.baseline import fit_baseline
from spikebridge.models.seq2seq.dataset import smoothed_and_scaled
from spikebridge.models.seq2seq.initialization import LinearInitialization, linear_initialization
from spikebridge.types import Splits, Windows

LATENTS, PENALTY, SMOOTHING_BINS = 2, 3.0, 0.2


def write(data: Sequence[Windows], splits: Splits, path: Path) -> None:
    """Write latents.parquet as the stage train does, on the axes of the first fold."""
    folds: dict[int, dict[str, FoldLatents]] = {}
    for fold in splits.folds:
        folds[fold.fold] = {}
        for w in data:
            train, test = w.select(fold.train[w.recording]), w.select(fold.test[w.recording])
            linear = linear_initialization(train, fit_baseline(train, True, False)[1], SMOOTHING_BINS, LATENTS, PENALTY)
            folds[fold.fold][w.recording] = FoldLatents(
                np.concatenate([train.trial, test.trial]),
                np.repeat([False, True], [len(train), len(test)]),
                np.concatenate([_latents(linear, part) for part in (train, test)]),
            )
    write_latents(path, data, folds, {})


def _latents(linear: LinearInitialization, w: Windows) -> NDArray[np.float32]:
    mean, sd = (torch.from_numpy(v.astype(np.float32)) for v in (linear.mean, linear.sd))
    x = smoothed_and_scaled(w.source, mean, sd, SMOOTHING_BINS, "cpu").numpy()
    return np.asarray(x @ linear.directions, dtype=np.float32)
