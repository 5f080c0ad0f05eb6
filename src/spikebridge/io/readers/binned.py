"""Counts that are binned already: .npz, HDF5 or .mat with (trial, bin, unit), such as those of LFADS: docs/binned.md.

Counts become spike times spread inside their bin, so the recording gives its counts back at the width of its bins or a
multiple of it, and at no other. Observed is the time of the bins. The name of a recording is the stem of its file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import ReadLog, join_units, read_sidecars
from spikebridge.io.formats.binned import (
    array_headers,
    axis_order,
    choose_count_arrays,
    holds_counts,
    load_array,
    write_counts,
)
from spikebridge.io.formats.binned.arrays import ArrayHeader, is_npz, is_plain_hdf5
from spikebridge.io.formats.binned.layout import AXES, Axis
from spikebridge.io.formats.binned.recording import (
    binned_trials,
    binned_units,
    known_sizes,
    original_trial_order,
    overlapping_trials,
    read_counts,
    spikes_from_counts,
)
from spikebridge.io.formats.mat import is_mat
from spikebridge.io.limits import LimitError
from spikebridge.types.intervals import merge_intervals

__all__ = ["FORMAT", "Options", "can_read", "read", "takes", "write"]

FORMAT = "binned counts (NPZ, HDF5 or .mat)"
LIBRARIES = ("h5py",)


write = write_counts


class Options(Section):
    """Names of arrays, where they are not those of docs/binned.md.

    counts: (trial, bin, unit), or several to join along the trials. source_counts, target_counts: two parts, of other
    units each; their regions are "source" and "target" where nothing else names any. region: (unit,). bin_width_s:
    seconds, or the array that holds it. start_time: (trial,), an array or a column of the trial table. offset_s: the
    first bin begins this long after start_time. gap_s: between trials, where the file has no times. axes: the order of
    the axes of counts, where it is not [trial, bin, unit].
    """

    counts: str | list[str] | None = None
    source_counts: str | list[str] | None = None
    target_counts: str | list[str] | None = None
    region: str = "region"
    bin_width_s: Positive | str = "bin_width_s"
    start_time: str = "start_time"
    offset_s: float = 0.0
    gap_s: Annotated[float, Field(ge=0)] = 1.0
    axes: list[Axis] | None = None

    @model_validator(mode="after")
    def _in_one_way(self) -> Options:
        if (self.source_counts is None) != (self.target_counts is None):
            raise ValueError("source_counts and target_counts need each other")
        if self.counts and self.source_counts:
            raise ValueError("name either counts, or source_counts and target_counts")
        if self.axes is not None and sorted(self.axes) != sorted(AXES):
            raise ValueError(f"axes: expected trial, bin and unit, each once, got {list(self.axes)}")
        return self


def can_read(path: Path) -> bool:
    try:
        return path.is_file() and (is_npz(path) or is_plain_hdf5(path) or is_mat(path)) and holds_counts(path)
    except LimitError:
        raise
    except (DataError, OSError, ValueError):
        return False


def takes(path: Path) -> bool:
    """Named by the user: any MATLAB file, whose variable data.options.counts can name."""
    return can_read(path) or is_mat(path)


def read(path: Path, options: Options) -> Contents:
    """Read one file and the tables beside it. Raises DataError naming everything that is wrong in them."""
    log, arrays = ReadLog(), array_headers(path)
    fields = choose_count_arrays(path, arrays, options.counts, options.source_counts, options.target_counts)
    sidecars = read_sidecars(path)
    known = known_sizes(arrays, fields, sidecars, options.region, options.start_time)
    axes, doubts = axis_order(path, fields, arrays, options.axes, *known)
    arrays |= {name: replace(arrays[name], shape=tuple(arrays[name].shape[k] for k in axes)) for name in fields.names}
    counts = read_counts(path, fields, axes, log)
    n_trials = sum(arrays[n].shape[0] for n in fields.source)
    n_bins = arrays[fields.source[0]].shape[1]
    n_units = [arrays[names[0]].shape[2] if names else 0 for names in (fields.source, fields.target)]
    order = original_trial_order(path, fields, arrays, log)
    width = _width(path, arrays, options, log)
    units = binned_units(path, arrays, n_units[0], n_units[1], options.region, log)
    trials = binned_trials(path, arrays, sidecars.tables.get("trials"), n_trials, log)
    start = _starts(path, arrays, trials, n_bins * width, options, log)
    log.raise_errors(path)
    assert counts is not None and start is not None  # else the check would have raised
    counts = counts if order is None else counts[order]
    units = join_units(units, sidecars.units, path, log.notes)
    times = pd.DataFrame({"start_time": start, "stop_time": start + n_bins * width}, index=trials.index)
    trials = pd.concat([times.drop(columns=[c for c in times if c in trials]), trials], axis=1)
    return Contents(
        name=path.stem,
        animal=sidecars.animal,
        spikes=spikes_from_counts(counts, start, width, units["unit"].to_numpy()),
        units=units,
        tables={**sidecars.tables, "trials": trials[[*times, *(c for c in trials if c not in times)]]},
        behavior=sidecars.behavior,
        observed=merge_intervals(times.to_numpy()),
        source_file=path.name,
        resolution_s=width,
        notes=(
            *log.notes,
            *doubts,
            *sidecars.notes,
            *_notes(fields.names, fields.found_by_name, arrays, order is not None, options),
        ),
    )


def _width(path: Path, arrays: dict[str, ArrayHeader], options: Options, log: ReadLog) -> float:
    """Seconds; NaN where it is not said, and the log says so."""
    given = options.bin_width_s
    if isinstance(given, str) and given not in arrays:
        log.errors.append(
            Finding.error(
                "bin-width-missing",
                "data.options.bin_width_s",
                f"how wide are the bins? Expected an array {given!r}{did_you_mean(given, arrays)} Else write the width "
                "in seconds in data.options.bin_width_s",
            )
        )
        return float("nan")
    value = load_array(path, given) if isinstance(given, str) else np.asarray(given)
    if value.size != 1 or value.dtype.kind not in "iuf" or not 0 < float(value.ravel()[0]) < np.inf:
        log.errors.append(
            Finding.error(
                "bin-width-not-one-number",
                "data.options.bin_width_s",
                f"{given}: expected one width of the bins in seconds, found {value.ravel()[:3]}",
            )
        )
        return float("nan")
    return float(value.ravel()[0])


def _starts(
    path: Path, arrays: dict[str, ArrayHeader], trials: pd.DataFrame, length_s: float, options: Options, log: ReadLog
) -> NDArray[np.float64] | None:
    """(trial,), seconds: when the first bin of each trial begins. Without times, trials are laid one after another."""
    name = options.start_time
    if name in arrays:
        values = load_array(path, name).ravel()
    elif name in trials:
        values = trials[name].to_numpy()
    elif name != "start_time":
        hint = did_you_mean(name, [*arrays, *map(str, trials.columns)])
        log.errors.append(
            Finding.error(
                "start-time-missing",
                "data.options.start_time",
                f"data.options.start_time: no array and no column of the trial table {name!r}{hint}",
            )
        )
        return None
    else:
        log.notes.append(
            Finding.warning(
                "trials-laid-one-after-another",
                "trials",
                "the file has no times of its trials: they are laid one after another with "
                f"{options.gap_s:g} s between them, and their order is taken for their order in time",
            )
        )
        return np.arange(len(trials), dtype=np.float64) * np.float64(length_s + options.gap_s)
    if len(values) != len(trials) or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        log.errors.append(
            Finding.error(
                "trial-times-differ-in-number",
                name,
                f"{name}: expected a time in seconds for each of {counted(len(trials), 'trial')}",
            )
        )
        return None
    start = values.astype(np.float64) + options.offset_s
    pairs = overlapping_trials(start, length_s)
    if pairs:
        log.errors.append(
            Finding.error(
                "trials-of-bins-overlap",
                "trials",
                f"bins of trials {listed(pairs, 5)} lie at the same time and would count their spikes twice",
            )
        )
    return start


def _notes(
    names: tuple[str, ...], found_by_name: bool, arrays: dict[str, ArrayHeader], reordered: bool, options: Options
) -> list[Finding]:
    notes = []
    if found_by_name and names not in (("counts",), ("spikes",)):
        notes.append(Finding.warning("counts-chosen-by-name", "counts", f"counts are taken from {listed(names)}"))
    if reordered:
        text = "trials are put back into the order of train_inds and valid_inds"
        notes.append(Finding.warning("trials-put-in-order", "trials", text))
    used = {*names, "unit", options.region, options.start_time, str(options.bin_width_s)}
    left = [n for n in arrays if n not in used and not n.startswith(("units/", "trials/")) and not n.endswith("_inds")]
    if left:
        notes.append(Finding.warning("arrays-not-read", "arrays", f"arrays that are not read: {listed(left)}"))
    return notes
