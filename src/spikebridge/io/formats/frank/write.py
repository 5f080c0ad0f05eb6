"""Parts of the reader of the Frank lab's layout: a recording as one day of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.io.formats.mat import save_mat
from spikebridge.io.formats.mat.values import to_cell
from spikebridge.io.formats.sidecars import write_sidecars
from spikebridge.types import Recording
from spikebridge.types.intervals import merge_intervals

EMPTY: NDArray[np.float64] = np.zeros((0, 0))
FIELD_NAME = re.compile(r"[A-Za-z]\w{0,62}")


def write_day(recording: Recording, folder: Path) -> Path:
    """Write a recording as one day: <animal>spikes<day>.mat and <animal>cellinfo.mat, and tables beside for all else.

    Each observed interval becomes an epoch. One epoch alone is written where the spikes of a unit go back from a later
    interval to an earlier one, because epochs cannot hold that order. Units have the tetrode and cell of their columns;
    without such columns, unit k is cell 1 of tetrode k.

    Parameters
    ----------
    recording : Recording
        The recording; "01" is added to a name that does not end in digits.
    folder : Path
        Where the files are written.

    Returns
    -------
    Path
        The spikes file.
    """
    name = recording.name if recording.name[-1:].isdigit() else f"{recording.name}01"
    day_text = re.search(r"\d+$", name)
    assert day_text is not None  # the name ends in a digit
    day, animal = max(int(day_text[0]), 1), name[: day_text.start()]
    text = day_text[0] if int(day_text[0]) else "1"
    epochs = _epochs(recording)
    tetrodes, cells = _tetrodes_and_cells(recording.units)
    shape = (len(epochs), int(max(tetrodes, default=0)), int(max(cells, default=0)))
    spikes, info = _empty_levels(shape), _empty_levels(shape)
    for row, unit in enumerate(recording.units["unit"]):
        times = recording.spikes.loc[recording.spikes["unit"] == unit, "time_s"].to_numpy()
        for e, own in enumerate(_split(times, epochs)):
            place = e, tetrodes[row] - 1, cells[row] - 1
            _set_struct(spikes, place, _spikes_struct(own, epochs[e]))
            _set_struct(info, place, _info_struct(recording.units.iloc[row], len(own)))
    path = folder / f"{animal}spikes{text}.mat"
    save_mat(path, {"spikes": _as_day(spikes, day)})
    save_mat(folder / f"{animal}cellinfo.mat", {"cellinfo": _as_day(info, day)})
    write_sidecars(replace(recording, name=path.stem), path, units=False)
    return path


def _epochs(recording: Recording) -> NDArray[np.float64]:
    """(epoch, 2) seconds."""
    epochs = merge_intervals(recording.observed)
    times = recording.spikes["time_s"].to_numpy(dtype=np.float64)
    if not len(epochs):
        held = times[np.isfinite(times)]
        return np.array([[held.min(initial=0.0), held.max(initial=1.0) + 1.0]])
    which = _epoch_of(times, epochs)
    same = np.diff(recording.spikes["unit"].to_numpy()) == 0
    back = same & (np.diff(which) < 0)
    return np.array([[epochs[0, 0], epochs[-1, 1]]]) if back.any() else epochs


def _epoch_of(times: NDArray[np.float64], epochs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The epoch in which each time lies, or after which; the first for what lies before all of them."""
    return np.maximum(np.searchsorted(epochs[:, 0], times, side="right") - 1, 0).astype(np.int64)


def _split(times: NDArray[np.float64], epochs: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    which = _epoch_of(times, epochs)
    return [times[which == e] for e in range(len(epochs))]


def _tetrodes_and_cells(units: pd.DataFrame) -> tuple[list[int], list[int]]:
    """Tetrode and cell of each unit, from 1."""
    if {"tetrode", "cell"} <= set(units.columns):
        pairs = [(int(t), int(c)) for t, c in zip(units["tetrode"], units["cell"], strict=True)]
        if len(set(pairs)) == len(pairs) and min(min(p) for p in pairs) >= 1:
            return [t for t, _ in pairs], [c for _, c in pairs]
    return list(range(1, len(units) + 1)), [1] * len(units)


def _empty_levels(shape: tuple[int, int, int]) -> list[list[list[Any]]]:
    return [[[EMPTY] * shape[2] for _ in range(shape[1])] for _ in range(shape[0])]


def _set_struct(levels: list[list[list[Any]]], place: tuple[int, int, int], struct: dict[str, Any]) -> None:
    levels[place[0]][place[1]][place[2]] = struct


def _as_day(levels: list[list[list[Any]]], day: int) -> NDArray[Any]:
    """Cell arrays in cell arrays; days before are empty."""
    epochs = to_cell([to_cell([to_cell(cells) for cells in tetrodes]) for tetrodes in levels])
    return to_cell([EMPTY] * (day - 1) + [epochs])


def _spikes_struct(times: NDArray[np.float64], epoch: NDArray[np.float64]) -> dict[str, Any]:
    data = times.reshape(-1, 1) if len(times) else EMPTY
    description = {"descript": "spike data, time in seconds", "fields": "time"}
    return {"data": data, **description, "timerange": epoch.reshape(1, 2)}


def _info_struct(unit: pd.Series, n_spikes: int) -> dict[str, Any]:
    """Area, and every other column that a field can hold."""
    fields = {str(n): v for n, v in unit.items() if FIELD_NAME.fullmatch(str(n)) and not pd.isna(v)}
    known = {"unit", "region", "tetrode", "cell", "name", "area", "numspikes"}
    others = {n: v if isinstance(v, (bool, int, float, np.number, np.bool_)) else str(v) for n, v in fields.items()}
    return {"area": str(unit.get("region", "")), "numspikes": n_spikes} | {
        n: v for n, v in others.items() if n not in known
    }
