"""The stage train: fit every outer fold with its tuned settings, predict its test block, and fit once on all data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import models
from spikebridge.artifacts.few_labels import write_few_labels
from spikebridge.artifacts.held_out_rates import BASELINE, HeldOutRates, write_held_out_rates
from spikebridge.artifacts.latents import FoldLatents, write_latents
from spikebridge.artifacts.out_of_fold import Rates
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.training import TrainingIntervals, TrainingRun
from spikebridge.artifacts.trial_tables import prediction_rows, translation_rows
from spikebridge.artifacts.tuning import read_tuned_settings
from spikebridge.artifacts.windows import load_windows
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig, ComputeConfig
from spikebridge.errors import LeakageError
from spikebridge.fitting.few_labels import with_few_labels
from spikebridge.fitting.held_out import fit_and_adapt
from spikebridge.metrics import information
from spikebridge.runtime import job_lists, parallel
from spikebridge.runtime.job_lists import WRITTEN, JobList
from spikebridge.runtime.seeds import random_generator
from spikebridge.splits import FULL, fit_partition, training_intervals
from spikebridge.types import Fold, Windows

OUTER = -1
"""Key of the random stream of a fit. The tuner uses its trial number here. Another key would change results."""


@dataclass(frozen=True)
class FoldFit:
    """The inputs of one fit, on one outer fold or on all data: all that a worker needs.

    Parameters
    ----------
    seed : int
        Of every random stream.
    baseline : BaselineConfig
        Terms of the baseline.
    model : str
        Name of the model.
    fold : str
        Number of the outer fold, or "full".
    params : mapping
        Its tuned settings.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    model_folder : Path
        Gets the fit on all data.
    device : str
        Of torch.
    """

    seed: int
    baseline: BaselineConfig
    model: str
    fold: str
    params: Mapping[str, Any]
    windows: Path
    splits: Path
    model_folder: Path = field(metadata=WRITTEN)
    device: str


@dataclass
class FoldResult:
    """The results of one fit: its training curve, its training intervals, and its predictions of the test block.

    Parameters
    ----------
    history : list of dict
        One row an epoch.
    training_intervals : dict of str to list
        Recording -> [start_s, stop_s] of the time that was learned from.
    predictions, few_labels, translation : list of DataFrame
        Rows of predictions.parquet, few_labels.parquet and translation.parquet.
    rates : list of Rates
        Predicted rates of the test trials.
    baseline_rates : list of HeldOutRates
        The baseline's rates of the same trials.
    latents : dict of str to FoldLatents
        Recording -> latents; for the fit on all data, those of all labelled trials.
    baselines : list of dict
        Rows of baselines.csv.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    training_intervals: dict[str, list[list[float]]] = field(default_factory=dict)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    few_labels: list[pd.DataFrame] = field(default_factory=list)
    translation: list[pd.DataFrame] = field(default_factory=list)
    rates: list[Rates] = field(default_factory=list)
    baseline_rates: list[HeldOutRates] = field(default_factory=list)
    latents: dict[str, FoldLatents] = field(default_factory=dict)
    baselines: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: str,
    seed: int,
    baseline: BaselineConfig,
    compute: ComputeConfig,
    windows: Path,
    splits: Path,
    tuned: Path,
    out: Path,
    on_epoch: parallel.Report,
) -> None:
    """Fit one model in every outer fold and on all data, and write the results.

    Parameters
    ----------
    model : str
        Name of the model.
    seed : int
        Of every random stream.
    baseline : BaselineConfig
        Terms of the baseline.
    compute : ComputeConfig
        The machine.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    tuned : Path
        best.json of the stage tune.
    out : Path
        New folder for the results; see spikebridge.artifacts.training.
    on_epoch : Callable
        Called in this process with one dict for each epoch, which includes the fold.

    Raises
    ------
    LeakageError
        If the settings were tuned with another split manifest: they may have been chosen on these test blocks.
    """
    manifest, best = load_splits(splits), read_tuned_settings(tuned)
    kind = models.get_class(model)
    workers = parallel.workers_for(compute, len(best.params)) if kind.space else 1
    parallel.prepare(workers, _modules(kind))
    listed = training_jobs(model, seed, baseline, compute, windows, splits, tuned, out)
    out.mkdir(parents=True)
    run = TrainingRun(out)
    outcomes = job_lists.results(listed, workers, on_epoch)
    results = dict(zip([fit.fold for fit in listed.jobs], outcomes, strict=True))
    final = results.pop(FULL, FoldResult())
    folds = {int(fold): result for fold, result in results.items()}

    run.write_history(row for result in (*folds.values(), final) for row in result.history)
    learned = {fold: result.training_intervals for fold, result in folds.items()}
    tuning = {int(t.fold): t.training_intervals for t in best.folds if t.training_intervals is not None}
    run.write_training_intervals(TrainingIntervals(manifest.hash, learned, tuning))
    device = listed.jobs[0].device
    run.write_fit({"model": model, "params": best.params, "threads": 1, "device": device, "split_hash": manifest.hash})
    run.write_predictions([table for result in folds.values() for table in result.predictions], manifest.hash)
    write_few_labels(out, [table for result in folds.values() for table in result.few_labels], manifest.hash)
    run.write_translation([table for result in folds.values() for table in result.translation], manifest.hash)
    run.write_baselines([row for result in (*folds.values(), final) for row in result.baselines])
    run.write_rates([part for result in folds.values() for part in result.rates])
    write_held_out_rates(out, [part for result in folds.values() for part in result.baseline_rates])
    latents = {fold: result.latents for fold, result in folds.items() if result.latents}
    if latents:
        write_latents(run.latents, load_windows(windows), latents, final.latents)


def training_jobs(
    model: str,
    seed: int,
    baseline: BaselineConfig,
    compute: ComputeConfig,
    windows: Path,
    splits: Path,
    tuned: Path,
    out: Path,
) -> JobList:
    """List the fits of one model, one a fold and one on all data; nothing is run.

    Parameters
    ----------
    model : str
        Name of the model.
    seed : int
        Of every random stream.
    baseline : BaselineConfig
        Terms of the baseline.
    compute : ComputeConfig
        The machine.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    tuned : Path
        best.json of the stage tune.
    out : Path
        Folder for the results.

    Returns
    -------
    JobList
        Each returns a `FoldResult`.

    Raises
    ------
    LeakageError
        As of `train`.
    """
    manifest, best = load_splits(splits), read_tuned_settings(tuned)
    if best.split_hash and best.split_hash != manifest.hash:
        raise LeakageError(
            f"{tuned}: the settings of {model} were tuned in the folds of another split manifest: expected "
            f"{manifest.hash[:12]}, got {best.split_hash[:12]}; run the stage tune@{model} again"
        )
    modules = _modules(models.get_class(model))
    device = parallel.device(compute, modules)
    places = windows, splits, TrainingRun(out).model
    fits = [FoldFit(seed, baseline, model, fold, params, *places, device) for fold, params in best.params.items()]
    return JobList(f"train@{model}", _fit_fold, fits, [f"fold {fit.fold}" for fit in fits], modules, [model])


def _modules(kind: type[models.Model]) -> tuple[str, ...]:
    return (*kind.libraries, kind.__module__, __name__)


def _fit_fold(fit: FoldFit, report: parallel.Report) -> FoldResult:
    data = load_windows(fit.windows)
    splits = load_splits(fit.splits)
    part = fit_partition(splits, fit.fold)
    model = models.create(fit.model, fit.params, fit.device, Baselines(fit.baseline))
    result = FoldResult()

    def note(row: Mapping[str, float]) -> None:
        result.history.append({"fold": fit.fold, **row})
        report(result.history[-1])

    rng = random_generator(fit.seed, "fit", models.random_stream(fit.model), fit.fold, OUTER)
    learned = fit_and_adapt(model, data, part, rng, note)
    result.baselines = [{"fold": fit.fold, **row} for row in _baseline_terms(model)]
    result.training_intervals = training_intervals(learned)
    if fit.fold == FULL:
        model.save(fit.model_folder)
        result.latents = _final_latents(model, data)
    else:
        fold = splits.folds[int(fit.fold)]
        _predict_test_block(model, data, fold, result)
        if part.adapt is not None and model.adapts:
            result.few_labels = _with_few_labels(fit, model, data, fold, dict(splits.gap_s))
    return result


def _with_few_labels(
    fit: FoldFit, model: models.Model, data: Sequence[Windows], fold: Fold, gaps: dict[str, float]
) -> list[pd.DataFrame]:
    def fresh() -> models.Model:
        return models.create(fit.model, fit.params, fit.device, model.baseline_fits)

    def rng(recording: str, block: int) -> np.random.Generator:
        return random_generator(fit.seed, "few labels", fit.model, fit.fold, recording, block)

    return list(with_few_labels(model, fresh, data, fold, gaps, rng))


def _baseline_terms(model: models.Model) -> Iterator[dict[str, Any]]:
    """One row a recording of a translator; see artifacts.training.BASELINES."""
    for recording, b in model.baselines.items():
        psth = {"psth": b.shrinkage > 0, "smoothing_bins": b.smoothing_bins, "shrinkage": b.shrinkage}
        drift = {"drift": b.kernel_s > 0, "kernel_s": b.kernel_s, "prior": b.prior}
        yield {"recording": recording, **psth, **drift, "scale": model.scales.get(recording, 1.0)}


def _predict_test_block(model: models.Model, data: Sequence[Windows], fold: Fold, result: FoldResult) -> None:
    """Add the predictions of the fold's test trials to the result, and the latents of all its labelled trials.

    Of a recording that is held out as a whole, the trials whose spikes the fit was adapted to count as learned from.
    """
    by_name = {w.recording: w for w in data}
    for recording, rows in fold.test.items():
        if not len(rows):
            continue
        w = by_name[recording]
        test, train = w.select(rows), w.select(fold.spikes_known(recording))
        predicted = model.predict(test)
        if model.decides:
            assert predicted.probabilities is not None
            decided = model.decide(predicted.probabilities, recording)
            shares = model.class_shares.get(recording, ())
            result.predictions.append(prediction_rows(test, fold.fold, predicted.probabilities, decided, shares))
        if predicted.rates is not None and len(train):
            mean = train.target.mean(axis=(0, 1))
            nats, spikes = information(predicted.rates, test.target, mean)
            without_source = np.zeros(len(test))
            if (
                model.uses_target_past
            ):  # its rates also use the past of the target; the contribution of the source is unknown
                without_source[:] = np.nan
            elif predicted.baseline is not None:
                without_source = information(predicted.baseline, test.target, mean)[0]
            result.translation.append(translation_rows(test, fold.fold, nats, spikes, without_source))
            result.rates.append(Rates(recording, test.trial, predicted.rates))
            if not model.uses_target_past:
                baseline = mean if predicted.baseline is None else predicted.baseline
                part = {BASELINE: np.broadcast_to(baseline, predicted.rates.shape)}
                result.baseline_rates.append(HeldOutRates(recording, test.trial, part))
        if predicted.latents is not None and len(train):
            result.latents[recording] = _latents(model, test, train.select(train.labelled))


def _latents(model: models.Model, test: Windows, train: Windows) -> FoldLatents:
    values = [model.predict(w).latents for w in (train, test)]
    return FoldLatents(
        np.concatenate([train.trial, test.trial]),
        np.repeat([False, True], [len(train), len(test)]),
        np.concatenate([v for v in values if v is not None]).astype(np.float32),
    )


def _final_latents(model: models.Model, data: Sequence[Windows]) -> dict[str, FoldLatents]:
    """Latents of all labelled trials, from the fit on all data; empty if the model has no latents."""
    latents: dict[str, FoldLatents] = {}
    for w in (w.select(w.labelled) for w in data):
        values = model.predict(w).latents
        if values is None:
            return {}
        latents[w.recording] = FoldLatents(w.trial, np.zeros(len(w), np.bool_), values.astype(np.float32))
    return latents
