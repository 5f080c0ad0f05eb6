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
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.containers import incomplete_arrays
from spikebridge.io.formats.log import raise_errors
from spikebridge.io.formats.sorting.detection import TABLE_SUFFIXES, read_json, saved_sorting_kind, visible_files
from spikebridge.io.formats.spike_trains import group_order

INSTALL = "pip install 'spikebridge[sorters]'"
PATH_ARGUMENTS = ("folder_path", "file_path", "file_or_folder_path")
NOT_DATA = (*TABLE_SUFFIXES, ".json", ".md", ".txt", ".yaml", ".yml", ".dvc")
RUNS_PROGRAMS = {
    "phy": "data.reader: phy reads it without",
    "kilosort": "data.reader: phy reads it without",
    "klusta": "load it in SpikeInterface yourself and give the folder of sorting.save(folder=...)",
}
OTHER_CLOCK = {
    "alf": "takes spikes.samples, which count on the clock of the probe; data.reader: alf takes spikes.times"
}
"""Extractors whose times are not those of the trials."""
OWN_READERS = {name: name for name in ("cellexplorer", "mclust", "neuroscope", "nwb", "waveclus")}


@dataclass(frozen=True)
class SortingSegment:
    """One segment of a sorting. times: one array of seconds a unit. properties: (unit, ...) by name."""

    ids: Sequence[Any]
    times: Sequence[NDArray[np.float64]]
    properties: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[Finding, ...] = ()


def import_extractors(path: Path) -> Any:
    """Import `spikeinterface.extractors`. Raises DataError, with what to install, where it is absent."""
    try:
        import spikeinterface.extractors as extractors
    except ImportError as error:
        raise DataError.of(
            "spikeinterface-not-installed", path, f"reading this needs SpikeInterface: {INSTALL} ({error})"
        ) from None
    return extractors


def read_saved(path: Path, segment: int | None) -> SortingSegment:
    """Read what SpikeInterface saved at a path. Raises DataError where that is no known format."""
    kind = saved_sorting_kind(path)
    if kind == "numpy":
        return read_numpy_folder(path, segment)
    if kind == "npz":
        return read_npz(path, None, segment)
    if kind == "npz_folder":
        return read_npz(path / "sorting_cached.npz", path, segment)
    if kind == "analyzer":
        train = read_numpy_folder(path / "sorting", segment)
        return replace(train, properties={**train.properties, **read_metrics(path, train.ids)})
    if kind in ("zarr", "analyzer_zarr"):
        return _read_zarr(path, "sorting" if kind == "analyzer_zarr" else None, segment)
    raise DataError.of(
        "spikeinterface-no-sorting",
        path,
        "no sorting saved by SpikeInterface; of another format, name data.options.extractor",
    )


def _read_zarr(path: Path, group: str | None, segment: int | None) -> SortingSegment:
    if any('"pickle"' in f.read_text(encoding="utf-8", errors="replace") for f in path.rglob(".zarray")):
        raise DataError.of(
            "spikeinterface-pickled", path, "holds pickled arrays, which are not opened: they would run what they hold"
        )
    raise_errors(path, incomplete_arrays(path))
    sorting = import_extractors(path).sorting_extractor_full_dict["zarr"](path, zarr_group=group)
    train = segment_from_extractor(path, sorting, segment)
    metrics = path / "extensions" / "quality_metrics" / "metrics"
    if group is None or not metrics.is_dir():
        return train
    import zarr

    table = zarr.open(str(metrics), mode="r")
    columns = {k: np.asarray(table[k][:]) for k in table if k != "index"}
    if [str(i) for i in table["index"][:]] != [str(i) for i in train.ids]:
        raise DataError.of(
            "spikeinterface-metrics-rows-differ",
            metrics,
            f"expected one row for each of {len(train.ids)} units, in their order",
        )
    return replace(train, properties={**train.properties, **columns})


def choose_segment(path: Path, n: int, asked: int | None) -> int:
    """The segment to read. Raises DataError where there are several and none is named, or where it is not there."""
    if asked is None and n != 1:
        text = f"{n} segments, each with its own clock: name one in data.options: {{segment: 0}}, up to {n - 1}"
        raise DataError.about(path, [Finding.error("several-segments", "data.options.segment", text)])
    if not 0 <= (asked or 0) < n:
        text = f"data.options.segment = {asked}, but there are {n} segments, from 0"
        raise DataError.about(path, [Finding.error("segment-missing", "data.options.segment", text)])
    return asked or 0


def segment_from_extractor(path: Path, sorting: Any, segment: int | None) -> SortingSegment:
    """What an extractor of SpikeInterface holds; times as it gives them, in seconds."""
    index = choose_segment(path, sorting.get_num_segments(), segment)
    ids = list(sorting.unit_ids)
    times = [np.asarray(sorting.get_unit_spike_train_in_seconds(u, segment_index=index)) for u in ids]
    properties = {k: np.asarray(sorting.get_property(k)) for k in sorting.get_property_keys()}
    return SortingSegment(ids, times, properties)


def read_numpy_folder(path: Path, segment: int | None) -> SortingSegment:
    """A folder of format numpy_folder. Raises DataError where an array is missing or does not fit."""
    info = read_json(path / "numpysorting_info.json")
    missing = {"sampling_frequency", "unit_ids", "num_segments"} - set(info)
    if missing:
        text = f"numpysorting_info.json: expected {listed(sorted(missing))}"
        raise DataError.about(path, [Finding.error("spikeinterface-info-incomplete", "numpysorting_info.json", text)])
    index = choose_segment(path, int(info["num_segments"]), segment)
    spikes = _array(path / "spikes.npy")
    names = {"sample_index", "unit_index", "segment_index"}
    if not names <= set(spikes.dtype.names or ()):
        raise DataError.of(
            "spikeinterface-fields-missing",
            path / "spikes.npy",
            f"expected fields {listed(sorted(names))}, got {spikes.dtype}",
        )
    ids = list(info["unit_ids"])
    spikes = spikes[spikes["segment_index"] == index]
    owner, samples = np.asarray(spikes["unit_index"]), spikes["sample_index"].astype(np.float64)
    if len(owner) and not 0 <= owner.min() <= owner.max() < len(ids):
        raise DataError.of(
            "spikeinterface-unit-index-beyond",
            path / "spikes.npy",
            f"expected unit_index below {len(ids)} units, got {owner.max()}",
        )
    times = samples / float(info["sampling_frequency"])
    notes: list[Finding] = []
    properties = read_properties(path / "properties", len(ids), notes)
    return SortingSegment(ids, _split_by_unit(owner, times, len(ids)), properties, tuple(notes))


def read_npz(path: Path, folder: Path | None, segment: int | None) -> SortingSegment:
    """A file of format npz, or the one in a folder of format npz_folder."""
    try:
        with np.load(path, allow_pickle=False) as z:
            index = choose_segment(path, int(z["num_segment"][0]), segment)
            ids, rate = list(z["unit_ids"]), float(z["sampling_frequency"][0])
            samples, labels = z[f"spike_indexes_seg{index}"], z[f"spike_labels_seg{index}"]
    except (OSError, ValueError, KeyError, EOFError, IndexError, NotImplementedError) as error:
        raise DataError.of(
            "spikeinterface-sorting-not-read", path, f"cannot be read as a sorting saved by SpikeInterface ({error})"
        ) from None
    times = [samples[labels == u].astype(np.float64) / rate for u in ids]
    notes: list[Finding] = []
    properties = read_properties(folder / "properties", len(ids), notes) if folder else {}
    return SortingSegment(ids, times, properties, tuple(notes))


def _split_by_unit(owner: NDArray[Any], times: NDArray[np.float64], n: int) -> list[NDArray[np.float64]]:
    order = group_order(owner, n)
    edges = np.cumsum(np.bincount(owner, minlength=n))
    return np.split(times[order], edges[:-1]) if n else []


def _array(file: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError.of("spikeinterface-array-not-read", file, f"cannot be read as an array ({error})") from None


def read_properties(folder: Path, n: int, notes: list[Finding]) -> dict[str, NDArray[Any]]:
    """The properties saved one a file. Pickled ones are left out with a note: opening them would run what they hold."""
    properties, skipped = {}, []
    for file in sorted(folder.glob("*.npy")) if folder.is_dir() else ():
        try:
            values = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            skipped.append(file.stem)
            continue
        if np.ndim(values) and len(values) == n:
            properties[file.stem] = np.asarray(values)
    if skipped:
        text = f"unit properties left out, since they are damaged or pickled: {listed(skipped)}"
        notes.append(Finding.warning("properties-not-readable", "unit properties", text))
    return properties


def read_metrics(analyzer: Path, ids: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """The quality metrics that a SortingAnalyzer's folder holds, one value a unit."""
    file = analyzer / "extensions" / "quality_metrics" / "metrics.csv"
    if not file.is_file():
        return {}
    try:
        table = pd.read_csv(file, index_col=0)
    except (OSError, ValueError) as error:
        raise DataError.of("spikeinterface-table-not-read", file, f"cannot be read as a table ({error})") from None
    table.index = table.index.astype(str)
    if set(table.index) != {str(i) for i in ids} or table.index.has_duplicates:
        raise DataError.of(
            "spikeinterface-rows-of-other-units",
            file,
            f"expected one row for each of {len(ids)} units, got {listed(table.index, 10)}",
        )
    table = table.loc[[str(i) for i in ids]]
    return {str(c): table[c].to_numpy() for c in table if table[c].notna().any()}


def read_with_extractor(path: Path, name: str, arguments: Mapping[str, Any], segment: int | None) -> SortingSegment:
    """Read a path with the extractor of that name.

    Raises ConfigError for a name or an argument that does not exist or is not used, DataError where the path does not
    suit the extractor or SpikeInterface is not installed.
    """
    known: Mapping[str, Callable[..., Any]] = import_extractors(path).sorting_extractor_full_dict
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
    train = segment_from_extractor(path, known[key](**{wants: _path_for(path, key, wants)}, **arguments), segment)
    if key in OWN_READERS:
        text = f"SpikeInterface's extractor {key} may leave out or merge units;"
        remedy = f"data.reader: {OWN_READERS[key]} does not"
        note = Finding.warning("extractor-may-merge-units", "data.options.extractor", text, remedy)
        train = SortingSegment(train.ids, train.times, train.properties, (*train.notes, note))
    return train


def _path_argument(key: str, extractor: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """The name of the argument that takes the path. Raises ConfigError where the arguments do not fit the extractor."""
    asks = inspect.signature(extractor).parameters
    wants = next((p for p in PATH_ARGUMENTS if p in asks), None)
    if wants is None:
        raise ConfigError(f"data.options.extractor: {key} reads no file or folder; it asks for {listed(asks)}")
    arguments_of_format = [a for a in asks if a not in PATH_ARGUMENTS]
    wrong = [f"{a} is data.path" for a in arguments if a in PATH_ARGUMENTS]
    wrong += [f"unknown argument {a}{did_you_mean(a, arguments_of_format)}" for a in arguments if a not in asks]
    needed = (
        a
        for a in arguments_of_format
        if asks[a].default is inspect.Parameter.empty and asks[a].kind.name != "VAR_KEYWORD"
    )
    wrong += [f"{a} is missing" for a in needed if a not in arguments]
    if wrong:
        raise ConfigError(
            f"data.options.arguments of {key}: {'; '.join(wrong)}. It asks for {listed(arguments_of_format)}"
        )
    return wants


def _path_for(path: Path, key: str, wants: str) -> Path:
    if wants != "file_path" or path.is_file():
        if wants == "folder_path" and not path.is_dir():
            raise DataError.of(
                "extractor-reads-a-folder",
                path,
                f"the extractor {key} reads a folder, this is a file; name its folder in data.path",
            )
        return path
    files = data_files(path)
    if len(files) != 1:
        raise DataError.of(
            "extractor-reads-one-file",
            path,
            f"the extractor {key} reads a file; expected one file besides tables in this folder, found "
            f"{listed((p.name for p in files), 5)}",
        )
    return files[0]


def data_files(folder: Path) -> list[Path]:
    """Files directly in a folder that are no tables or notes."""
    return [p for p in visible_files(folder) if p.suffix.lower() not in NOT_DATA]
