"""Sortings that SpikeInterface saved, and formats that one of its extractors reads.

Folders of arrays are read here and not by SpikeInterface, which unpickles their properties and imports whatever class
their JSON names. For Zarr, the extractor is named here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.containers import cut_arrays
from spikebridge.io.formats.sorting.detection import SIDECARS, files_in, read_json, saved_sorting
from spikebridge.io.formats.sorting.sorted_units import refuse
from spikebridge.io.formats.spike_trains import grouping

EXTRA = "pip install 'spikebridge[sorters]'"
PATHS = ("folder_path", "file_path", "file_or_folder_path")
NO_DATA = (*SIDECARS, ".json", ".md", ".txt", ".yaml", ".yml", ".dvc")
RUNS_PROGRAMS = {
    "phy": "data.reader: phy reads it without",
    "kilosort": "data.reader: phy reads it without",
    "klusta": "load it in SpikeInterface yourself and give the folder of sorting.save(folder=...)",
}
OTHER_CLOCK = {
    "alf": "takes spikes.samples, which count on the clock of the probe; data.reader: alf takes spikes.times"
}
"""Extractors whose times are not those of the trials."""
OWN = {name: name for name in ("cellexplorer", "mclust", "neuroscope", "nwb", "waveclus")}


@dataclass(frozen=True)
class Train:
    """One segment of a sorting. times: one array of seconds a unit. properties: (unit, ...) by name."""

    ids: Sequence[Any]
    times: Sequence[NDArray[np.float64]]
    properties: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def spikeinterface(path: Path) -> Any:
    """The package `spikeinterface.extractors`. Raises DataError, with what to install, where it is absent."""
    try:
        import spikeinterface.extractors as extractors
    except ImportError as error:
        raise DataError(f"{path}: reading this needs SpikeInterface: {EXTRA} ({error})") from None
    return extractors


def from_saved(path: Path, segment: int | None) -> Train:
    """Whatever SpikeInterface saved at a path. Raises DataError where that is nothing that is known."""
    kind = saved_sorting(path)
    if kind == "numpy":
        return from_arrays(path, segment)
    if kind == "npz":
        return from_npz(path, None, segment)
    if kind == "npz_folder":
        return from_npz(path / "sorting_cached.npz", path, segment)
    if kind == "analyzer":
        train = from_arrays(path / "sorting", segment)
        return replace(train, properties={**train.properties, **metrics_in(path, train.ids)})
    if kind in ("zarr", "analyzer_zarr"):
        return _from_zarr(path, "sorting" if kind == "analyzer_zarr" else None, segment)
    raise DataError(f"{path}: no sorting saved by SpikeInterface; of another format, name data.options.extractor")


def _from_zarr(path: Path, group: str | None, segment: int | None) -> Train:
    if any('"pickle"' in f.read_text(encoding="utf-8", errors="replace") for f in path.rglob(".zarray")):
        raise DataError(f"{path}: holds pickled arrays, which are not opened: they would run what they hold")
    refuse(path, cut_arrays(path))
    sorting = spikeinterface(path).sorting_extractor_full_dict["zarr"](path, zarr_group=group)
    train = from_extractor(path, sorting, segment)
    metrics = path / "extensions" / "quality_metrics" / "metrics"
    if group is None or not metrics.is_dir():
        return train
    import zarr

    table = zarr.open(str(metrics), mode="r")
    columns = {k: np.asarray(table[k][:]) for k in table if k != "index"}
    if [str(i) for i in table["index"][:]] != [str(i) for i in train.ids]:
        raise DataError(f"{metrics}: expected one row for each of {len(train.ids)} units, in their order")
    return replace(train, properties={**train.properties, **columns})


def one_segment(path: Path, n: int, asked: int | None) -> int:
    """The segment to read. Raises DataError where there are several and none is named, or where it is not there."""
    if asked is None and n != 1:
        refuse(
            path, [f"{n} segments, each with its own clock: name one in data.options: {{segment: 0}}, up to {n - 1}"]
        )
    if not 0 <= (asked or 0) < n:
        refuse(path, [f"data.options.segment = {asked}, but there are {n} segments, from 0"])
    return asked or 0


def from_extractor(path: Path, sorting: Any, segment: int | None) -> Train:
    """What an extractor of SpikeInterface holds; times as it gives them, in seconds."""
    index = one_segment(path, sorting.get_num_segments(), segment)
    ids = list(sorting.unit_ids)
    times = [np.asarray(sorting.get_unit_spike_train_in_seconds(u, segment_index=index)) for u in ids]
    properties = {k: np.asarray(sorting.get_property(k)) for k in sorting.get_property_keys()}
    return Train(ids, times, properties)


def from_arrays(path: Path, segment: int | None) -> Train:
    """A folder of format numpy_folder. Raises DataError where an array is missing or does not fit."""
    info = read_json(path / "numpysorting_info.json")
    missing = {"sampling_frequency", "unit_ids", "num_segments"} - set(info)
    refuse(path, [f"numpysorting_info.json: expected {listed(sorted(missing))}"] if missing else [])
    index = one_segment(path, int(info["num_segments"]), segment)
    spikes = _array(path / "spikes.npy")
    names = {"sample_index", "unit_index", "segment_index"}
    if not names <= set(spikes.dtype.names or ()):
        raise DataError(f"{path / 'spikes.npy'}: expected fields {listed(sorted(names))}, got {spikes.dtype}")
    ids = list(info["unit_ids"])
    spikes = spikes[spikes["segment_index"] == index]
    owner, samples = np.asarray(spikes["unit_index"]), spikes["sample_index"].astype(np.float64)
    if len(owner) and not 0 <= owner.min() <= owner.max() < len(ids):
        raise DataError(f"{path / 'spikes.npy'}: expected unit_index below {len(ids)} units, got {owner.max()}")
    times = samples / float(info["sampling_frequency"])
    notes: list[str] = []
    properties = properties_in(path / "properties", len(ids), notes)
    return Train(ids, _split(owner, times, len(ids)), properties, tuple(notes))


def from_npz(path: Path, folder: Path | None, segment: int | None) -> Train:
    """A file of format npz, or the one in a folder of format npz_folder."""
    try:
        with np.load(path, allow_pickle=False) as z:
            index = one_segment(path, int(z["num_segment"][0]), segment)
            ids, rate = list(z["unit_ids"]), float(z["sampling_frequency"][0])
            samples, labels = z[f"spike_indexes_seg{index}"], z[f"spike_labels_seg{index}"]
    except (OSError, ValueError, KeyError, EOFError, IndexError, NotImplementedError) as error:
        raise DataError(f"{path}: cannot be read as a sorting saved by SpikeInterface ({error})") from None
    times = [samples[labels == u].astype(np.float64) / rate for u in ids]
    notes: list[str] = []
    properties = properties_in(folder / "properties", len(ids), notes) if folder else {}
    return Train(ids, times, properties, tuple(notes))


def _split(owner: NDArray[Any], times: NDArray[np.float64], n: int) -> list[NDArray[np.float64]]:
    order = grouping(owner, n)
    edges = np.cumsum(np.bincount(owner, minlength=n))
    return np.split(times[order], edges[:-1]) if n else []


def _array(file: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file}: cannot be read as an array ({error})") from None


def properties_in(folder: Path, n: int, notes: list[str]) -> dict[str, NDArray[Any]]:
    """The properties saved one a file. Pickled ones are left out with a note: opening them would run what they hold."""
    found, left = {}, []
    for file in sorted(folder.glob("*.npy")) if folder.is_dir() else ():
        try:
            values = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            left.append(file.stem)
            continue
        if np.ndim(values) and len(values) == n:
            found[file.stem] = np.asarray(values)
    if left:
        notes.append(f"unit properties left out, since they are damaged or pickled: {listed(left)}")
    return found


def metrics_in(analyzer: Path, ids: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """The quality metrics that a SortingAnalyzer's folder holds, one value a unit."""
    file = analyzer / "extensions" / "quality_metrics" / "metrics.csv"
    if not file.is_file():
        return {}
    try:
        table = pd.read_csv(file, index_col=0)
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as a table ({error})") from None
    table.index = table.index.astype(str)
    if set(table.index) != {str(i) for i in ids} or table.index.has_duplicates:
        raise DataError(f"{file}: expected one row for each of {len(ids)} units, got {listed(table.index, 10)}")
    table = table.loc[[str(i) for i in ids]]
    return {str(c): table[c].to_numpy() for c in table if table[c].notna().any()}


def from_named(path: Path, name: str, arguments: Mapping[str, Any], segment: int | None) -> Train:
    """What the extractor of that name reads from a path.

    Raises ConfigError for a name or an argument that does not exist or is not used, DataError where the path does not
    suit the extractor or SpikeInterface is not installed.
    """
    known: Mapping[str, Callable[..., Any]] = spikeinterface(path).sorting_extractor_full_dict
    key = name.lower()
    if key not in known:
        raise ConfigError(
            f"data.options.extractor: SpikeInterface has no sorting extractor {name!r}{did_you_mean(name, known)} "
            f"Known: {listed(sorted(known), 60)}"
        )
    if key in RUNS_PROGRAMS:
        raise ConfigError(
            f"data.options.extractor: {key} runs a file of the data as a program and is not used; {RUNS_PROGRAMS[key]}"
        )
    if key in OTHER_CLOCK:
        raise ConfigError(f"data.options.extractor: {key} is not used: it {OTHER_CLOCK[key]}")
    wants = _path_argument(key, known[key], arguments)
    train = from_extractor(path, known[key](**{wants: _path_for(path, key, wants)}, **arguments), segment)
    if key in OWN:
        note = f"SpikeInterface's extractor {key} may leave out or merge units; data.reader: {OWN[key]} does not"
        train = Train(train.ids, train.times, train.properties, (*train.notes, note))
    return train


def _path_argument(key: str, extractor: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """The name of the argument that takes the path. Raises ConfigError where the arguments do not fit the extractor."""
    asks = inspect.signature(extractor).parameters
    wants = next((p for p in PATHS if p in asks), None)
    if wants is None:
        raise ConfigError(f"data.options.extractor: {key} reads no file or folder; it asks for {listed(asks)}")
    mine = [a for a in asks if a not in PATHS]
    wrong = [f"{a} is data.path" for a in arguments if a in PATHS]
    wrong += [f"unknown argument {a}{did_you_mean(a, mine)}" for a in arguments if a not in asks]
    needed = (a for a in mine if asks[a].default is inspect.Parameter.empty and asks[a].kind.name != "VAR_KEYWORD")
    wrong += [f"{a} is missing" for a in needed if a not in arguments]
    if wrong:
        raise ConfigError(f"data.options.arguments of {key}: {'; '.join(wrong)}. It asks for {listed(mine)}")
    return wants


def _path_for(path: Path, key: str, wants: str) -> Path:
    if wants != "file_path" or path.is_file():
        if wants == "folder_path" and not path.is_dir():
            raise DataError(f"{path}: the extractor {key} reads a folder, this is a file; name its folder in data.path")
        return path
    files = data_files(path)
    if len(files) != 1:
        raise DataError(
            f"{path}: the extractor {key} reads a file; expected one file besides tables in this folder, found "
            f"{listed((p.name for p in files), 5)}"
        )
    return files[0]


def data_files(folder: Path) -> list[Path]:
    """Files directly in a folder that are no tables or notes."""
    return [p for p in files_in(folder) if p.suffix.lower() not in NO_DATA]
