"""The ladder of a translation: what tells of the target's spikes, from a mean rate to the translator, step by step.

mean_rate -> psth -> behavior -> target_history -> linear_source -> seq2seq. Every step is the one before it and one
block more (see `nested`); settings are chosen on the inner partition by which the translator stopped, the fit is on the
fold's labelled training trials, and its test trials are told. The gain of the last two is what the source adds to the
target's own past and to behaviour (as in Granger-causal analyses of point processes, Kim et al. 2011, PLoS Comput Biol
7:e1001110). Common input that reaches the target's past or behaviour is taken out; common input that does not, is not.

What the source tells is fitted to what all steps before leave over, whose weights stay: were they fitted anew, their
own shrinkage would change with the number of predictors. Where source and target share much, that is a cautious gain.
The target's history reaches back over earlier windows: without that, drift of source and target, each on its own, gave
a gain in every one of six simulated recordings without a link (0.0007 bits/spike over all; with it, 0.0000, measured
before the memories of training trials were kept from the test block). Drift that
is faster than these memories, or as large as everything else, is not taken out.

The step seq2seq reads the latents of the fold's translator. Those of its own training trials are of a network that was
fitted to them, those of test trials are not. The penalty is chosen on trials that no gradient step has seen, so latents
that are fitted to noise are shrunk or left out; where they carry something their weights can still be too large.
Measured on default data (one fold of three recordings): the change of the log rates by linear_source was best as it is
(scaled by 1.0), that by seq2seq scaled by 0.6, with which its gain had been 0.0007 instead of 0.0004 bits/spike. So the
step seq2seq is told with some loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.latents import FoldLatents, missing_latents, read_fold_latents
from spikebridge.artifacts.training import IntervalLists, TrainingRun, joined_intervals
from spikebridge.config import Config
from spikebridge.errors.messages import listed
from spikebridge.metrics import floored
from spikebridge.nested_models.decoding.inputs import with_latents
from spikebridge.nested_models.encoding.design_matrices import (
    View,
    behavior,
    earlier_windows,
    latents,
    own_history,
    population_history,
)
from spikebridge.nested_models.encoding.fit import Memory, Nested, Part, nats, with_course, with_part
from spikebridge.nested_models.encoding.reduced_rank_source import best_linear, linear_source
from spikebridge.runtime import parallel
from spikebridge.splits import training_intervals
from spikebridge.types import Fold, Splits, Windows

TRANSLATOR = "seq2seq"
STEPS = ("mean_rate", "psth", "behavior", "target_history", "linear_source", TRANSLATOR)
SOURCES = ("linear_source", TRANSLATOR)
HISTORIES_S, POPULATION_S = (0.05, 0.2), 0.1
FEW, MANY = (0.01, 1.0), (0.1, 1.0, 10.0, 100.0)
"""Penalties of a few predictors, and of those that are as many as units."""


@dataclass(frozen=True)
class TranslationLadder:
    """The steps out of fold.

    trials: recording, trial, fold, block, time_s, step, nats, spikes: one row a trial and step, nats against each
    unit's training mean rate. units: recording, unit, fold, block, step, nats, spikes: sums over the block's trials.
    settings: recording, fold, step, part, setting, penalty of what was added. training_intervals: step -> fold -> the
    time that it was learned from.
    missing: step -> why it is left out, in words.
    """

    trials: pd.DataFrame
    units: pd.DataFrame
    settings: pd.DataFrame
    training_intervals: Mapping[str, Mapping[int, IntervalLists]]
    missing: Mapping[str, str]

    @property
    def steps(self) -> list[str]:
        return [s for s in STEPS if s not in self.missing]

    def write(self, folder: Path, split_hash: str) -> None:
        """Into a new folder: trials.parquet, units.parquet, settings.csv and about.json."""
        folder.mkdir()
        for name in ("trials", "units"):
            getattr(self, name).assign(split_hash=split_hash).to_parquet(folder / f"{name}.parquet", index=False)
        self.settings.to_csv(folder / "settings.csv", index=False)
        about = {"steps": list(STEPS), "missing": dict(self.missing), "training_intervals": self.training_intervals}
        text = json.dumps({"split_hash": split_hash, **about}, indent=1, sort_keys=True)
        (folder / "about.json").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class EncodingJob:
    """One recording in one outer fold. steps: those that are not left out."""

    windows: Windows
    fold: Fold
    steps: tuple[str, ...]
    latents: FoldLatents | None
    causal: bool


def translation_ladder(
    windows: Mapping[str, Windows], splits: Splits, train_folder: Path, config: Config
) -> TranslationLadder:
    """Every step of every recording in every outer fold, out of fold.

    windows: recording -> its windows. train_folder: what train@model wrote; of it only the latents of seq2seq are read,
    and what its fits learned from. A step is left out for all recordings where one of them does not allow it.
    Raises DataError where the translator's files do not fit the windows.
    """
    missing = _missing(windows, splits, train_folder, config)
    steps = tuple(s for s in STEPS if s not in missing)
    causal = config.models.get(TRANSLATOR, {}).get("causal") is True
    translator = TrainingRun(train_folder / TRANSLATOR)
    jobs = []
    for fold in splits.folds:
        here = read_fold_latents(translator.latents, fold.fold) if TRANSLATOR in steps else {}
        jobs += [
            EncodingJob(windows[name], fold, steps, here.get(name), causal)
            for name, rows in fold.test.items()
            if steps and len(rows)
        ]
    workers = parallel.n_workers(config.compute, max(1, len(jobs)))
    found = parallel.run_jobs(climb_one, jobs, workers, lambda item: None, torch=False)
    tables = {key: _joined([f[key] for f in found]) for key in ("trials", "units", "settings")}
    return TranslationLadder(
        **tables, training_intervals=_training_intervals(windows, splits, translator, steps), missing=missing
    )


def climb_one(job: EncodingJob, report: parallel.Report) -> dict[str, pd.DataFrame]:
    """The rows of one recording in one fold: trials, units, settings."""
    w, fold = job.windows, job.fold
    here: dict[str, Any] = {name: np.asarray(getattr(w, name)) for name in ("source", "target", "behavior")}
    w = replace(w, **here)
    inner = fold.inner[0]
    train = fold.train[w.recording]
    choosing = _view(w, inner.train[w.recording], inner.valid[w.recording], train, job.latents)
    scoring = _view(w, train, fold.test[w.recording], np.arange(len(w)), job.latents)
    nested = Nested(floored(scoring.train.target.mean(axis=(0, 1), dtype=np.float64)))
    test = scoring.score
    spikes = test.target.sum(axis=1, dtype=np.float64)
    rates = nested.rates(scoring)
    chosen, scored = Memory(), Memory()
    tables: dict[str, list[pd.DataFrame]] = {"trials": [], "units": [], "settings": []}
    who = {"recording": w.recording, "fold": fold.fold}
    of_block = {**who, "block": f"{w.recording}/{fold.fold}"}
    for step in job.steps:
        grown = _grow(nested, step, choosing, chosen, job.causal)
        if grown is not nested:
            tables["settings"].append(_settings(grown, nested, {**who, "step": step}))
            if grown.before is not nested.before:
                scored = Memory()
            nested, rates = grown, grown.rates(scoring, scored)
        told = nats(rates, test.target, nested.base)
        tables["trials"].append(
            pd.DataFrame({**of_block, "trial": test.trial, "time_s": test.decision_s, "step": step,
                          "nats": told.sum(axis=1), "spikes": spikes.sum(axis=1)})
        )  # fmt: skip
        tables["units"].append(
            pd.DataFrame({**of_block, "unit": test.target_units, "step": step,
                          "nats": told.sum(axis=0), "spikes": spikes.sum(axis=0)})
        )  # fmt: skip
    return {key: _joined(frames) for key, frames in tables.items()}


def _grow(nested: Nested, step: str, view: View, memory: Memory, causal: bool) -> Nested:
    """The same object where the step adds nothing. What the source tells is fitted to what all before leaves over."""
    if step == "psth":
        return with_course(nested, view)
    grown = nested
    if step in SOURCES and nested.before is None:
        grown = nested.apart()
        memory.clear()
    start = grown
    for part in _parts(step, view, causal):
        grown = with_part(grown, part, view, memory)
    return nested if grown is start else grown


def _parts(step: str, view: View, causal: bool) -> Iterator[Part]:
    if step == "behavior":
        yield Part(step, [("", behavior)], MANY)
    if step == "target_history":
        yield Part("own", [(f"history_s {s}", partial(own_history, history_s=s)) for s in HISTORIES_S], FEW)
        yield Part("population", [("", partial(population_history, history_s=POPULATION_S))], MANY)
    if step == "linear_source":
        how = best_linear(view, causal)
        said = f"smoothing_s {how.smoothing_s}, ridge {how.ridge}"
        yield Part(step, [(said, partial(linear_source, how=how))], MANY)
    if step == TRANSLATOR:
        yield Part(step, [("", partial(latents, causal=causal))], MANY)


def _view(
    w: Windows, train: NDArray[np.int64], score: NDArray[np.int64], known: NDArray[np.int64], of: FoldLatents | None
) -> View:  # fmt: skip
    """known: numbers of the windows whose past counts may tell of those scored; `train` tells of those learned from."""
    rows = [index[w.labelled[index]] for index in (train, score)]
    learn, scored = (w.select(index) for index in rows)
    earlier = [earlier_windows(w, k).select(index) for k, index in zip((train, known), rows, strict=True)]
    z: list[Any] = [None, None]
    if of is not None:
        z = [with_latents(part, {w.recording: of}).behavior.astype(np.float64) for part in (learn, scored)]
    return View(w.select(train), learn, scored, *z, *earlier)


def _settings(grown: Nested, before: Nested, who: Mapping[str, Any]) -> pd.DataFrame:
    known = len(before.added) if grown.before is before.before else 0
    rows = [
        {**who, "part": a.part, "setting": a.setting, "penalty": a.penalty} for a in grown.added[known:]
    ]  # fmt: skip
    if grown.course is not None and grown.course != before.course:
        said = "smoothing {:g} bins, shrunk by {:g} windows".format(*grown.course)
        rows = [{**who, "part": "psth", "setting": said, "penalty": np.nan}]
    return pd.DataFrame(rows)


def _missing(windows: Mapping[str, Windows], splits: Splits, train_folder: Path, config: Config) -> dict[str, str]:
    if splits.by != "block":
        why = "whole recordings are held out, and rates of units that were never seen cannot be told"
        return dict.fromkeys(STEPS, why)
    missing = {}
    still = [name for name, w in windows.items() if not w.behavior_names]
    if still:
        missing["behavior"] = f"no behaviour was recorded in {listed(still, 1)}"
    if TRANSLATOR not in config.models:
        missing[TRANSLATOR] = f"{TRANSLATOR} is not among the models"
    elif lacking := missing_latents(TrainingRun(train_folder / TRANSLATOR).latents, splits):
        missing[TRANSLATOR] = lacking
    return missing


def _training_intervals(
    windows: Mapping[str, Windows], splits: Splits, translator: TrainingRun, steps: Sequence[str]
) -> dict[str, dict[int, IntervalLists]]:
    """What each step learned from: every training window, and for seq2seq also what its translator learned from."""
    own: dict[int, IntervalLists] = {
        f.fold: training_intervals([windows[n].select(r) for n, r in f.train.items() if len(r)]) for f in splits.folds
    }
    learned = dict.fromkeys(steps, own)
    if TRANSLATOR in steps:
        learned[TRANSLATOR] = {
            fold: joined_intervals(intervals, translator.read_fold_intervals(fold)) for fold, intervals in own.items()
        }
    return learned


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    frames = [f for f in frames if len(f)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
