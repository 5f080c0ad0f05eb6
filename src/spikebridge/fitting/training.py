"""Refit every outer fold with its tuned settings, predict its test block, and fit once more on everything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import models
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import Config
from spikebridge.errors import LeakageError
from spikebridge.metrics import information
from spikebridge.runtime import parallel
from spikebridge.runtime.seeds import random_generator
from spikebridge.splits import FULL, inner_partitions, select_windows, training_intervals
from spikebridge.types import Fold, Predictions, Windows

OUTER = -1  # key of the random stream of a refit; the tuner uses the trial's number


@dataclass(frozen=True)
class Job:
    """One refit: everything that a worker needs to run it."""

    config: Config
    model: str
    fold: str
    params: dict[str, Any]
    windows: Path
    splits: Path
    folder: Path
    device: str


def train(
    config: Config, model: str, windows: Path, splits: Path, tuned: Path, out: Path, on_epoch: parallel.Report
) -> None:
    """Write everything of one model into `out`: predictions, rates, latents, history, consumed time, the last fit.

    tuned: best.json of the stage tune. on_epoch: called in this process with one dict an epoch, its fold included.
    Raises LeakageError where the settings were tuned in other folds: they may have been chosen on these test blocks.
    """
    manifest = load_splits(splits)
    best = json.loads(tuned.read_text(encoding="utf-8"))
    if best.get("split_hash", manifest.hash) != manifest.hash:
        raise LeakageError(
            f"{tuned}: the settings of {model} were tuned in the folds of another split manifest: expected "
            f"{manifest.hash[:12]}, got {best['split_hash'][:12]}; run the stage tune@{model} again"
        )
    params = {str(f["fold"]): f["params"] for f in [*best["folds"], best["full"]]}
    parallel.prepare(parallel.n_workers(config.compute, len(params)))
    device = parallel.device(config.compute)
    out.mkdir(parents=True)
    jobs = [Job(config, model, f, p, windows, splits, out / "model", device) for f, p in params.items()]
    workers = parallel.n_workers(config.compute, len(jobs)) if models.kind(model).space else 1
    results = parallel.run_jobs(_refit, jobs, workers, on_epoch)

    history = pd.DataFrame([row for r in results for row in r["history"]])
    history.reindex(columns=_columns(history)).to_csv(out / "history.csv", index=False)
    consumed = {job.fold: r["consumed"] for job, r in zip(jobs, results, strict=True) if job.fold != FULL}
    tuning = {str(f["fold"]): f["consumed"] for f in best["folds"] if "consumed" in f}
    _write_json(out / "consumed.json", {"split_hash": manifest.hash, "folds": consumed, "tuning": tuning})
    _write_json(
        out / "fit.json",
        {"model": model, "params": params, "threads": 1, "device": device, "split_hash": manifest.hash},
    )
    tables = [r["tables"] for r in results if r["tables"]]
    for name in ("predictions", "translation"):
        frames = [t[name] for t in tables if t[name] is not None]
        if frames:
            table = pd.concat(frames).sort_values(["recording", "time_s"], ignore_index=True)
            table.assign(split_hash=manifest.hash).to_parquet(out / f"{name}.parquet", index=False)
    _write_arrays(out / "rates.npz", _join_folds([t["rates"] for t in tables]))
    _write_arrays(out / "latents.npz", {k: v for t in tables for k, v in t["latents"].items()})


def _refit(job: Job, report: parallel.Report) -> dict[str, Any]:
    data = load_windows(job.windows)
    splits = load_splits(job.splits)
    part = inner_partitions(splits, job.fold)[0]
    model = models.create(job.model, job.params, job.device)
    history: list[dict[str, Any]] = []

    def note(row: Mapping[str, float]) -> None:
        history.append({"fold": job.fold, **row})
        report(history[-1])

    learnt = select_windows(data, part.train), select_windows(data, part.valid)
    model.fit(*learnt, random_generator(job.config.seed, "fit", job.model, job.fold, OUTER), note)
    result: dict[str, Any] = {
        "history": history,
        "consumed": training_intervals([w for side in learnt for w in side]),
        "tables": None,
    }
    if job.fold == FULL:
        model.save(job.folder)
    else:
        result["tables"] = _tables(model, data, splits.folds[int(job.fold)])
    return result


def _tables(model: models.Model, data: Sequence[Windows], fold: Fold) -> dict[str, Any]:
    """What the fold's model says of its test trials, and its latents of all its labelled trials."""
    predictions, translation = [], []
    rates: dict[str, np.ndarray] = {}
    latents: dict[str, np.ndarray] = {}
    by_name = {w.recording: w for w in data}
    for recording, rows in fold.test.items():
        if not len(rows):
            continue
        w = by_name[recording]
        test, train = w.select(rows), w.select(fold.train[recording]) if recording in fold.train else None
        said = model.predict(test)
        who = keys_of(test, fold.fold)
        if model.decides:
            predictions.append(decisions(model, test, fold.fold, said))
        if said.rates is not None and train is not None:
            nats, spikes = information(said.rates, test.target, train.target.mean(axis=(0, 1)))
            known = np.zeros(len(test))
            if model.uses_target_past:  # it tells much without the source, but not how much
                known[:] = np.nan
            elif said.baseline is not None:
                known = information(said.baseline, test.target, train.target.mean(axis=(0, 1)))[0]
            translation.append(who.assign(nats=nats, spikes=spikes, nats_without_source=known))
            rates |= {f"{recording}|trial": test.trial, f"{recording}|rates": said.rates}
        if said.latents is not None and train is not None:
            latents |= _latents(model, fold.fold, test, train.select(train.labelled))
    return {
        "predictions": pd.concat(predictions) if predictions else None,
        "translation": pd.concat(translation) if translation else None,
        "rates": rates,
        "latents": latents,
    }


def keys_of(test: Windows, fold: int) -> pd.DataFrame:
    """One row a test trial: which it is, where and when."""
    return pd.DataFrame(
        {
            "recording": test.recording,
            "trial": test.trial,
            "fold": fold,
            "block": f"{test.recording}/{fold}",
            "time_s": test.decision_s,
        }
    )


def decisions(model: models.Model, test: Windows, fold: int, said: Predictions) -> pd.DataFrame:
    """A fold's rows of predictions.parquet, all of one recording.

    p_<class>: probability. share_<class>: of the labels that the fit learned from.
    """
    assert said.probabilities is not None
    names = np.array(test.classes)
    decided = model.decide(said.probabilities, test.recording)
    table = keys_of(test, fold).assign(label=names[test.label], predicted=names[decided])
    shares = model.class_shares.get(test.recording)
    return table.assign(
        **{f"p_{c}": said.probabilities[:, i] for i, c in enumerate(test.classes)},
        **({f"share_{c}": shares[i] for i, c in enumerate(test.classes)} if shares else {}),
    )


def _latents(model: models.Model, fold: int, test: Windows, train: Windows) -> dict[str, np.ndarray]:
    key = f"{test.recording}|{fold}"
    values = [model.predict(w).latents for w in (train, test)]
    return {
        f"{key}|trial": np.concatenate([train.trial, test.trial]),
        f"{key}|is_test": np.repeat([False, True], [len(train), len(test)]),
        f"{key}|latents": np.concatenate([v for v in values if v is not None]).astype(np.float32),
    }


def _join_folds(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One array a key, trials of all folds in the order of their number."""
    joined = {
        key: np.concatenate([p[key] for p in parts if key in p]) for key in dict.fromkeys(k for p in parts for k in p)
    }
    order = {key.split("|")[0]: np.argsort(v) for key, v in joined.items() if key.endswith("|trial")}
    return {key: v[order[key.split("|")[0]]] for key, v in joined.items()}


def _columns(history: pd.DataFrame) -> list[str]:
    first = ["fold", "epoch"]
    return first + [c for c in history.columns if c not in first]


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    if arrays:
        with open(path, "wb") as handle:
            np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
