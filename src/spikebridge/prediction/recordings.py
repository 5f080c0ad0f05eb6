"""New recordings -> windows of their trials, by the readers and the windowing of the pipeline.

A trial is predicted whether its decision is known or not. The pipeline drops trials without a label, so recordings are
read with a label that every trial has; the true label is read from the trial table afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.fitted_on import FittedOn
from spikebridge.artifacts.recordings import IngestedRecordings, load_about
from spikebridge.config import QualityConfig, TrialsConfig, WindowSections
from spikebridge.errors import DataError
from spikebridge.errors.messages import counted, listed
from spikebridge.io import IngestSections, discover, ingest
from spikebridge.labels.trial_labels import columns_of_label, included_trials, trial_labels
from spikebridge.prediction.settings import PredictionSections
from spikebridge.preprocess import make_windows
from spikebridge.tracking.served_model import ServedModel
from spikebridge.types import Recording, Windows

LABEL = "trials.label"
"""Subject of the findings about labels."""
EVERY_TRIAL = {"unlabelled": "1 == 1", "labelled": "1 == 0"}
"""A label that every trial has."""
NO_LIMITS = QualityConfig(
    max_isi_violations=None, min_presence_ratio=None, max_amplitude_cutoff=None, sorter_labels=None
)
"""The model has units already: those that passed the limits when it was fitted."""
FITTED, NEW, UNKNOWN = "yes", "no", "unknown"
"""Whether a window is one that the model was fitted on; unknown where its files do not say on which it was."""


@dataclass(frozen=True)
class NewRecording:
    """The trial windows of one recording that the model can predict.

    Parameters
    ----------
    windows : Windows
        The trials, by time; without labels.
    truth : NDArray of str, shape (trial,)
        The label of each trial; "" where there is none.
    fitted : NDArray of str, shape (trial,)
        FITTED, NEW or UNKNOWN.
    """

    windows: Windows
    truth: NDArray[np.str_]
    fitted: NDArray[np.str_]


def read_new_recordings(
    model: ServedModel, sections: PredictionSections, say: Callable[[str], None] = lambda _: None
) -> list[NewRecording]:
    """Read the recordings of `data.path` that the model knows; name the others.

    Parameters
    ----------
    model : ServedModel
        The saved model.
    sections : PredictionSections
        See `prediction_sections`.
    say : callable
        Receives lines of progress, and one line for the recordings that the model does not know.

    Returns
    -------
    list of NewRecording
        By name.

    Raises
    ------
    ConfigError, DataError
        Where recordings cannot be read, lack units of the model, or are all unknown to it.
    """
    there = [entry.name for entry in discover(sections.data).recordings]
    unknown, known = ([n for n in there if (n in model.recordings) is knows] for knows in (False, True))
    if unknown and not known:
        raise DataError(_unknown(unknown, model))
    if unknown:
        say(f"left out: {_unknown(unknown, model)}")
    every = sections.trials.model_copy(update={"label": EVERY_TRIAL, "covariates": []})
    cut = replace(WindowSections.of(sections), trials=every)
    read: list[NewRecording] = []
    with tempfile.TemporaryDirectory() as folder:
        for recording in _ingested(sections, every, known, Path(folder), say):
            windows, entry = _trial_windows(recording, cut, model.recordings[recording.name])
            if line := _left_out(recording.name, entry):
                say(line)
            spikes = str(load_about(Path(folder) / recording.name)["spike_times"])
            truth = _true_labels(recording, sections.trials)[windows.trial]
            windows = replace(windows, classes=model.classes, label=np.full(len(windows), -1, dtype=np.int64))
            read.append(NewRecording(windows, truth, _fitted(windows, spikes, model.fitted_on)))
    return read


def _ingested(
    sections: PredictionSections, every: TrialsConfig, names: Collection[str], folder: Path, say: Callable[[str], None]
) -> IngestedRecordings:
    """The recordings of these names, checked with their labels; without them where that is all that is wrong."""
    of_each = dict.fromkeys(names, sections.data)
    labelled = sections.trials.model_copy(update={"covariates": []})
    lines: list[str] = []
    try:
        ingest(_ingest_sections(sections, labelled), folder, say=lines.append, data_of=of_each)
    except DataError as error:
        if any(finding.subject != LABEL for finding in error.refusal.findings):
            raise
        shutil.rmtree(folder)
        ingest(_ingest_sections(sections, every), folder, say=say, data_of=of_each)
    else:
        for line in lines:
            say(line)
    return IngestedRecordings(folder)


def _ingest_sections(sections: PredictionSections, trials: TrialsConfig) -> IngestSections:
    return IngestSections(sections.data, sections.quality, trials, sections.compute)


def _unknown(names: Collection[str], model: ServedModel) -> str:
    known = listed(sorted(model.recordings), 5)
    way = (
        "fit their units with spikebridge adapt, then name the adapted model"
        if model.adapts
        else f"{model.name} cannot be adapted: train it with them"
    )
    return f"{listed(sorted(names), 5)}: the model does not know these recordings, it knows {known}; {way}"


def _left_out(name: str, entry: Mapping[str, Any]) -> str:
    """One line where trials have no prediction; else empty. entry: of report.json, as `make_windows` gives it."""
    dropped = [part for part in entry["trials"]["dropped"].values() if part["number"]]
    if not dropped:
        return ""
    n = sum(part["number"] for part in dropped)
    why = ", ".join(f"{part['text']}: {part['number']}" for part in dropped)
    return f"{name}: {counted(n, 'trial')} without a prediction ({why})"


def _trial_windows(
    recording: Recording, sections: WindowSections, units: Mapping[str, list[int]]
) -> tuple[Windows, dict[str, Any]]:
    """The windows of all trials, with the units of the model in its order, and what `make_windows` reports."""
    wanted = {*units["source_units"], *units["target_units"]}
    present = recording.units["unit"].isin(wanted)
    data = sections.data.model_copy(update={"min_rate_hz": 0.0})
    if missing := sorted(wanted - set(recording.units["unit"].tolist())):
        raise DataError(
            f"{recording.name}: expected the {len(wanted)} units that the model was fitted on, {len(missing)} are "
            f"missing: {listed(map(str, missing), 10)}. If it was sorted again, give it another name and run "
            "spikebridge adapt"
        )
    kept = replace(recording, units=recording.units[present].reset_index(drop=True))
    plain = replace(sections, data=data, quality=NO_LIMITS)
    windows, entry = make_windows(kept, plain, tuple(EVERY_TRIAL))
    for role in ("source", "target"):
        got, expected = getattr(windows, f"{role}_units").tolist(), units[f"{role}_units"]
        if got != expected:
            raise DataError(
                f"{recording.name}: expected the {len(expected)} {role} units of the model, got {len(got)} units with "
                f"that region: was the region of a unit changed since the fit?"
            )
    return windows.select(windows.in_trial), entry


def _true_labels(recording: Recording, trials: TrialsConfig) -> NDArray[np.str_]:
    """(row of the trial table,): the label; "" everywhere where the table lacks a column of it."""
    table = recording.trials
    if not set(columns_of_label(trials.label, table)) <= set(table.columns):
        return np.full(len(table), "", dtype=np.str_)
    included = included_trials(table, trials.include, recording.name)
    return trial_labels(table, trials.label, recording.name, included)


def _fitted(windows: Windows, spikes: str, fitted_on: FittedOn) -> NDArray[np.str_]:
    record = fitted_on.recordings.get(windows.recording)
    if record is None:
        return np.full(len(windows), UNKNOWN)
    return np.where(record.covers(windows, spikes), FITTED, NEW)


def fitted_line(recordings: Collection[NewRecording], model: ServedModel) -> str:
    """One line where windows are not new, or may not be; else empty.

    Parameters
    ----------
    recordings : collection of NewRecording
        What was predicted.
    model : ServedModel
        The model, with its scores at registration.

    Returns
    -------
    str
        The number of such windows, and the held-out score of the model where it is known.
    """
    fitted = np.concatenate([r.fitted for r in recordings])
    held_out = _held_out(model)
    if n := int((fitted == FITTED).sum()):
        return (
            f"In-sample: the model was fitted on {n} of {len(fitted)} windows (fitted_on = yes); their predictions are "
            f"no test of it{held_out}"
        )
    if (fitted == UNKNOWN).any():
        return (
            "The files of the model do not say which windows it was fitted on (fitted_on = unknown): take these "
            f"predictions for in-sample{held_out}"
        )
    return ""


def _held_out(model: ServedModel) -> str:
    outer = model.metadata.get("outer", {})
    names = ("balanced_accuracy", "balanced_accuracy_ci_low", "balanced_accuracy_ci_high")
    if not all(isinstance(outer.get(name), (int, float)) for name in names):
        return ""
    value, low, high = (outer[name] for name in names)
    return f". Held out, its balanced accuracy was {value:.3f} [{low:.3f}, {high:.3f}]"
