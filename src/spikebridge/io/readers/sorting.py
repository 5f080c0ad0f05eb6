"""Any sorting that SpikeInterface reads, and what it saved itself.

Recognised without options: folders and files made by `sorting.save` (numpy_folder, npz_folder, zarr), .npz files of
its NpzSortingExtractor, and folders of a SortingAnalyzer with their quality metrics. Any other format by the name of
its extractor, one of `spikeinterface.extractors.sorting_extractor_full_dict`:

    data: {reader: sorting, options: {extractor: plexon, arguments: {}}}

The recording goes to the extractor as its file or folder; where the extractor wants a file and the recording is a
folder, the one file in it that is no table is meant. Extractors that run files of the data as programs are not used.

Ids that are no whole numbers are counted from 0 and kept as `name`; properties with one value a unit become units
columns.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.config import Section
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import concatenate_trains, error_summary, integer_ids, write_sidecars
from spikebridge.io.formats.sorting import SortedUnits, detect_reader, join_sidecars, to_samples
from spikebridge.io.formats.sorting.detection import saved_sorting_kind, sidecar_files
from spikebridge.io.formats.sorting.sorted_units import time_order
from spikebridge.io.formats.sorting.spikeinterface import (
    SortingSegment,
    data_files,
    import_extractors,
    read_saved,
    read_with_extractor,
)
from spikebridge.types import Recording

FORMAT = "sortings saved or read by SpikeInterface"
LIBRARIES = ("spikeinterface.extractors",)


class Options(Section):
    extractor: str | None = None
    arguments: dict[str, Any] = {}
    segment: int | None = None


def can_read(path: Path) -> bool:
    return detect_reader(path) == "sorting"


def takes(path: Path) -> bool:
    """Named by the user: any file, and any folder with a file that is no table, since an extractor may be named too."""
    try:
        return bool(saved_sorting_kind(path)) or bool(data_files(path) if path.is_dir() else path.is_file())
    except OSError:
        return False


def name_of(path: Path) -> str:
    return path.name.removesuffix(".zarr") if path.is_dir() else path.stem


def files_of(path: Path) -> list[Path]:
    """Of an analyzer without its waveforms; else all."""
    if path.is_file():
        return [path, *(p for p in sidecar_files(path.parent) if p.name.startswith(f"{path.stem}."))]
    inside = [path / "sorting", path / "extensions" / "quality_metrics"]
    roots = inside if saved_sorting_kind(path).startswith("analyzer") else [path]
    files = {f for root in roots for f in root.rglob("*") if f.is_file()} | set(sidecar_files(path))
    return sorted(files | {f for n in ("spikeinterface_info.json", ".zattrs") if (f := path / n).is_file()})


def read(path: Path, options: Options) -> Contents:
    """Read one sorting. Raises DataError where it cannot be read, ConfigError for an unknown extractor or argument."""
    train = _train(path, options)
    ids, names = integer_ids(train.ids)
    notes = list(train.notes)
    units = pd.DataFrame({"unit": ids} | ({} if names is None else {"name": names}) | _columns(train, names, notes))
    return join_sidecars(path, SortedUnits(units, concatenate_trains(ids, train.times), tuple(notes)), name_of(path))


def _train(path: Path, options: Options) -> SortingSegment:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside SpikeInterface: nothing a user can act on
        try:
            if options.extractor is not None:
                return read_with_extractor(path, options.extractor, options.arguments, options.segment)
            if options.arguments:
                setting = "data.options.arguments"
                raise DataError.about(
                    path, [Finding.error("arguments-without-extractor", setting, f"{setting} without an extractor")]
                )
            return read_saved(path, options.segment)
        except SpikebridgeError:
            raise
        except Exception as error:  # extractors raise whatever their format's parser raises
            what = f"SpikeInterface's extractor {options.extractor!r}" if options.extractor else "SpikeInterface"
            raise DataError.of(
                "sorting-not-read", path, f"cannot be read by {what} ({error_summary(error)})"
            ) from error


def _columns(train: SortingSegment, names: list[str] | None, notes: list[Finding]) -> dict[str, Any]:
    """Units columns of the properties with one number or text a unit; the others are left out with a note."""
    columns, skipped = {}, []
    for key, values in train.properties.items():
        plain = values.ndim == 1 and len(values) == len(train.ids) and values.dtype.kind in "biufUO"
        if plain and values.dtype.kind == "O":
            plain = all(isinstance(v, str) or v is None or v != v for v in values)
        if not plain:
            skipped.append(key)
            continue
        taken = key == "unit" or (key == "name" and names is not None)
        columns[f"property_{key}" if taken else key] = (
            pd.Series(values) if values.dtype.kind in "biuf" else pd.Series(values, dtype="str")
        )
    if skipped:
        text = f"unit properties with several values a unit are left out: {listed(skipped)}"
        notes.append(Finding.warning("properties-left-out", "unit properties", text))
    return columns


def write(recording: Recording, folder: Path) -> Path:
    """Save as SpikeInterface does (numpy_folder), with all units columns as properties.

    Raises DataError for times off a clock, or where SpikeInterface is not installed.
    """
    import_extractors(Path(folder))
    from spikeinterface.core import NumpyFolderSorting, NumpySorting
    from spikeinterface.core.base import minimum_spike_dtype

    samples, rate = to_samples(recording)
    ids = recording.units["unit"].to_numpy(dtype=np.int64)
    row = pd.Series(np.arange(len(ids)), index=ids)
    spikes = np.zeros(len(samples), dtype=minimum_spike_dtype)
    spikes["sample_index"], spikes["unit_index"] = samples, row[recording.spikes["unit"]].to_numpy()
    sorting = NumpySorting(spikes[time_order(spikes["unit_index"], samples)], rate, ids)
    for name in recording.units.columns.drop("unit"):
        values = recording.units[name]
        numeric = values.dtype.kind in "biuf"
        sorting.set_property(str(name), values.to_numpy() if numeric else values.fillna("").to_numpy(dtype=str))
    path = Path(folder) / recording.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an array has no provenance to save
        NumpyFolderSorting.write_sorting(sorting, path)
    write_sidecars(recording, path, units=False)
    return path
