"""The stage ladder: every step out of fold, written like the results of a model, so that one check covers both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.artifacts.latents import LatentsByRecording, missing_latents, read_fold_latents
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.training import TrainingIntervals, TrainingRun, joined_intervals
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import Config
from spikebridge.nested_models.decoding.fit import OutOfFold, out_of_fold
from spikebridge.nested_models.decoding.inputs import in_memory
from spikebridge.nested_models.decoding.steps import Step, decision_steps
from spikebridge.nested_models.decoding.time_resolved import course
from spikebridge.nested_models.encoding.steps import translation_ladder
from spikebridge.runtime import parallel
from spikebridge.runtime.seeds import random_generator
from spikebridge.types import Fold, Index, Partition, Splits, Windows

TRANSLATOR = "seq2seq"


@dataclass(frozen=True)
class FoldJob:
    """One outer fold, all steps: everything that a worker needs."""

    config: Config
    fold: int
    windows: Path
    splits: Path
    train: Path


def climb(config: Config, windows: Path, splits: Path, train: Path, out: Path) -> None:
    """Write <step>/predictions.parquet and <step>/training_intervals.json of every step into `out`.

    Also the same of every part of the window in course/ (see ladder.course), about.json and translation/.
    train: the folder of what train@model wrote; of it only the latents of seq2seq and its training intervals are read.
    about.json: hash of the manifest, and of each step its reference, its family of tests, why it is left out, and its
    settings and inner log-loss in each fold; which bins each part of the window has.
    Raises ConfigError for columns under `nested_models:` that the windows do not hold.
    """
    manifest, data = load_splits(splits), load_windows(windows)
    lacking = _lacking(config, manifest, train)
    steps = decision_steps(config, data, manifest.by, lacking)
    parts = course(data[0].n_bins, lacking) if manifest.by == "block" else []
    jobs = [FoldJob(config, f.fold, windows, splits, train) for f in manifest.folds]
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
    kept = {"confounds": config.nested_models.confounds, "how": config.nested_models.confound_control}
    about = {"split_hash": manifest.hash, **kept, "decision": _about(steps, found)}
    _write_json(out / "about.json", {**about, "course": [part.about for part in parts]})
    told = translation_ladder({w.recording: w for w in data}, manifest, train, config)
    told.write(out / "translation", manifest.hash)


def _write(folder: Path, folds: Mapping[int, OutOfFold], split_hash: str) -> None:
    folder.mkdir(parents=True)
    run = TrainingRun(folder)
    run.write_predictions([f.table for f in folds.values()], split_hash)
    learned = {fold: f.training_intervals for fold, f in folds.items()}
    run.write_training_intervals(TrainingIntervals(split_hash, learned))


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
    return missing_latents(TrainingRun(train / TRANSLATOR).latents, manifest)


def _fold(job: FoldJob, report: parallel.Report) -> dict[str, OutOfFold]:
    manifest, data = load_splits(job.splits), load_windows(job.windows)
    lacking = _lacking(job.config, manifest, job.train)
    steps = [s for s in decision_steps(job.config, data, manifest.by, lacking) if not s.missing]
    parts = course(data[0].n_bins, lacking) if manifest.by == "block" else []
    translator = TrainingRun(job.train / TRANSLATOR)
    latents: LatentsByRecording = {}
    if any(s.of_latents for s in steps):
        latents = read_fold_latents(translator.latents, job.fold)
    fold = _of_labelled(next(f for f in manifest.folds if f.fold == job.fold), data)
    labelled = [in_memory(w) for w in data]
    made = {}
    settled = replace(fold, inner=())  # parts of the window have no settings to choose
    for step, of_fold in [*((s, fold) for s in steps), *((part.step, settled) for part in parts)]:
        rng = random_generator(job.config.seed, "ladder", step.name, job.fold)
        one = out_of_fold(step, labelled, of_fold, latents, rng)
        if step.of_latents:
            before = translator.read_fold_intervals(job.fold)
            one = replace(one, training_intervals=joined_intervals(one.training_intervals, before))
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


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
