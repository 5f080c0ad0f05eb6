"""brainsets: HDF5 files of the library temporaldata, as torch_brain and POYO read them. The library is not needed.

    spikes   IrregularTimeSeries: timestamps (spike,) in s, unit_index (spike,), a row of units; domain: when it was
    observed units    ArrayDict: id, brain_region, ...: one value a unit
    trials   Interval, as any other group of that kind: start, end, and more columns

Unit k is row k of `units`; its text id is the column `name`. Series with timestamps, or of a regular rate, are
behaviour.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats import ReadLog, error_summary, group_by_unit, precision_notes, read_sidecars, with_sidecars
from spikebridge.io.reader_registry import NoOptions
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals

FORMAT = "brainsets (HDF5 of temporaldata)"
Options = NoOptions
CLASS_ATTRIBUTE = "object"
"""Attribute of every group that names its class."""
ENDS = {"start": "start_time", "end": "stop_time"}
VALUES = ("value", "values", "data")
MAX_WIDTH = 8
"""Columns of one array of behaviour; of more (raw signals, embeddings), none is read."""
MAX_RATE_HZ = 2000.0
"""A regular series that is faster is a raw signal, not behaviour."""


def can_read(path: Path) -> bool:
    if path.suffix.lower() not in (".h5", ".hdf5") or not path.is_file():
        return False
    with contextlib.suppress(Exception):  # h5py raises anything on a broken file
        import h5py

        with h5py.File(path, "r") as file:
            return (
                _class_name(file) == "Data"
                and "spikes" in file
                and _class_name(file["spikes"]) == "IrregularTimeSeries"
            )
    return False


def read(path: Path, options: NoOptions) -> Contents:
    """Read one file and the tables beside it. Raises DataError naming everything that is wrong in them."""
    import h5py

    log = ReadLog()
    try:
        with h5py.File(path, "r") as file:
            groups = list(_groups(file))
            units, spikes = _units_and_spikes(file, log)
            tables = {name: _table(group, log) for name, group in groups if _class_name(group) == "Interval"}
            behavior = _behavior(groups, log)
            domain = file["spikes/domain"] if "domain" in file["spikes"] else None
            observed = None if domain is None else _observed(domain, spikes)
            animal = _attribute(file["subject"], "id") if "subject" in file else ""
    except DataError:
        raise
    except Exception as error:  # as above
        raise DataError.of(
            "temporaldata-not-read", path, f"cannot be read as HDF5 of temporaldata ({error_summary(error)})"
        ) from error
    log.raise_errors(path)
    contents = Contents(
        name=path.stem,
        animal=animal or "unknown",
        spikes=spikes,
        units=units,
        tables=tables,
        behavior=behavior,
        observed=observed,
        source_file=path.name,
        notes=tuple(log.notes),
    )
    return with_sidecars(contents, read_sidecars(path), path)


def write(recording: Recording, folder: Path) -> Path:
    """Write units, spikes, trials, behaviour and observed time as temporaldata does."""
    import h5py

    path = Path(folder) / f"{recording.name}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = recording.units["unit"].to_numpy(dtype=np.int64)
    with h5py.File(path, "w") as file:
        file.attrs[CLASS_ATTRIBUTE] = "Data"
        subject = file.create_group("subject")
        subject.attrs[CLASS_ATTRIBUTE], subject.attrs["id"] = "Data", recording.animal
        spikes = _write_group(file, "spikes", "IrregularTimeSeries", {})
        spikes["timestamps"] = recording.spikes["time_s"].to_numpy(dtype=np.float64)
        spikes["unit_index"] = pd.Index(ids).get_indexer(recording.spikes["unit"]).astype(np.int64)
        start, end = recording.observed.T if len(recording.observed) else (np.empty(0), np.empty(0))
        _write_group(spikes, "domain", "Interval", {"start": start, "end": end})
        _write_group(file, "units", "ArrayDict", dict(recording.units.rename(columns={"unit": "id"}).items()))
        if len(recording.trials.columns):
            names = {after: before for before, after in ENDS.items()}
            _write_group(file, "trials", "Interval", dict(recording.trials.rename(columns=names).items()))
        for name, series in recording.behavior.groupby("series", sort=False):
            columns = {"timestamps": series["time_s"], "value": series["value"]}
            _write_group(file, str(name), "IrregularTimeSeries", columns)
    return path


def _write_group(parent: Any, name: str, kind: str, columns: dict[str, Any]) -> Any:
    import h5py

    group = parent.create_group(name)
    group.attrs[CLASS_ATTRIBUTE] = kind
    for key, values in columns.items():
        array = np.asarray(values)
        text = array.dtype.kind in "OUT"
        plain = ["" if v is None or v != v else str(v) for v in array.tolist()] if text else array
        group.create_dataset(str(key), data=plain, dtype=h5py.string_dtype() if text else None)
    return group


def _class_name(group: Any) -> str:
    return _attribute(group, CLASS_ATTRIBUTE)


def _attribute(group: Any, name: str) -> str:
    value = group.attrs.get(name, "")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _groups(parent: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every group that says its class, but spikes, units and domains, by path; groups of Data are entered."""
    import h5py

    for name, thing in parent.items():
        if not isinstance(thing, h5py.Group) or (not prefix and name in ("spikes", "units")):
            continue
        if _class_name(thing) == "Data":
            yield from _groups(thing, f"{prefix}{name}.")
        elif name != "domain" and not name.endswith("_domain"):
            yield f"{prefix}{name}", thing


def _units_and_spikes(file: Any, log: ReadLog) -> tuple[pd.DataFrame, pd.DataFrame]:
    group = file["spikes"]
    missing = [n for n in ("timestamps", "unit_index") if n not in group]
    if missing:
        raise DataError.of(
            "temporaldata-spikes-missing",
            file.filename,
            f"expected {listed(missing)} in the group spikes, found {listed(group)}",
        )
    times, owner = np.asarray(group["timestamps"][()]), np.asarray(group["unit_index"][()])
    log.notes.extend(precision_notes(times, "spikes/timestamps"))
    units = (
        _columns(file["units"], log) if "units" in file else pd.DataFrame(index=range(int(owner.max(initial=-1)) + 1))
    )
    wrong = len(log.errors)
    if times.shape != owner.shape or times.ndim != 1:
        log.errors.append(
            Finding.error(
                "temporaldata-spikes-shape",
                "spikes",
                f"spikes: timestamps have the shape {times.shape}, unit_index {owner.shape}; expected one each",
            )
        )
    if owner.dtype.kind not in "iu":
        log.errors.append(
            Finding.error(
                "temporaldata-unit-index-not-rows",
                "spikes/unit_index",
                f"spikes/unit_index: expected rows of units, found {owner.dtype}",
            )
        )
    elif len(owner) and not 0 <= int(owner.min()) <= int(owner.max()) < len(units):
        log.errors.append(
            Finding.error(
                "temporaldata-unit-index-beyond",
                "spikes/unit_index",
                f"spikes/unit_index: {owner.min()} to {owner.max()}, but units has {len(units)} rows",
            )
        )
    ids = np.arange(len(units), dtype=np.int64)
    if "id" in units:
        own = units["id"]
        if pd.api.types.is_integer_dtype(own) and own.is_unique and len(own):
            ids = own.to_numpy(dtype=np.int64)
            units = units.drop(columns="id")
        else:
            units = units.rename(columns={"id": "name"} if "name" not in units else {})
    if len(log.errors) > wrong:
        return pd.DataFrame({"unit": ids}), pd.DataFrame({"unit": ids[:0], "time_s": np.empty(0)})
    spikes = group_by_unit(ids, ids[owner.astype(np.int64)], times.astype(np.float64))
    return pd.concat([pd.DataFrame({"unit": ids}), units.reset_index(drop=True)], axis=1), spikes


def _columns(group: Any, log: ReadLog) -> pd.DataFrame:
    """The arrays of one value a row."""
    arrays = {name: _array(thing) for name, thing in group.items() if hasattr(thing, "shape")}
    sizes = {name: len(a) for name, a in arrays.items() if a.ndim}
    if len(set(sizes.values())) > 1:
        log.errors.append(
            Finding.error(
                "temporaldata-lengths-differ",
                group.name,
                f"{group.name}: expected arrays of one length, found {listed(f'{n} {k}' for n, k in sizes.items())}",
            )
        )
        return pd.DataFrame()
    plain = {name: a for name, a in arrays.items() if a.ndim == 1}
    left = [name for name, a in arrays.items() if a.ndim != 1]
    if left:
        where = group.name.strip("/")
        text = f"{where}: arrays without one value a row are left out: {listed(left, 8)}"
        log.notes.append(Finding.warning("hdf5-arrays-left-out", where, text))
    table = pd.DataFrame(plain, index=range(next(iter(sizes.values()), 0)))
    return table.assign(**{c: table[c].astype("str") for c in table if table[c].dtype == object})


def _array(dataset: Any) -> NDArray[Any]:
    """Text as str, of bytes of fixed length as of strings."""
    import h5py

    if h5py.check_string_dtype(dataset.dtype):
        return np.asarray(dataset.asstr()[()], dtype=object) if dataset.shape else np.asarray(dataset.asstr()[()])
    return np.asarray(dataset[()])


def _table(group: Any, log: ReadLog) -> pd.DataFrame:
    table = _columns(group, log).rename(columns=ENDS)
    first = [c for c in ENDS.values() if c in table]
    return table[[*first, *(c for c in table if c not in first)]]


def _observed(domain: Any, spikes: pd.DataFrame) -> NDArray[np.float64]:
    """(interval, 2), seconds. A domain ends before its end; one that ends with a spike, as "auto" does, holds it."""
    pairs = as_intervals(np.column_stack([domain["start"][()], domain["end"][()]])).copy()
    last = np.isin(pairs[:, 1], spikes["time_s"].to_numpy())
    pairs[last, 1] = np.nextafter(pairs[last, 1], np.inf)
    return pairs


def _behavior(groups: list[tuple[str, Any]], log: ReadLog) -> pd.DataFrame:
    parts, not_read = [no_behavior()], []
    for name, group in groups:
        kind = _class_name(group)
        if kind not in ("IrregularTimeSeries", "RegularTimeSeries"):
            continue
        arrays = {k: v for k, v in group.items() if hasattr(v, "shape") and v.dtype.kind in "biuf"}
        stamps = arrays.pop("timestamps", None)
        arrays.pop("timestamp_indices_1s", None)
        rate = float(group.attrs.get("sampling_rate", 0.0))
        for key, values in arrays.items():
            wide = values.ndim > 2 or (values.ndim == 2 and values.shape[1] > MAX_WIDTH)
            if wide or rate > MAX_RATE_HZ or key.endswith("_mask"):
                not_read.append(f"{name}/{key}")
                continue
            times = _timestamps(group, stamps, len(values), rate)
            called = name if key in VALUES else f"{name}_{key}"
            numbers = np.asarray(values[()], dtype=np.float64).reshape(len(values), -1)
            for k in range(numbers.shape[1]):
                series = called if values.ndim == 1 else f"{called}_{k}"
                parts.append(pd.DataFrame({"series": series, "time_s": times, "value": numbers[:, k]}))
    if not_read:
        text = f"series that are not read as behaviour: {listed(not_read, 8)}"
        log.notes.append(Finding.warning("series-not-read", "behavior", text))
    return pd.concat(parts, ignore_index=True)


def _timestamps(group: Any, stamps: Any, n: int, rate_hz: float) -> NDArray[np.float64]:
    """(n,) seconds."""
    if stamps is not None:
        return np.asarray(stamps[()], dtype=np.float64)
    if not rate_hz > 0:
        raise DataError.of(
            "temporaldata-without-times", group.file.filename, f"{group.name}: expected timestamps or a sampling_rate"
        )
    return float(group["domain/start"][0]) + np.arange(n) / rate_hz
