"""Recordings -> windows of counts: aligned to the trials, and cut from the continuous stream between them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess.binning import bin_behavior, bin_trains
from spikebridge.preprocess.covariates import trial_covariates
from spikebridge.preprocess.quality import quality_report, select_units
from spikebridge.preprocess.trials import select_trials
from spikebridge.preprocess.unit_metrics import drift_warnings
from spikebridge.types import Recording, Windows
from spikebridge.types.intervals import TOLERANCE_S, subtract_intervals, total_s
from spikebridge.types.spike_trains import spike_trains


def make_windows(
    recording: Recording, sections: WindowSections, classes: tuple[str, ...]
) -> tuple[Windows, dict[str, Any]]:
    """Count the spikes of source and target in all windows of a recording.

    Trial windows start at align + window_s[0]. All observed time that no trial window covers is cut, back to back, into
    windows of the same length without trial or label; trials without a label lend their time to these. Behaviour is
    binned like the spikes; the covariates hold what else was known of a trial before its decision.

    Parameters
    ----------
    recording : Recording
        The recording.
    sections : WindowSections
        The settings of windows.
    classes : tuple of str
        Class names over all recordings; see `classes_of`.

    Returns
    -------
    Windows
        Sorted by start.
    dict
        The entry of report.json: what was kept and dropped, and warnings.

    Raises
    ------
    ConfigError
        Where a window is not a whole number of bins, or `include` is no expression of true and false.
    DataError
        Where no unit or no trial is left, or a window ends after its decision.
    """
    bin_s = sections.bins.width_s
    n_bins = count_bins(sections.trials.window_s[1] - sections.trials.window_s[0], bin_s)
    chosen = select_trials(recording, sections.trials)
    check_file_bins(recording, chosen.start_s, bin_s)
    between = continuous_starts(recording.observed, chosen.start_s, n_bins * bin_s)
    start = np.concatenate([chosen.start_s, between])
    order = np.argsort(start, kind="stable")
    units = select_units(recording, sections.data, sections.quality)
    class_index = {name: i for i, name in enumerate(classes)}
    label = np.array([class_index[name] for name in chosen.label], dtype=np.int64)
    behavior, series = bin_behavior(recording.behavior, start[order], n_bins, bin_s)
    covariates, names = trial_covariates(recording, sections.trials, chosen, classes)
    covariates = np.concatenate([covariates, np.full((len(between), len(names)), np.nan)])[order]
    windows = Windows(
        recording=recording.name,
        source=_counts(recording, units.kept["source"], start[order], n_bins, bin_s),
        target=_counts(recording, units.kept["target"], start[order], n_bins, bin_s),
        start_s=start[order],
        bin_s=bin_s,
        trial=np.concatenate([chosen.trial, np.full(len(between), -1)])[order],
        label=np.concatenate([label, np.full(len(between), -1)])[order],
        decision_s=np.concatenate([chosen.decision_s, np.full(len(between), np.nan)])[order],
        classes=classes,
        source_units=units.kept["source"],
        target_units=units.kept["target"],
        behavior=behavior,
        behavior_names=series,
        covariates=covariates,
        covariate_names=names,
    )
    report = {
        "animal": recording.animal,
        "observed_s": round(total_s(recording.observed), 6),
        "units": units.units,
        "quality": quality_report(units, sections.data, sections.quality),
        "trials": {
            "total": chosen.total,
            "kept": len(chosen.trial),
            "dropped": {setting: asdict(part) for setting, part in chosen.dropped.items()},
        },
        "labels": {name: int((label == i).sum()) for i, name in enumerate(classes)},
        "windows": {"trial": len(chosen.trial), "continuous": len(between), "bins": n_bins},
        "warnings": [
            f.as_dict() for f in (*recording.warnings, *units.warnings, *drift_warnings(recording, units.kept))
        ],
    }
    return windows, report


def count_bins(length_s: float, bin_s: float) -> int:
    """Bins in a window. Raises ConfigError, naming the nearest widths that fit, where it is no whole number."""
    exact = length_s / bin_s
    n = round(exact)
    if n < 1 or abs(exact - n) > 1e-6 * n:
        below, above = max(int(exact), 1), int(exact) + 1
        raise ConfigError(
            f"bins.width_s: a window of {length_s:g} s is no whole number of bins of {bin_s:g} s; "
            f"nearest widths that fit: {length_s / above:.6g} and {length_s / below:.6g}"
        )
    return n


def check_file_bins(recording: Recording, start_s: NDArray[np.float64], bin_s: float) -> None:
    """Whether the asked bins are made of whole bins of the file, where that holds counts instead of spike times.

    Raises ConfigError for another width, DataError where windows begin inside a bin of the file.
    """
    step = recording.resolution_s
    if step <= 0:
        return
    if abs(bin_s / step - round(bin_s / step)) > 1e-6 * bin_s / step or bin_s < step * (1 - 1e-6):
        raise ConfigError(
            f"bins.width_s = {bin_s:g} is no multiple of the {step:g} s bins that {recording.name} holds instead of "
            "spike times"
        )
    observed = recording.observed
    home = np.clip(np.searchsorted(observed[:, 0], start_s + TOLERANCE_S, side="right") - 1, 0, None)
    offset = (start_s - observed[home, 0]) / step
    off = np.abs(offset - np.rint(offset)) * step > TOLERANCE_S
    if off.any():
        raise DataError.of(
            "windows-begin-inside-bins",
            recording.name,
            f"{int(off.sum())} windows begin inside a bin: the file holds counts in bins of {step:g} "
            f"s, so trials.align + trials.window_s[0] must lie on their edges",
        )


def continuous_starts(
    observed: NDArray[np.float64], trial_starts: NDArray[np.float64], length_s: float
) -> NDArray[np.float64]:
    """(window,), seconds: starts of windows cut back to back from observed time that no trial window touches."""
    free = subtract_intervals(observed, np.column_stack([trial_starts, trial_starts + length_s]))
    n = np.floor((free[:, 1] - free[:, 0]) / length_s + 1e-9).astype(np.int64)
    within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    return np.repeat(free[:, 0], n) + within * length_s


def _counts(
    recording: Recording, ids: NDArray[np.int64], start_s: NDArray[np.float64], n_bins: int, bin_s: float
) -> NDArray[np.unsignedinteger]:
    spikes = recording.spikes
    trains = spike_trains(spikes["time_s"].to_numpy(), spikes["unit"].to_numpy(), ids)
    return bin_trains(trains, start_s, n_bins, bin_s)
