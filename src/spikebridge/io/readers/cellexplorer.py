"""CellExplorer: day1.spikes.cellinfo.mat, and beside it day1.cell_metrics.cellinfo.mat and day1.session.mat.

MATLAB files of every version. A recording is the folder that holds exactly one .spikes.cellinfo.mat, or that file.

Read without SpikeInterface, whose extractor rounds the times to samples and reads no metrics.

Units are the UIDs; every field of `spikes` and of `cell_metrics` with one number or text a unit becomes a units column,
`brainRegion` under the name brain_region. session.epochs becomes the interval table epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import concatenate_trains, raise_errors, write_sidecars
from spikebridge.io.formats.mat import Struct, load_mat
from spikebridge.io.formats.mat.nodes import squeeze_node
from spikebridge.io.formats.sorting import SortedUnits, detect_reader, is_output_of, join_sidecars
from spikebridge.io.formats.sorting.detection import CELLINFO, cellinfo_files, sidecar_files
from spikebridge.io.reader_registry import NoOptions
from spikebridge.labels.unit_labels import (
    PERSON,
    SYNONYMS,
    describe_contradictions,
    holds_labels,
    label_words,
    merge_labels,
    normalize_word,
    strictest,
)
from spikebridge.types import Recording

FORMAT = "CellExplorer .spikes.cellinfo.mat"
LIBRARIES = ("scipy.io", "h5py")
Options = NoOptions
METRICS, SESSION = ".cell_metrics.cellinfo.mat", ".session.mat"
LARGE_FIELDS = {
    "ts", "ids", "spindices", "amplitudes", "filtWaveform", "filtWaveform_std", "rawWaveform", "rawWaveform_std",
    "timeWaveform", "peakVoltage_sorted", "maxWaveform_all", "rawWaveform_all", "filtWaveform_all", "timeWaveform_all",
    "channels_all", "waveforms", "acg", "isi", "responseCurves", "general",
}  # fmt: skip
"""Fields of the structs that are large and not read."""


def can_read(path: Path) -> bool:
    return detect_reader(path) == "cellexplorer"


def takes(path: Path) -> bool:
    return is_output_of(path, "cellexplorer")


def name_of(path: Path) -> str:
    return path.name.removesuffix(CELLINFO)


def files_of(path: Path) -> list[Path]:
    """Without raw recordings and the many other .mat files of a session."""
    spikes = _spikes_file(path)
    base = spikes.with_name(name_of(spikes))
    own = [p for s in (METRICS, SESSION) if (p := base.with_name(base.name + s)).is_file()]
    beside = sidecar_files(path) if path.is_dir() else sidecar_files(path.parent)
    return [spikes, *own, *(p for p in beside if path.is_dir() or p.name.startswith(base.name + "."))]


def read(path: Path, options: NoOptions) -> Contents:
    """Read one session. Raises DataError naming everything that is wrong in it."""
    file = _spikes_file(path)
    spikes = _struct(file, "spikes")
    ids, trains = _trains(file, spikes)
    units = pd.DataFrame({"unit": ids} | _columns(spikes, len(ids), skip={"UID", "times", "unit"}))
    base = file.with_name(name_of(file))
    metrics, session = (_optional_struct(base.with_name(base.name + s), n) for s, n in OPTIONAL_STRUCTS)
    notes: list[Finding] = []
    units = _with_metrics(units, metrics, notes)
    output = SortedUnits(
        units, concatenate_trains(ids, trains), tuple(notes), _epochs(session), _animal(session, metrics)
    )
    at = None if path.is_dir() else base.with_name(base.name + ".mat")
    return join_sidecars(path, output, name_of(path), at)


OPTIONAL_STRUCTS = ((METRICS, "cell_metrics"), (SESSION, "session"))


def write(recording: Recording, folder: Path) -> Path:
    """Write a folder with the three structs (MATLAB 5 files)."""
    from scipy.io import savemat

    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    ids = recording.units["unit"].to_numpy(dtype=np.float64)
    trains = recording.spikes.groupby("unit")["time_s"]
    times = np.empty((1, len(ids)), dtype=object)
    for i, unit in enumerate(recording.units["unit"]):
        train = trains.get_group(unit).to_numpy() if unit in trains.groups else np.empty(0)
        times[0, i] = train.reshape(-1, 1)
    spikes = {"UID": ids[None], "times": times, "numcells": float(len(ids)), "basename": recording.name}
    columns = recording.units.drop(columns="unit").rename(columns={"region": "brainRegion"})
    metrics = {"UID": ids[None]} | {str(c): _cell(columns[c]) for c in columns}
    session = {"general": {"name": recording.name}, "animal": {"name": recording.animal}}
    for suffix, name, struct in (
        (CELLINFO, "spikes", spikes),
        (METRICS, "cell_metrics", metrics),
        (SESSION, "session", session),
    ):
        savemat(path / f"{recording.name}{suffix}", {name: struct}, long_field_names=True, do_compression=True)
    write_sidecars(recording, path, units=False)
    return path


def _cell(values: pd.Series) -> NDArray[Any]:
    """A row of numbers, or of text as a cell array."""
    if values.dtype.kind in "biuf":
        return values.to_numpy(dtype=np.float64)[None]
    words = np.empty((1, len(values)), dtype=object)
    words[0] = ["" if v is None or v != v else str(v) for v in values]
    return words


def _spikes_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = cellinfo_files(path)
    if len(files) != 1:
        names = listed((p.name for p in files), 5)
        raise DataError.of(
            "cellexplorer-file-missing",
            path,
            f"expected one file *{CELLINFO}, found {names}; name one of them in data.path",
        )
    return files[0]


def _struct(file: Path, name: str) -> dict[str, Any]:
    """One struct of a MATLAB file. Raises DataError where it cannot be read or is not there."""
    struct = load_mat(file, [name]).get(name)
    if not isinstance(struct, Struct) or len(struct.items) != 1:
        raise DataError.of("cellexplorer-struct-missing", file, f"expected a struct {name!r}, found none")
    return {field: squeeze_node(value) for field, value in struct.items[0].items() if field not in LARGE_FIELDS}


def _optional_struct(file: Path, name: str) -> dict[str, Any]:
    return _struct(file, name) if file.is_file() else {}


def _trains(file: Path, spikes: dict[str, Any]) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Ids (unit,) and one array of seconds a unit."""
    missing = [f for f in ("UID", "times") if spikes.get(f) is None]
    fields = listed(map(str, spikes))
    raise_errors(
        file,
        [
            Finding.error("cellexplorer-field-missing", f, f"the struct spikes has no field {f!r}; fields: {fields}")
            for f in missing
        ],
    )
    ids = _ids(file, spikes["UID"])
    times = spikes["times"]
    if len(ids) == 1 and not (isinstance(times, list) and len(times) == 1):
        times = [times]
    times = list(times) if isinstance(times, list) or (isinstance(times, np.ndarray) and times.ndim > 0) else [times]
    if len(times) != len(ids):
        raise DataError.of(
            "cellexplorer-times-differ-in-number",
            file,
            f"expected spikes.times of {len(ids)} units (spikes.UID), got {len(times)}",
        )
    try:
        return ids, [np.asarray(t, dtype=np.float64).ravel() for t in times]
    except (TypeError, ValueError) as error:
        raise DataError.of(
            "cellexplorer-times-not-numbers", file, f"expected numbers in spikes.times ({error})"
        ) from None


def _ids(file: Path, given: Any) -> NDArray[np.int64]:
    try:
        ids = np.atleast_1d(np.asarray(given, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        ids = np.array([np.nan])
    if not len(ids) or not np.isfinite(ids).all() or (ids != np.rint(ids)).any():
        raise DataError.of("cellexplorer-ids-not-whole", file, f"expected whole numbers in spikes.UID, got {given!r}")
    return ids.astype(np.int64)


def _columns(struct: dict[str, Any], n: int, skip: set[str]) -> dict[str, Any]:
    """Every field with one number or text a unit."""
    columns: dict[str, Any] = {}
    for name, values in struct.items():
        rows = [] if name in skip else _rows(values, n)
        if len(rows) == n and all(isinstance(v, str) for v in rows):
            columns[name] = pd.array(rows, dtype="str")
        elif len(rows) == n and all(isinstance(v, (bool, int, float, np.number, np.bool_)) for v in rows):
            columns[name] = np.asarray(rows)
    return columns


def _rows(values: Any, n: int) -> list[Any]:
    """The values of a field; of a single unit they may be bare. MATLAB's '' comes as an empty array."""
    if n == 1 and isinstance(values, (str, int, float)):
        return [values]
    if not isinstance(values, (list, np.ndarray)) or (isinstance(values, np.ndarray) and values.ndim != 1):
        return []
    rows = list(values)
    if any(isinstance(v, str) for v in rows):
        rows = ["" if isinstance(v, np.ndarray) and v.size == 0 else v for v in rows]
    return rows


def _with_metrics(units: pd.DataFrame, metrics: dict[str, Any], notes: list[Finding]) -> pd.DataFrame:
    """Units with the columns of cell_metrics, matched by UID."""
    if not metrics:
        return units
    ids = np.atleast_1d(np.asarray(metrics.get("UID", units["unit"]), dtype=np.float64)).ravel()
    if sorted(ids) != sorted(units["unit"]):
        notes.append(
            Finding.warning(
                "metrics-of-other-units",
                "cell_metrics",
                f"cell_metrics are of {len(ids)} other units than the {len(units)} of spikes and are not used",
            )
        )
        return units
    columns = _columns(metrics, len(ids), skip={"UID", "unit"})
    table = pd.DataFrame(columns, index=pd.Index(ids.astype(np.int64), name="unit"))
    table = table.rename(columns={"brainRegion": "brain_region"}).loc[units["unit"]].reset_index(drop=True)
    if tags := _tags(metrics.get("tags"), units["unit"].tolist()):
        table["tags"] = pd.Series(tags, dtype="str")
    twice = [c for c in table if c in units]
    both = {c: _merge_column(c, units[c], table[c], units["unit"], notes) for c in twice}
    return pd.concat([units.assign(**both), table.drop(columns=twice)], axis=1)


def _merge_column(column: str, own: pd.Series, metrics: pd.Series, ids: pd.Series, notes: list[Finding]) -> pd.Series:
    """A column that spikes and cell_metrics have: the value of spikes, and where there is none, that of cell_metrics.

    Of two words for the quality the more careful one, with a note.
    """
    if not (holds_labels(column, own) or holds_labels(column, metrics)):
        return own.where(own.notna() & (own != ""), metrics)
    judged = merge_labels({"spikes": label_words(own), "cell_metrics": label_words(metrics)}, lambda _: PERSON)
    if judged.contradictions:
        text = f"{column}: {describe_contradictions(judged.contradictions, [f'unit {u}' for u in ids])}"
        remedy = "for another, mend one of the two"
        notes.append(Finding.warning("labels-contradict-cell-metrics", f"column {column}", text, remedy))
    return pd.Series(judged.labels, dtype="str")


def _tags(tags: Any, ids: Sequence[int]) -> list[str]:
    """(unit,): the word for the quality with which a person tagged each unit; empty where no tag is such a word.

    tags: cell_metrics.tags, a struct with the UIDs of each tag (Good, Bad, ...).
    """
    words: dict[int, dict[str, str]] = {}
    for tag, tagged in tags.items() if isinstance(tags, dict) else ():
        if normalize_word(str(tag)) in SYNONYMS:
            for unit in np.atleast_1d(np.asarray(tagged, dtype=np.float64)).ravel():
                words.setdefault(int(unit), {})[str(tag)] = str(tag)
    return [strictest(words[u]) if u in words else "" for u in ids] if words else []


def _epochs(session: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """The interval table `epochs`, where every epoch has a start and a stop."""
    given = session.get("epochs")
    epochs: Sequence[Any] = given if isinstance(given, list) else [given]
    if not all(isinstance(e, dict) and {"startTime", "stopTime"} <= set(e) for e in epochs):
        return {}
    keep = [{k: v for k, v in e.items() if isinstance(v, (str, int, float))} for e in epochs]
    table = pd.DataFrame(keep).rename(columns={"startTime": "start_time", "stopTime": "stop_time"})
    numeric = {"start_time", "stop_time"} <= set(table.columns) and all(
        table[c].dtype.kind in "iuf" for c in ("start_time", "stop_time")
    )
    return {"epochs": table} if numeric else {}


def _animal(session: dict[str, Any], metrics: dict[str, Any]) -> str:
    animal = session.get("animal")
    if isinstance(animal, dict) and isinstance(animal.get("name"), str) and animal["name"]:
        return str(animal["name"])
    named = metrics.get("animal")
    names = {named} if isinstance(named, str) else {n for n in named or () if isinstance(n, str)}
    return names.pop() if len(names) == 1 else "unknown"
