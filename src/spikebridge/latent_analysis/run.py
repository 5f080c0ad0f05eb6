"""The stage analyze: every fold a job, every analysis of the settings on it, tables of all folds together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import Config
from spikebridge.latent_analysis import attribution, consistency, direction, held_out_units, optimism
from spikebridge.latent_analysis.refit import Refits
from spikebridge.runtime import parallel
from spikebridge.text.plain_text import write_csv

ANALYSES = {
    "direction": direction.tables,
    "consistency": consistency.tables,
    "held_out_units": held_out_units.tables,
    "attribution": attribution.tables,
    "optimism": optimism.tables,
}


@dataclass(frozen=True)
class Job:
    """One outer fold: everything that a worker needs."""

    config: Config
    fold: int
    params: dict[str, Any]
    windows: Path
    splits: Path
    device: str
    tuned: dict[str, dict[str, Any]]


def analyze(config: Config, windows: Path, splits: Path, tuned: Path, out: Path, on_epoch: parallel.Report) -> None:
    """Write <table>.csv of every analysis, raw sums a test block, and about.json into `out`.

    tuned: the folder with <model>/best.json of the stage tune. Where the model is none of params.yaml's, or no analysis
    is asked for, about.json says so and there is nothing else. on_epoch: called with one dict an epoch of every fit.
    """
    settings = config.analysis
    out.mkdir(parents=True)
    wanted = settings.analyses if settings.model in config.models else []
    manifest = load_splits(splits)
    about = {"model": settings.model, "run": wanted, "split_hash": manifest.hash}
    (out / "about.json").write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
    if not wanted:
        return
    known = [m for m in config.models if (tuned / m / "best.json").is_file()]
    audited = optimism.audited(known) if "optimism" in wanted else []
    tunings = {m: _folds(tuned / m / "best.json") for m in dict.fromkeys([settings.model, *audited])}
    if audited:
        optimism.inner_scores({m: tunings[m] for m in audited}).to_csv(out / "optimism_inner.csv", index=False)
    best = {m: _quick(folds, m, config) for m, folds in tunings.items()}
    parallel.prepare(parallel.n_workers(config.compute, len(best[settings.model])))
    device = parallel.device(config.compute)
    jobs = [
        Job(config, f["fold"], f["params"], windows, splits, device, {m: best[m][k] for m in audited})
        for k, f in enumerate(best[settings.model])
    ]
    found = parallel.run_jobs(_fold, jobs, parallel.n_workers(config.compute, len(jobs)), on_epoch)
    for name in found[0]:
        write_csv(pd.concat([one[name] for one in found], ignore_index=True), out / f"{name}.csv")


def _folds(path: Path) -> list[dict[str, Any]]:
    """What the tuner found in every outer fold."""
    folds: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["folds"]
    return folds


def _quick(folds: list[dict[str, Any]], model: str, config: Config) -> list[dict[str, Any]]:
    """The folds that are analysed, with settings for a quick fit."""
    settings = config.analysis
    return [
        f | {"params": optimism.cheaper(f["params"], model, settings.n_members, settings.max_epochs)}
        for f in folds[: settings.n_folds]
    ]


def _fold(job: Job, report: parallel.Report) -> dict[str, pd.DataFrame]:
    manifest = load_splits(job.splits)
    fold = next(f for f in manifest.folds if f.fold == job.fold)
    data = load_windows(job.windows)
    refits = Refits(job.config, job.params, data, manifest, fold, job.device, report, job.tuned)
    made: dict[str, pd.DataFrame] = {}
    for name in job.config.analysis.analyses:
        made |= ANALYSES[name](refits)
    return made
