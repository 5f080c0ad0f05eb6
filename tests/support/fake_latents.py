"""Latents of a translator as the stage train leaves them, made up so that they hold the label."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
from studies import small_config

from spikebridge.artifacts.latents import FoldLatents, missing_latents, write_latents
from spikebridge.artifacts.nested_models import EncodingModels
from spikebridge.artifacts.training import TrainingIntervals, TrainingRun
from spikebridge.nested_models.encoding.models import TranslatorLatents, fit_encoding_models
from spikebridge.splits import select_windows, training_intervals
from spikebridge.types import Splits, Windows


def translate(root: Path, data: list[Windows], splits: Splits) -> Path:
    """runs/train with latents that hold the label: noise, and twice the label's side in the last dimension."""
    rng = np.random.default_rng(4)
    latents: dict[int, dict[str, FoldLatents]] = {fold.fold: {} for fold in splits.folds}
    for fold, w in product(splits.folds, data):
        train = fold.train[w.recording]
        rows = np.concatenate([train[w.labelled[train]], fold.test[w.recording]])
        z = rng.normal(size=(len(rows), w.n_bins, 3)).astype(np.float32)
        z[:, :, 2] += 2.0 * np.where(w.label[rows] == 1, 1, -1)[:, None]
        latents[fold.fold][w.recording] = FoldLatents(w.trial[rows], np.isin(rows, fold.test[w.recording]), z)
    write_run(root / "train", data, splits, latents)
    return root / "train"


def write_run(
    train: Path, data: list[Windows], splits: Splits, latents: dict[int, dict[str, FoldLatents]]
) -> TrainingRun:
    """What the stage nested_models reads of the translator: its latents, and the time that its fits learned from."""
    run = TrainingRun(train / "seq2seq")
    run.folder.mkdir(parents=True)
    write_latents(run.latents, data, latents, {})
    folds = {f.fold: training_intervals(select_windows(data, f.train)) for f in splits.folds}
    run.write_training_intervals(TrainingIntervals(splits.hash, folds))
    return run


def encoding_models(windows: Mapping[str, Windows], splits: Splits, train: Path) -> EncodingModels:
    """The encoding models as the stage nested_models fits them."""
    translator = TrainingRun(train / "seq2seq")
    missing = missing_latents(translator.latents, splits)
    latents = TranslatorLatents(translator, missing, causal=False)
    return fit_encoding_models(windows, splits, latents, small_config().compute)
