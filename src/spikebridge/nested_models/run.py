"""The stage ladder: every step out of fold, written like the results of a model, so that one check covers both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.nested_models.decoding.fit import Intervals, OutOfFold, out_of_fold
from spikebridge.nested_models.decoding.inputs import in_memory, lacking_latents, read_latents
from spikebridge.nested_models.decoding.steps import Step, decision_steps
from spikebridge.nested_models.decoding.time_resolved import course
from spikebridge.nested_models.encoding.steps import translation_ladder
from spikebridge.runtime import parallel
from spikebridge.runtime.seeds import random_generator
from spikebridge.types import Fold, Index, Partition, Splits, Windows
from spikebridge.types.intervals import merge_intervals

TRANSLATOR = "seq2seq"


@dataclass(frozen=True)
class Job:
    """One outer fold, all steps: everything that a worker needs."""

    config: Config
    fold: int
    windows: Path
    splits: Path
    train: Path


def climb(config: Config, windows: Path, splits: Path, train: Path, out: Path) -> None:
    """Write <step>/predictions.parquet and <step>/consumed.json of every step into `out`.

    Also the same of every part of the window in course/ (see ladder.course), about.json and translation/.
    train: the folder of what train@model wrote; of it only the latents of seq2seq are read, and what its fits consumed.
    about.json: hash of the manifest, and of each step its reference, its family of tests, why it is left out, and its
    settings and inner log-loss in each fold; which bins each part of the window has.
    Raises ConfigError for columns under `ladder:` that the windows do not hold.
    """
    manifest, data = load_splits(splits), load_windows(windows)
    lacking = _lacking(config, manifest, train)
    steps = decision_steps(config, data, manifest.by, lacking)
    parts = course(data[0].n_bins, lacking) if manifest.by == "block" else []
    jobs = [Job(config, f.fold, windows, splits, train) for f in manifest.folds]
    found = parallel.run_jobs(
        _fold, jobs, parallel.n_workers(config.compute, len(jobs)), lambda item: None, torch=False
    )
    out.mkdir(parents=True)
    for step in steps:
        if not step.missing:
            _write(out / step.name, {j.fold: f[step.name] for j, f in zip(jobs, found, strict=True)}, manifest.hash)
    for step in (part.step for part in parts):
        folds = {j.fold: f[step.name] for j, f in zip(jobs, found, strict=True)}
        _write(out / "course" / step.name, folds, manifest.hash)
    kept = {"confounds": config.ladder.confounds, "how": config.ladder.how}
    about = {"split_hash": manifest.hash, **kept, "decision": _about(steps, found)}
    _write_json(out / "about.json", {**about, "course": [part.about for part in parts]})
    told = translation_ladder({w.recording: w for w in data}, manifest, train, config)
    told.write(out / "translation", manifest.hash)


def _write(folder: Path, folds: Mapping[int, OutOfFold], split_hash: str) -> None:
    folder.mkdir(parents=True)
    table = pd.concat([f.table for f in folds.values()]).sort_values(["recording", "time_s"])
    table.assign(split_hash=split_hash).to_parquet(folder / "predictions.parquet", index=False)
    consumed = {str(fold): f.consumed for fold, f in folds.items()}
    _write_json(folder / "consumed.json", {"split_hash": split_hash, "folds": consumed})


def _about(steps: Sequence[Step], found: Sequence[Mapping[str, OutOfFold]]) -> list[dict[str, Any]]:
    """What each step is, with the reference that its rule gives, and its settings and inner log-loss a fold."""
    about: list[dict[str, Any]] = []
    losses: dict[str, float] = {}
    for step in steps:
        reference = step.reference or (min(losses, key=lambda name: losses[name]) if losses else "")
        entry: dict[str, Any] = {"name": step.name, "reference": reference, "family": step.family}
        about.append({**entry, "missing": step.missing})
        if not step.missing:
            folds = [each[step.name] for each in found]
            losses[step.name] = sum(f.inner_loss for f in folds)
            about[-1] |= {"settings": [f.settings for f in folds], "inner_loss": [f.inner_loss for f in folds]}
    return about


def _lacking(config: Config, manifest: Splits, train: Path) -> str:
    """Why there are no latents, or ""."""
    if TRANSLATOR not in config.models:
        return f"{TRANSLATOR} is not among the models"
    return lacking_latents(train / TRANSLATOR / "latents.npz", manifest)


def _fold(job: Job, report: parallel.Report) -> dict[str, OutOfFold]:
    manifest, data = load_splits(job.splits), load_windows(job.windows)
    lacking = _lacking(job.config, manifest, job.train)
    steps = [s for s in decision_steps(job.config, data, manifest.by, lacking) if not s.missing]
    parts = course(data[0].n_bins, lacking) if manifest.by == "block" else []
    path = job.train / TRANSLATOR / "latents.npz"
    latents = read_latents(path, job.fold) if any(s.of_latents for s in steps) else {}
    fold = _of_labelled(next(f for f in manifest.folds if f.fold == job.fold), data)
    labelled = [in_memory(w) for w in data]
    made = {}
    settled = replace(fold, inner=())  # parts of the window have no settings to choose
    for step, of_fold in [*((s, fold) for s in steps), *((part.step, settled) for part in parts)]:
        rng = random_generator(job.config.seed, "ladder", step.name, job.fold)
        one = out_of_fold(step, labelled, of_fold, latents, rng)
        if step.of_latents:
            before = _translator_consumed(job.train / TRANSLATOR / "consumed.json", job.fold)
            one = replace(one, consumed=_joined(one.consumed, before))
        made[step.name] = one
    return made


def _of_labelled(fold: Fold, data: list[Windows]) -> Fold:
    """The fold, its numbers counting labelled windows alone."""
    place = {w.recording: np.where(w.labelled, np.cumsum(w.labelled) - 1, -1) for w in data}

    def renumbered(index: Index) -> dict[str, Any]:
        made = {name: place[name][rows] for name, rows in index.items()}
        return {name: rows[rows >= 0] for name, rows in made.items()}

    inner = tuple(Partition(renumbered(p.train), renumbered(p.valid)) for p in fold.inner)
    return Fold(fold.fold, renumbered(fold.test), renumbered(fold.train), inner, fold.test_intervals)


def _translator_consumed(path: Path, fold: int) -> Intervals:
    try:
        found: Intervals = json.loads(path.read_text(encoding="utf-8"))["folds"][str(fold)]
    except (OSError, ValueError, KeyError):
        raise DataError(f"{path}: expected the intervals that fold {fold} consumed; run train@{TRANSLATOR}") from None
    return found


def _joined(one: Intervals, other: Intervals) -> Intervals:
    """What either consumed."""
    names = {**one, **other}
    return {n: merge_intervals(np.array([*one.get(n, ()), *other.get(n, ())])).tolist() for n in names}


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
