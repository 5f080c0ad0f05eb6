"""The stage nested_models: every nested model out of fold, written like the results of a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.artifacts.latents import LatentsByRecording, missing_latents, read_fold_latents
from spikebridge.artifacts.nested_models import TRANSLATOR, DecodingModel, DecodingModels, NestedModelRun, WindowPart
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.training import TrainingIntervals, TrainingRun, joined_intervals
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import ComputeConfig, NestedModelsConfig, Sections, TrialsConfig
from spikebridge.models.parts.decoder import FeatureDecoder
from spikebridge.nested_models.decoding.decoders import NestedDecoder, nested_decoders
from spikebridge.nested_models.decoding.fit import OutOfFold, out_of_fold
from spikebridge.nested_models.decoding.inputs import in_memory
from spikebridge.nested_models.decoding.time_resolved import part_decoder, window_parts
from spikebridge.nested_models.encoding.models import TranslatorLatents, encoding_jobs, fit_encoding_models
from spikebridge.runtime import job_lists, parallel
from spikebridge.runtime.job_lists import JobList
from spikebridge.runtime.seeds import random_generator
from spikebridge.types import Fold, Index, Partition, Splits, Windows

MODULES = (*FeatureDecoder.libraries, __name__)
"""Of the fits of decisions."""


@dataclass(frozen=True)
class NestedModelsSections(Sections):
    """The sections of params.yaml that the stage nested_models uses.

    Parameters
    ----------
    seed : int
        Of every random stream.
    models : mapping of str to mapping
        Name -> settings; of the translator alone they are used.
    trials, nested_models, compute : Section
        The sections of these names.
    """

    seed: int
    models: Mapping[str, Mapping[str, Any]]
    trials: TrialsConfig
    nested_models: NestedModelsConfig
    compute: ComputeConfig


@dataclass(frozen=True)
class DecodingFold:
    """One outer fold of all nested models of a decision: everything that a worker needs.

    translator: folder of what train@seq2seq wrote. missing_latents: why there are no latents, "" where there are.
    """

    seed: int
    settings: NestedModelsConfig
    task_columns: Sequence[str]
    fold: int
    windows: Path
    splits: Path
    translator: Path
    missing_latents: str


def fit_nested_models(sections: NestedModelsSections, windows: Path, splits: Path, train: Path, out: Path) -> None:
    """Fit every nested model of the decision and of the target's spikes out of fold, and write the results.

    Parameters
    ----------
    sections : NestedModelsSections
        The settings of the stage.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    train : Path
        Folder of what train@model wrote; of it only the latents of seq2seq and its training intervals are read.
    out : Path
        New folder for the results; see spikebridge.artifacts.nested_models.

    Raises
    ------
    ConfigError
        For columns under `nested_models:` that the windows do not hold.
    """
    manifest, settings = load_splits(splits), sections.nested_models
    workers = parallel.workers_for(sections.compute, len(manifest.folds))
    parallel.prepare(workers, MODULES)
    data = load_windows(windows)
    missing = _missing_latents(sections.models, manifest, train)
    decoders = nested_decoders(settings, _task_columns(sections), data, manifest.by, missing)
    parts = window_parts(data[0].n_bins, not missing) if manifest.by == "block" else []
    listed = _decoding_jobs(sections, windows, splits, train)
    jobs, results = listed.jobs, job_lists.results(listed, workers, lambda item: None)
    run = NestedModelRun(out)
    out.mkdir(parents=True)
    for folder, name in (
        *((run.decoding(d.name), d.name) for d in decoders if not d.missing),
        *((run.time_resolved(part.name), part.name) for part in parts),
    ):
        _write(folder, {job.fold: r[name] for job, r in zip(jobs, results, strict=True)}, manifest.hash)
    nested = _nested(decoders, results)
    run.write_decoding(DecodingModels(manifest.hash, nested, parts, settings.confounds, settings.confound_control))
    translator = _translator(sections.models, manifest, train)
    encoding = fit_encoding_models({w.recording: w for w in data}, manifest, translator, sections.compute)
    run.write_encoding(encoding, manifest.hash)


def nested_model_jobs(sections: NestedModelsSections, windows: Path, splits: Path, train: Path) -> list[JobList]:
    """List the fits of all nested models; nothing is run.

    Parameters
    ----------
    sections : NestedModelsSections
        The settings of the stage.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    train : Path
        Folder of what train@model wrote.

    Returns
    -------
    list of JobList
        Of decisions, one job a fold; of the target's spikes, one job a fold and recording.
    """
    manifest = load_splits(splits)
    by_name = {w.recording: w for w in load_windows(windows)}
    return [
        _decoding_jobs(sections, windows, splits, train),
        encoding_jobs(by_name, manifest, _translator(sections.models, manifest, train)),
    ]


def _decoding_jobs(sections: NestedModelsSections, windows: Path, splits: Path, train: Path) -> JobList:
    manifest, task = load_splits(splits), _task_columns(sections)
    missing = _missing_latents(sections.models, manifest, train)
    settings = sections.seed, sections.nested_models, task
    places = windows, splits, train / TRANSLATOR
    jobs = [DecodingFold(*settings, f.fold, *places, missing) for f in manifest.folds]
    return JobList("nested_models", _fit_fold, jobs, [f"decisions, fold {job.fold}" for job in jobs], MODULES)


def _task_columns(sections: NestedModelsSections) -> Sequence[str]:
    columns = sections.nested_models.task_columns
    return sections.trials.covariates if columns is None else columns


def _translator(models: Mapping[str, Mapping[str, Any]], manifest: Splits, train: Path) -> TranslatorLatents:
    causal = models.get(TRANSLATOR, {}).get("causal") is True
    return TranslatorLatents(TrainingRun(train / TRANSLATOR), _missing_latents(models, manifest, train), causal)


def _missing_latents(models: Mapping[str, Any], manifest: Splits, train: Path) -> str:
    """Why there are no latents, or ""."""
    if TRANSLATOR not in models:
        return f"{TRANSLATOR} is not among the models"
    return missing_latents(TrainingRun(train / TRANSLATOR).latents, manifest)


def _write(run: TrainingRun, folds: Mapping[int, OutOfFold], split_hash: str) -> None:
    run.folder.mkdir(parents=True)
    run.write_predictions([fold.table for fold in folds.values()], split_hash)
    learned = {number: fold.training_intervals for number, fold in folds.items()}
    run.write_training_intervals(TrainingIntervals(split_hash, learned))


def _nested(decoders: Sequence[NestedDecoder], results: Sequence[Mapping[str, OutOfFold]]) -> list[DecodingModel]:
    """What each nested model is, with the reference that its rule gives, its settings and inner log loss a fold."""
    models: list[DecodingModel] = []
    losses: dict[str, float] = {}
    for decoder in decoders:
        reference = decoder.reference or (min(losses, key=lambda name: losses[name]) if losses else "")
        model = DecodingModel(decoder.name, reference, decoder.family, decoder.missing)
        if not decoder.missing:
            folds = [result[decoder.name] for result in results]
            losses[decoder.name] = sum(fold.inner_loss for fold in folds)
            model = replace(
                model, settings=[fold.settings for fold in folds], inner_loss=[fold.inner_loss for fold in folds]
            )
        models.append(model)
    return models


def _fit_fold(job: DecodingFold, report: parallel.Report) -> dict[str, OutOfFold]:
    """Name of each nested model, and of each part of the window -> its results in one fold."""
    manifest, data = load_splits(job.splits), load_windows(job.windows)
    nested = nested_decoders(job.settings, job.task_columns, data, manifest.by, job.missing_latents)
    decoders = [decoder for decoder in nested if not decoder.missing]
    parts: Sequence[WindowPart] = ()
    if manifest.by == "block":
        parts = window_parts(data[0].n_bins, not job.missing_latents)
    translator = TrainingRun(job.translator)
    latents: LatentsByRecording = {}
    if any(decoder.uses_latents for decoder in decoders):
        latents = read_fold_latents(translator.latents, job.fold)
    fold = _of_labelled(next(f for f in manifest.folds if f.fold == job.fold), data)
    without_inner = replace(fold, inner=())  # decoders of parts of the window have no settings to choose
    labelled = [in_memory(w) for w in data]
    results = {}
    for decoder, here in [*((d, fold) for d in decoders), *((part_decoder(part), without_inner) for part in parts)]:
        # the key of the random stream; renaming it would change results
        rng = random_generator(job.seed, "ladder", decoder.name, job.fold)
        result = out_of_fold(decoder, labelled, here, latents, rng)
        if decoder.uses_latents:
            before = translator.read_fold_intervals(job.fold)
            result = replace(result, training_intervals=joined_intervals(result.training_intervals, before))
        results[decoder.name] = result
    return results


def _of_labelled(fold: Fold, data: list[Windows]) -> Fold:
    """The fold, its numbers counting labelled windows alone."""
    place = {w.recording: np.where(w.labelled, np.cumsum(w.labelled) - 1, -1) for w in data}

    def renumbered(index: Index) -> dict[str, Any]:
        numbers = {name: place[name][rows] for name, rows in index.items()}
        return {name: rows[rows >= 0] for name, rows in numbers.items()}

    inner = tuple(Partition(renumbered(p.train), renumbered(p.valid)) for p in fold.inner)
    return Fold(fold.fold, renumbered(fold.test), renumbered(fold.train), inner, fold.test_intervals)
