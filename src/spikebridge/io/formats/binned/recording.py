"""A binned recording: its counts checked, its units, its trials, and spikes that give the same counts; and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.formats.binned.arrays import ArrayHeader, load_array
from spikebridge.io.formats.binned.layout import SPLITS, CountArrays
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.sidecars import Sidecars, write_sidecars
from spikebridge.types import Recording
from spikebridge.types.intervals import TOLERANCE_S, as_intervals

Counts = NDArray[np.integer[Any]]
MAX_COUNT = 10_000
"""No unit fires more often in a bin of any use: it is a rate, a time, or damage."""
DEFAULT_WIDTH_S = 0.05
"""Width of the bins that are made of spike times."""


def read_counts(path: Path, fields: CountArrays, axes: tuple[int, ...], log: ReadLog) -> Counts | None:
    """(trial, bin, unit), those of the source first; None where they are no counts, and the log says where.

    axes: where trials, bins and units lie in the arrays of the file.
    """
    cubes = {name: load_array(path, name).transpose(axes) for name in fields.names}
    sound = [_are_counts(name, cube, log) for name, cube in cubes.items()]
    parts = [[cubes[n] for n in names] for names in (fields.source, fields.target) if names]
    shapes = listed(f"{n} {c.shape}" for n, c in cubes.items())
    if any(len({cube.shape[1:] for cube in part}) > 1 for part in parts):
        log.errors.append(
            Finding.error(
                "joined-counts-differ-in-shape",
                "counts",
                f"arrays that are joined along the trials must agree in bins and units: {shapes}",
            )
        )
        return None
    joined = [np.concatenate(part) for part in parts]
    if len({part.shape[:2] for part in joined}) > 1:
        log.errors.append(
            Finding.error(
                "source-and-target-counts-differ",
                "counts",
                f"counts of source and target must agree in trials and bins: {shapes}",
            )
        )
        return None
    return np.concatenate(joined, axis=2).astype(np.int64) if all(sound) else None


def _are_counts(name: str, cube: NDArray[Any], log: ReadLog) -> bool:
    kinds = {"negative": cube < 0, f"above {MAX_COUNT}": (cube > MAX_COUNT) & np.isfinite(cube)}
    if cube.dtype.kind == "f":
        finite = np.isfinite(cube)
        kinds |= {"NaN or infinite": ~finite, "not whole": finite & (cube != np.floor(cube))}
    problems = []
    for kind, bad in kinds.items():
        if bad.any():
            trial, k, unit = np.unravel_index(int(np.argmax(bad)), cube.shape)
            problems.append(
                f"{int(bad.sum())} {kind} (first {cube[trial, k, unit]} in trial {trial}, bin {k}, unit {unit})"
            )
    if problems:
        log.errors.append(
            Finding.error(
                "not-counts-of-spikes",
                name,
                f"{name}: expected counts of spikes, found {listed(problems)}: are these rates, or smoothed?",
            )
        )
    return not problems


def known_sizes(
    arrays: Mapping[str, ArrayHeader], fields: CountArrays, sidecars: Sidecars, region: str, start_time: str
) -> tuple[set[int], set[int]]:
    """Numbers of trials and of units by the arrays and tables beside the counts; empty where there is no such array.

    A table of units may list some alone: its rows are a number of units only where an axis has that length.
    """
    lists = {name: h.shape for name, h in arrays.items() if _is_list(h.shape)}
    sizes = {name: int(np.prod(shape)) for name, shape in lists.items()}
    trials = {n for name, n in sizes.items() if name == start_time or name.startswith("trials/")}
    units = {n for name, n in sizes.items() if name in ("unit", region) or name.startswith("units/")}
    if "trials" in sidecars.tables:
        trials.add(len(sidecars.tables["trials"]))
    first = [arrays[names[0]].shape for names in (fields.source, fields.target) if names]
    rows = 0 if sidecars.units is None else len(sidecars.units)
    return trials, units | ({rows} & {sum(lengths) for lengths in zip(*first, strict=True)})


def _is_list(shape: tuple[int, ...]) -> bool:
    """One value after another, also as a row or a column of a matrix, as MATLAB has all of them."""
    return len(shape) == 1 or (len(shape) == 2 and min(shape) == 1)


def original_trial_order(
    path: Path, fields: CountArrays, arrays: Mapping[str, ArrayHeader], log: ReadLog
) -> NDArray[np.int64] | None:
    """(trial,): where each trial of the joined arrays was before LFADS' split, by train_inds and valid_inds."""
    splits = [next((s for s in SPLITS if n.startswith(f"{s}_")), "") for n in fields.source]
    names = [f"{s}_inds" for s in splits]
    if not fields.found_by_name or len(names) < 2 or not all(n in arrays for n in names):
        return None
    places = np.concatenate([load_array(path, n).ravel() for n in names]).astype(np.int64)
    places -= places.min(initial=0) if len(places) else 0
    if len(np.unique(places)) != sum(arrays[n].shape[0] for n in fields.source):
        log.errors.append(
            Finding.error(
                "trial-places-not-unique",
                ", ".join(names),
                f"{', '.join(names)}: expected the place of every trial once, found {len(places)} places",
            )
        )
        return None
    return np.argsort(places, kind="stable")


def binned_units(
    path: Path, arrays: Mapping[str, ArrayHeader], n_source: int, n_target: int, region: str, log: ReadLog
) -> pd.DataFrame:
    """One row a unit: unit, region where the file or two parts say so, and every array of the group `units`."""
    n = n_source + n_target
    columns = {"unit": np.arange(n, dtype=np.int64), **_group(path, "units", arrays, n, "unit", log)}
    for key, name in (("unit", "unit"), ("region", region)):
        if name in arrays:
            values = load_array(path, name).ravel()
            if len(values) != n:
                log.errors.append(
                    Finding.error(
                        "unit-values-differ-in-number",
                        name,
                        f"{name}: expected one value for each of {counted(n, 'unit')}, found {len(values)}",
                    )
                )
            elif key == "unit" and values.dtype.kind not in "iu":
                log.errors.append(
                    Finding.error(
                        "unit-values-not-whole", name, f"{name}: expected whole numbers, found {values.dtype}"
                    )
                )
            else:
                columns[key] = values.astype(np.int64) if key == "unit" else values.astype(str)
        elif key == "region" and region != "region":
            log.errors.append(
                Finding.error(
                    "region-array-missing",
                    "data.options.region",
                    f"data.options.region: no array {region!r}; arrays: {listed(arrays)}",
                )
            )
    if "region" not in columns and n_target:
        columns["region"] = np.repeat(["source", "target"], [n_source, n_target])
    return pd.DataFrame(columns)


def binned_trials(
    path: Path, arrays: Mapping[str, ArrayHeader], table: pd.DataFrame | None, n_trials: int, log: ReadLog
) -> pd.DataFrame:
    """The columns known of each trial: those of the group `trials`, or of the table beside the file; else none."""
    columns = _group(path, "trials", arrays, n_trials, "trial", log)
    if columns and table is not None:
        log.errors.append(
            Finding.error(
                "trials-in-two-places",
                "trials",
                "trials stand both in the file and in the table beside it: which are right?",
            )
        )
    if table is not None and len(table) != n_trials:
        log.errors.append(
            Finding.error(
                "trials-beside-differ-in-number",
                "trials",
                f"the table of trials beside it has {len(table)} rows, the counts have {n_trials} trials",
            )
        )
        return pd.DataFrame(index=range(n_trials))
    return pd.DataFrame(columns, index=range(n_trials)) if table is None else table


def _group(
    path: Path, group: str, arrays: Mapping[str, ArrayHeader], n: int, what: str, log: ReadLog
) -> dict[str, NDArray[Any]]:
    columns = {}
    for name in [a for a in arrays if a.startswith(f"{group}/")]:
        if not _is_list(arrays[name].shape) or max(arrays[name].shape) != n:
            shape = arrays[name].shape
            log.errors.append(
                Finding.error(
                    "values-of-trials-or-bins-differ-in-number",
                    name,
                    f"{name}: expected one value for each of {counted(n, what)}, found the shape {shape}",
                )
            )
        else:
            columns[name.removeprefix(f"{group}/")] = load_array(path, name).ravel()
    return columns


def overlapping_trials(start_s: NDArray[np.float64], length_s: float) -> list[str]:
    """Pairs of trials whose bins share time; their spikes would be counted twice."""
    order = np.argsort(start_s, kind="stable")
    near = np.flatnonzero(np.diff(start_s[order]) < length_s - TOLERANCE_S)
    return [f"{order[k]} and {order[k + 1]}" for k in near]


def spikes_from_counts(
    counts: Counts, start_s: NDArray[np.float64], width_s: float, ids: NDArray[np.int64]
) -> pd.DataFrame:
    """Spike k of the n in a bin is put at (k + 1/2) / n of its width. Grouped by unit, in the order of time."""
    in_time = np.argsort(start_s, kind="stable")
    by_unit = np.moveaxis(counts[in_time], 2, 0)
    unit, trial, k = np.nonzero(by_unit)
    n = by_unit[unit, trial, k]
    cell = np.repeat(np.arange(len(n)), n)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(n) - n, n)
    times = start_s[in_time][trial[cell]] + (k[cell] + (within + 0.5) / n[cell]) * width_s
    return pd.DataFrame({"unit": ids[unit[cell]], "time_s": times})


def write_counts(recording: Recording, folder: Path, suffix: str = ".npz") -> Path:
    """Write a recording as binned counts, at the width of its bins.

    Each trial is binned from its start for as many whole bins as the shortest trial holds.

    Parameters
    ----------
    recording : Recording
        The recording; of spike times, bins are `DEFAULT_WIDTH_S` wide.
    folder : Path
        Where the file is written.
    suffix : str
        .npz or .h5.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        Where a trial has no time, or the shortest holds no whole bin.
    """
    width = recording.resolution_s or DEFAULT_WIDTH_S
    start, n_bins = _bins_of_trials(recording, width)
    units = recording.units
    arrays: dict[str, NDArray[Any]] = {
        "counts": _counts(recording, start, n_bins, width),
        "bin_width_s": np.asarray(width),
        "start_time": start,
        "unit": units["unit"].to_numpy(dtype=np.int64),
        "region": _plain_array(units["region"]),
        **{f"units/{c}": _plain_array(units[c]) for c in units if c not in ("unit", "region")},
        **{f"trials/{c}": _plain_array(recording.trials[c]) for c in recording.trials},
    }
    path = Path(folder) / f"{recording.name}{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    else:
        _write_hdf5(path, arrays)
    write_sidecars(replace(recording, trials=pd.DataFrame(), observed=as_intervals([])), path, units=False)
    return path


def _bins_of_trials(recording: Recording, width: float) -> tuple[NDArray[np.float64], int]:
    times = recording.trials.reindex(columns=["start_time", "stop_time"]).to_numpy(dtype=np.float64)
    n_bins = np.floor(np.diff(times, axis=1).min(initial=np.inf) / width + 1e-6)
    if not np.isfinite(n_bins) or n_bins < 1:
        raise DataError.of(
            "recording-shorter-than-a-bin",
            recording.name,
            f"expected trials of at least one bin of {width:g} s, found none or shorter ones",
        )
    return times[:, 0], int(n_bins)


def _counts(recording: Recording, start: NDArray[np.float64], n_bins: int, width: float) -> NDArray[np.unsignedinteger]:
    """(trial, bin, unit). A spike less than a millionth of a bin before an edge lies on it; see preprocess.binning."""
    counts = np.zeros((len(start), n_bins, len(recording.units)), dtype=np.int64)
    row = pd.Index(recording.units["unit"]).get_indexer(pd.Index(recording.spikes["unit"]))
    times = recording.spikes["time_s"].to_numpy()
    for trial, first in enumerate(start):
        k = np.floor((times - first) / width + 1e-6)
        inside = (k >= 0) & (k < n_bins)
        np.add.at(counts[trial], (k[inside].astype(np.int64), row[inside]), 1)
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _plain_array(values: pd.Series) -> NDArray[Any]:
    """Numbers and truth values as they are, anything else as text; missing text is empty."""
    if values.dtype.kind in "biuf":
        return values.to_numpy()
    return np.array(["" if v is None or v is pd.NA or v != v else str(v) for v in values], dtype=np.str_)


def _write_hdf5(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values.astype(h5py.string_dtype()) if values.dtype.kind == "U" else values
        file["counts"].attrs["axes"] = "trial, bin, unit"  # in MATLAB they are reversed
