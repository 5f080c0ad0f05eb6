"""Latents of a translator as the stage train leaves them, made up so that they hold the label."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np

from spikebridge.splits import select_windows, training_intervals
from spikebridge.types import Splits, Windows


def translate(root: Path, data: list[Windows], splits: Splits) -> Path:
    """runs/train with latents that tell the label: noise, and twice the label's side in the last dimension."""
    rng = np.random.default_rng(4)
    folder = root / "train" / "seq2seq"
    folder.mkdir(parents=True)
    arrays = {}
    for fold, w in product(splits.folds, data):
        train = fold.train[w.recording]
        rows = np.concatenate([train[w.labelled[train]], fold.test[w.recording]])
        z = rng.normal(size=(len(rows), w.n_bins, 3)).astype(np.float32)
        z[:, :, 2] += 2.0 * np.where(w.label[rows] == 1, 1, -1)[:, None]
        arrays[f"{w.recording}|{fold.fold}|trial"] = w.trial[rows]
        arrays[f"{w.recording}|{fold.fold}|is_test"] = np.isin(rows, fold.test[w.recording])
        arrays[f"{w.recording}|{fold.fold}|latents"] = z
    np.savez_compressed(folder / "latents.npz", **arrays)
    folds = {str(f.fold): training_intervals(select_windows(data, f.train)) for f in splits.folds}
    (folder / "consumed.json").write_text(json.dumps({"split_hash": splits.hash, "folds": folds}))
    return root / "train"
