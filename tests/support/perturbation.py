"""What a fit learns, before and after everything that it must not see was changed to garbage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows, save_windows
from spikebridge.models import Model
from spikebridge.splits import select_windows
from spikebridge.types import Fold, Windows


def garbage(w: Windows, fold: Fold, rng: np.random.Generator) -> Windows:
    """Source, target, labels, behaviour and covariates changed in every window that is no training window of the fold:
    its test block and the gap around it."""
    away = np.setdiff1d(np.arange(len(w)), fold.train.get(w.recording, []))
    parts = {name: np.array(getattr(w, name)) for name in ("source", "target", "label", "behavior", "covariates")}
    for name in ("source", "target"):
        parts[name][away] = rng.integers(0, 200, parts[name][away].shape)
    known = away[parts["label"][away] >= 0]
    parts["label"][known] = len(w.classes) - 1 - parts["label"][known]
    for name in ("behavior", "covariates"):
        parts[name][away] = rng.normal(50, 50, parts[name][away].shape)
    return replace(w, **parts)


def spoilt(root: Path, study: Path, fold: int) -> Path:
    """Another folder of windows: those of the study, with garbage where the fold must not look."""
    folder = root / "garbage"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    which = load_splits(study / "splits.json").folds[fold]
    for w in load_windows(study / "windows"):
        save_windows(garbage(w, which, rng), folder)
    return folder


def learnt(make: Callable[[], Model], windows: Path, splits: Path, fold: int, out: Path) -> dict[str, Any]:
    """Everything that can be told of a fit: its files byte for byte, and what it says of training windows.

    The windows come from their files, in place, as every stage gets them.
    """
    which = load_splits(splits).folds[fold]
    data = load_windows(windows)
    model = make()
    part = which.inner[0]
    history = model.fit(select_windows(data, part.train), select_windows(data, part.valid), np.random.default_rng(3))
    model.save(out)
    outcome: dict[str, Any] = {p.name: p.read_bytes() for p in sorted(out.iterdir())}
    outcome["history"] = [dict(row) for row in history.rows]
    for w in select_windows(data, part.train):
        prediction = model.predict(w)
        for name in ("probabilities", "rates", "latents", "baseline"):
            value = getattr(prediction, name)
            outcome[f"{w.recording} {name}"] = None if value is None else np.asarray(value).tobytes()
    return outcome


def changed(make: Callable[[], Model], study: Path, root: Path, fold: int = 0) -> list[str]:
    """Names of what a fit learned otherwise because of windows that it was not given; empty for an honest model."""
    clean = learnt(make, study / "windows", study / "splits.json", fold, root / "clean")
    other = learnt(make, spoilt(root, study, fold), study / "splits.json", fold, root / "other")
    assert clean.keys() == other.keys()
    return [name for name in clean if clean[name] != other[name]]
