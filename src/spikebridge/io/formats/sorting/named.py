"""Parts of the reader `sorting`: an extractor of SpikeInterface by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.sorting.kinds import SIDECARS, files_in
from spikebridge.io.formats.sorting.saved import Train, from_extractor, spikeinterface

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
