"""The nested models of the target's spikes, from a mean rate to the translator's latents, each fitted out of fold.

mean_rate -> psth -> behavior -> target_history -> linear_source -> seq2seq. Every model is the one before it with one
group of predictors more (see `fit`). Settings are chosen on the inner partition by which the translator stopped, the
fit is on the fold's labelled training trials, and it predicts its test trials. The gain of the last two models is what
the source adds to the target's own past and to behaviour (as in Granger-causal analyses of point processes, Kim et al.
2011, PLoS Comput Biol 7:e1001110). Common input that reaches the target's past or behaviour is taken out; common input
that does not reach them is not.

The predictors from the source are fitted to what all models before leave over, whose weights stay: if these were fitted
anew, their own shrinkage would change with the number of predictors. Where source and target share much, that gain is
cautious. The target's history reaches back over earlier windows: without that, drift of source and target, each on its
own, gave a gain in every one of six simulated recordings without a link (0.0007 bits/spike over all; with it, 0.0000,
measured before the memories of training trials were kept from the test block). Drift that is faster than these
memories, or as large as everything else, is not taken out.

The model seq2seq reads the latents of the fold's translator. The network was fitted to the training trials of the
fold, and not to its test trials. The penalty is chosen on trials that no gradient step has seen, so latents that are
fitted to noise are shrunk or left out; where they carry something, their weights can still be too large. Measured on
default data (one fold of three recordings): the change of the log rates by linear_source was best as it is (scaled by
1.0), that by seq2seq scaled by 0.6, with which its gain had been 0.0007 instead of 0.0004 bits/spike. So the score of
the model seq2seq is somewhat too low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.held_out_rates import HeldOutRates
from spikebridge.artifacts.latents import FoldLatents, read_fold_latents
from spikebridge.artifacts.nested_models import TRANSLATOR, EncodingModels
from spikebridge.artifacts.training import IntervalLists, TrainingRun, joined_intervals
from spikebridge.config import ComputeConfig
from spikebridge.errors.messages import listed
from spikebridge.metrics import floored
from spikebridge.nested_models.decoding.inputs import with_latents
from spikebridge.nested_models.encoding.design_matrices import (
    FitData,
    behavior,
    earlier_windows,
    latents,
    own_history,
    population_history,
)
from spikebridge.nested_models.encoding.fit import (
    CandidatePredictors,
    FitCache,
    NestedRegression,
    nats,
    with_predictors,
    with_psth,
)
from spikebridge.nested_models.encoding.reduced_rank_source import choose_source_settings, reduced_rank_predictors
from spikebridge.runtime import job_lists, parallel
from spikebridge.runtime.job_lists import JobList
from spikebridge.splits import training_intervals
from spikebridge.types import Fold, Splits, Windows

MODELS = ("mean_rate", "psth", "behavior", "target_history", "linear_source", TRANSLATOR)
FROM_SOURCE = ("linear_source", TRANSLATOR)
KEPT = ("target_history", *FROM_SOURCE)
"""Models whose rates are written: the communication gain of single bins needs them."""
HISTORIES_S, POPULATION_S = (0.05, 0.2), 0.1
FEW, MANY = (0.01, 1.0), (0.1, 1.0, 10.0, 100.0)
"""Penalties of a few predictors, and of as many as there are units."""


@dataclass(frozen=True)
class RecordingFit:
    """One recording in one outer fold. models: names of those that the data allow."""

    windows: Windows
    fold: Fold
    models: tuple[str, ...]
    latents: FoldLatents | None
    causal: bool


@dataclass(frozen=True)
class TranslatorLatents:
    """The translator whose latents are predictors.

    run: of it only the latents and the training intervals are read. missing_latents: why it has no latents, or "".
    causal: whether source and latents of a bin use later bins.
    """

    run: TrainingRun
    missing_latents: str
    causal: bool


def fit_encoding_models(
    windows: Mapping[str, Windows], splits: Splits, translator: TranslatorLatents, compute: ComputeConfig
) -> EncodingModels:
    """Fit every model of every recording in every outer fold.

    windows: recording -> its windows.
    A model is left out for all recordings where one of them does not allow it.
    Raises DataError where the translator's files do not fit the windows.
    """
    missing = _missing(windows, splits, translator.missing_latents)
    models = tuple(name for name in MODELS if name not in missing)
    listed = encoding_jobs(windows, splits, translator)
    workers = parallel.workers_for(compute, max(1, len(listed.jobs)))
    results = job_lists.results(listed, workers, lambda item: None)
    keys = ("trials", "units", "settings")
    tables = {key: _joined([rows[key] for rows, _ in results]) for key in keys}
    learned = _training_intervals(windows, splits, translator.run, models)
    rates = [each for _, each in results]
    return EncodingModels(MODELS, **tables, training_intervals=learned, missing=missing, rates=rates)


def encoding_jobs(windows: Mapping[str, Windows], splits: Splits, translator: TranslatorLatents) -> JobList:
    """List the fits of `fit_encoding_models`, one a fold and recording; nothing is run."""
    missing = _missing(windows, splits, translator.missing_latents)
    models = tuple(name for name in MODELS if name not in missing)
    jobs = []
    for fold in splits.folds:
        of_fold = read_fold_latents(translator.run.latents, fold.fold) if TRANSLATOR in models else {}
        jobs += [
            RecordingFit(windows[name], fold, models, of_fold.get(name), translator.causal)
            for name, rows in fold.test.items()
            if models and len(rows)
        ]
    names = [f"target spikes, fold {job.fold.fold}, {job.windows.recording}" for job in jobs]
    return JobList("nested_models", fit_recording, jobs, names)


def fit_recording(job: RecordingFit, report: parallel.Report) -> tuple[dict[str, pd.DataFrame], HeldOutRates]:
    """The rows of one recording in one fold: trials, units, settings; and the rates of KEPT."""
    w, fold = job.windows, job.fold
    in_memory: dict[str, Any] = {name: np.asarray(getattr(w, name)) for name in ("source", "target", "behavior")}
    w = replace(w, **in_memory)
    inner, train = fold.inner[0], fold.train[w.recording]
    choosing = _fit_data(w, inner.train[w.recording], inner.valid[w.recording], train, job.latents)
    scoring = _fit_data(w, train, fold.test[w.recording], np.arange(len(w)), job.latents)
    nested = NestedRegression(floored(scoring.train.target.mean(axis=(0, 1), dtype=np.float64)))
    rates = nested.rates(scoring)
    chosen, scored = FitCache(), FitCache()
    tables: dict[str, list[pd.DataFrame]] = {"trials": [], "units": [], "settings": []}
    keys = {"recording": w.recording, "fold": fold.fold}
    kept: dict[str, NDArray[np.floating]] = {}
    for model in job.models:
        grown = _extend(nested, model, choosing, chosen, job.causal)
        if grown is not nested:
            tables["settings"].append(_settings(grown, nested, {**keys, "step": model}))
            if grown.before is not nested.before:
                scored = FitCache()
            nested, rates = grown, grown.rates(scoring, scored)
        gained = nats(rates, scoring.score.target, nested.base)
        if model in KEPT:
            kept[model] = rates.astype(np.float32)
        for name, table in _rows(scoring.score, gained, {**keys, "block": f"{w.recording}/{fold.fold}"}).items():
            tables[name].append(table.assign(step=model))
    joined = {key: _joined(frames) for key, frames in tables.items()}
    return joined, HeldOutRates(w.recording, scoring.score.trial, kept)


def _rows(test: Windows, gained: NDArray[np.float64], keys: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Sums by trial and by unit. gained: (trial, unit), nats."""
    spikes = test.target.sum(axis=1, dtype=np.float64)
    by_trial = {"trial": test.trial, "time_s": test.decision_s}
    return {
        "trials": pd.DataFrame({**keys, **by_trial, "nats": gained.sum(axis=1), "spikes": spikes.sum(axis=1)}),
        "units": pd.DataFrame(
            {**keys, "unit": test.target_units, "nats": gained.sum(axis=0), "spikes": spikes.sum(axis=0)}
        ),
    }


def _extend(nested: NestedRegression, model: str, data: FitData, cache: FitCache, causal: bool) -> NestedRegression:
    """The regression with the model's predictors; the same object where they do not help.

    Predictors from the source are fitted to what all models before leave over.
    """
    if model == "psth":
        return with_psth(nested, data)
    grown = nested
    if model in FROM_SOURCE and nested.before is None:
        grown = nested.as_offset()
        cache.clear()
    start = grown
    for candidate in _candidates(model, data, causal):
        grown = with_predictors(grown, candidate, data, cache)
    return nested if grown is start else grown


def _candidates(model: str, data: FitData, causal: bool) -> Iterator[CandidatePredictors]:
    if model == "behavior":
        yield CandidatePredictors(model, [("", behavior)], MANY)
    if model == "target_history":
        histories = [(f"history_s {s}", partial(own_history, history_s=s)) for s in HISTORIES_S]
        yield CandidatePredictors("own", histories, FEW)
        yield CandidatePredictors("population", [("", partial(population_history, history_s=POPULATION_S))], MANY)
    if model == "linear_source":
        settings = choose_source_settings(data, causal)
        text = f"smoothing_s {settings.smoothing_s}, ridge {settings.ridge}"
        yield CandidatePredictors(model, [(text, partial(reduced_rank_predictors, settings=settings))], MANY)
    if model == TRANSLATOR:
        yield CandidatePredictors(model, [("", partial(latents, causal=causal))], MANY)


def _fit_data(
    w: Windows,
    train: NDArray[np.int64],
    score: NDArray[np.int64],
    known: NDArray[np.int64],
    of_recording: FoldLatents | None,
) -> FitData:
    """known: windows whose past counts may be used for those scored; of those learned from only `train` is used."""
    rows = [index[w.labelled[index]] for index in (train, score)]
    learn, scored = (w.select(index) for index in rows)
    earlier = [earlier_windows(w, k).select(index) for k, index in zip((train, known), rows, strict=True)]
    z: list[Any] = [None, None]
    if of_recording is not None:
        z = [with_latents(part, {w.recording: of_recording}).behavior.astype(np.float64) for part in (learn, scored)]
    return FitData(w.select(train), learn, scored, *z, *earlier)


def _settings(grown: NestedRegression, before: NestedRegression, keys: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of settings.csv: what was added."""
    if grown.psth is not None and grown.psth != before.psth:
        text = "smoothing {:g} bins, shrunk by {:g} windows".format(*grown.psth)
        return pd.DataFrame([{**keys, "part": "psth", "setting": text, "penalty": np.nan}])
    known = len(before.added) if grown.before is before.before else 0
    return pd.DataFrame(
        [{**keys, "part": a.name, "setting": a.setting, "penalty": a.penalty} for a in grown.added[known:]]
    )


def _missing(windows: Mapping[str, Windows], splits: Splits, missing_latents: str) -> dict[str, str]:
    """Model -> why the data do not allow it; the texts are in ladder.csv."""
    if splits.by != "block":
        why = "whole recordings are held out, and rates of units that were never seen cannot be told"
        return dict.fromkeys(MODELS, why)
    missing = {}
    without_behavior = [name for name, w in windows.items() if not w.behavior_names]
    if without_behavior:
        missing["behavior"] = f"no behaviour was recorded in {listed(without_behavior, 1)}"
    if missing_latents:
        missing[TRANSLATOR] = missing_latents
    return missing


def _training_intervals(
    windows: Mapping[str, Windows], splits: Splits, translator: TrainingRun, models: Sequence[str]
) -> dict[str, dict[int, IntervalLists]]:
    """What each model learned from: every training window, and for seq2seq also what its translator learned from."""
    own: dict[int, IntervalLists] = {
        f.fold: training_intervals([windows[n].select(r) for n, r in f.train.items() if len(r)]) for f in splits.folds
    }
    learned = dict.fromkeys(models, own)
    if TRANSLATOR in models:
        learned[TRANSLATOR] = {
            fold: joined_intervals(intervals, translator.read_fold_intervals(fold)) for fold, intervals in own.items()
        }
    return learned


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    frames = [f for f in frames if len(f)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
