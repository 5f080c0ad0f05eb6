"""Recordings -> windows of counts: aligned to the trials, and cut from the continuous stream between them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.intervals import subtract_intervals, total_s
from spikebridge.preprocess.binning import bin_windows
from spikebridge.preprocess.quality import select_units
from spikebridge.preprocess.trials import classes_of, select_trials
from spikebridge.types import Recording, Windows

REPORT = "report.json"


def write_windows(recordings: Iterable[Recording], config: Config, out_folder: Path) -> dict[str, Any]:
    """Write <recording>.npz for each and report.json: what was kept and dropped, and why.

    `recordings` is gone through twice (the classes come first), so it must not be a generator.
    Raises DataError and ConfigError; see `make_windows`.
    """
    out_folder = Path(out_folder)
    out_folder.mkdir(parents=True, exist_ok=True)
    classes = classes_of(recordings, config.trials)
    reports = {}
    for recording in recordings:
        windows, reports[recording.name] = make_windows(recording, config, classes)
        windows.save(out_folder / f"{recording.name}.npz")
    report = {"classes": list(classes), "recordings": reports}
    (out_folder / REPORT).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return report


def load_windows(folder: Path) -> list[Windows]:
    """What `write_windows` wrote, sorted by recording. Raises DataError where the folder holds none."""
    paths = sorted(Path(folder).glob("*.npz"))
    if not paths:
        raise DataError(f"{folder}: expected windows of recordings (.npz), found none; run the stage preprocess")
    return [Windows.load(path) for path in paths]


def load_animals(folder: Path) -> dict[str, str]:
    """Recording -> animal, from report.json beside the windows."""
    report = json.loads((Path(folder) / REPORT).read_text(encoding="utf-8"))
    return {name: r["animal"] for name, r in report["recordings"].items()}


def make_windows(recording: Recording, config: Config, classes: tuple[str, ...]) -> tuple[Windows, dict[str, Any]]:
    """Counts of source and target in all windows of a recording, sorted by start, and the report of what was dropped.

    Trial windows start at align + window_s[0]. All observed time that no trial window covers is cut, back to back, into
    windows of the same length without trial or label; trials without a label lend their time to these.

    Raises ConfigError where a window is not a whole number of bins or `include` is no query; DataError where no unit or
    no trial is left, or a window ends after its decision.
    """
    bin_s = config.bins.width_s
    n_bins = count_bins(config.trials.window_s[1] - config.trials.window_s[0], bin_s)
    chosen = select_trials(recording, config.trials)
    between = continuous_starts(recording.observed, chosen.start_s, n_bins * bin_s)
    start = np.concatenate([chosen.start_s, between])
    order = np.argsort(start, kind="stable")
    sides = {
        role: select_units(recording, regions, config.data.min_rate_hz)
        for role, regions in (("source", config.data.source), ("target", config.data.target))
    }
    class_index = {name: i for i, name in enumerate(classes)}
    label = np.array([class_index[name] for name in chosen.label], dtype=np.int64)
    windows = Windows(
        recording=recording.name,
        source=_counts(recording, sides["source"].kept, start[order], n_bins, bin_s),
        target=_counts(recording, sides["target"].kept, start[order], n_bins, bin_s),
        start_s=start[order],
        bin_s=bin_s,
        trial=np.concatenate([chosen.trial, np.full(len(between), -1)])[order],
        label=np.concatenate([label, np.full(len(between), -1)])[order],
        decision_s=np.concatenate([chosen.decision_s, np.full(len(between), np.nan)])[order],
        classes=classes,
        source_units=sides["source"].kept,
        target_units=sides["target"].kept,
    )
    report = {
        "animal": recording.animal,
        "observed_s": round(total_s(recording.observed), 6),
        "units": {role: side.report for role, side in sides.items()},
        "trials": {"total": chosen.total, "kept": len(chosen.trial), "dropped": chosen.dropped},
        "labels": {name: int((label == i).sum()) for i, name in enumerate(classes)},
        "windows": {"trial": len(chosen.trial), "continuous": len(between), "bins": n_bins},
        "warnings": list(recording.warnings),
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
    spikes = recording.spikes[recording.spikes["unit"].isin(ids)].sort_values("time_s", kind="stable")
    units = np.searchsorted(ids, spikes["unit"].to_numpy())
    return bin_windows(spikes["time_s"].to_numpy(), units, len(ids), start_s, n_bins, bin_s)
