"""Positions, events and trials of a day in the layout of the Frank lab, from the files beside the spikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.frank.clock import TICKS_PER_S, ticks_that_fit
from spikebridge.io.formats.frank.files import Structs, column_names
from spikebridge.io.formats.frank.trains import CLOCK_NAMES
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.mat import Struct
from spikebridge.io.formats.mat.nodes import Node

Array = NDArray[np.float64]
POS_COLUMNS = ("time", "x", "y", "dir", "vel")
"""What the layout has in `pos` where no fields say so."""
START_NAMES = ("start_time", "starttime", "start", "trialstart")
STOP_NAMES = ("stop_time", "endtime", "end", "stop", "trialend")


@dataclass(frozen=True)
class EpochSeries:
    """Columns of one epoch, (n,) each, on one clock; time as the file has it."""

    epoch: int
    time: Array
    columns: Mapping[str, Array]


def number_matrix(node: Node) -> Array | None:
    """Real numbers as (row, column), a row vector as one column; None where there are none."""
    if not isinstance(node, np.ndarray) or node.ndim != 2 or node.size == 0 or node.dtype.kind not in "biuf":
        return None
    return node.astype(np.float64).reshape(-1, 1) if node.shape[0] == 1 else node.astype(np.float64)


def pos_series(pos: Structs, log: ReadLog) -> list[EpochSeries]:
    """The columns of `data` as `fields` names them. Columns without a name are left out, with a note."""
    series, unnamed = [], []
    for (epoch, *_), struct in pos.items():
        data = struct.get("data")
        if not isinstance(data, np.ndarray) or number_matrix(data) is None:
            continue
        names = column_names(struct.get("fields"))
        unnamed += [str(epoch)] if len(names) < data.shape[1] else []
        names = list(names or POS_COLUMNS)[: data.shape[1]]
        at = next((k for k, n in enumerate(names) if n in CLOCK_NAMES), 0)
        values = {n: data[:, k].astype(np.float64) for k, n in enumerate(names) if k != at}
        series.append(EpochSeries(epoch, data[:, at].astype(np.float64), values))
    if unnamed:
        text = f"pos of epochs {listed(unnamed)}: columns that `fields` does not name are left out"
        log.notes.append(Finding.warning("unnamed-position-columns", "pos", text))
    return series


def linpos_series(linpos: Structs) -> Iterator[EpochSeries]:
    """The vectors in `statematrix`, as linpos_<field>."""
    for (epoch, *_), struct in linpos.items():
        state = struct.get("statematrix")
        fields = state.items[0] if isinstance(state, Struct) and len(state.items) == 1 else {}
        time = number_matrix(fields.get("time"))
        if time is not None:
            held = {
                f"linpos_{n}": v.ravel()
                for n, f in fields.items()
                if n != "time" and (v := number_matrix(f)) is not None
            }
            yield EpochSeries(epoch, time.ravel(), {n: v for n, v in held.items() if len(v) == len(time)})


def dio_series(dio: Structs) -> Iterator[EpochSeries]:
    """State of each digital line where it changes, as dio_<line>."""
    for (epoch, line), struct in dio.items():
        time = _first_matrix(struct, "times", "time")
        value = _first_matrix(struct, "values", "state")
        if time is not None and value is not None and time.size == value.size:
            yield EpochSeries(epoch, time.ravel(), {f"dio_{line}": value.ravel()})


def dio_pulses(dio: Structs) -> pd.DataFrame | None:
    """epoch, start_time, stop_time, line of the pulses of all lines."""
    parts = []
    for (epoch, line), struct in dio.items():
        pulses = number_matrix(struct.get("pulsetimes"))
        if pulses is not None and pulses.shape[1] == 2:
            columns = {"epoch": epoch, "start_time": pulses[:, 0], "stop_time": pulses[:, 1], "line": line}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True) if parts else None


def _first_matrix(struct: Mapping[str, Node], *names: str) -> Array | None:
    return next((matrix for n in names if (matrix := number_matrix(struct.get(n))) is not None), None)


def epoch_intervals(structs: Structs, where: str, log: ReadLog) -> pd.DataFrame | None:
    """epoch, start_time, stop_time and whatever has one value a row; of every epoch. None where there are no times.

    trajtime (n, 2) and further vectors (trajinfo); data with fields that name start and end (runTrialBounds);
    starttime and endtime (sleep).
    """
    parts = [part for (epoch, *_), s in structs.items() if (part := _intervals(epoch, s)) is not None]
    if not parts:
        text = f"{where} is not used: found no start and end times in it"
        log.notes.append(Finding.warning("struct-without-times", where, text))
        return None
    return pd.concat(parts, ignore_index=True)


def _intervals(epoch: int, struct: Mapping[str, Node]) -> pd.DataFrame | None:
    columns = _columns(struct)
    lower = {n.lower(): n for n in columns}
    start, stop = (next((lower[n] for n in names if n in lower), None) for names in (START_NAMES, STOP_NAMES))
    if start is None or stop is None or len(columns[start]) != len(columns[stop]):
        return None
    others = {n: v for n, v in columns.items() if n not in (start, stop, "epoch") and len(v) == len(columns[start])}
    times = {"epoch": epoch, "start_time": columns[start].ravel(), "stop_time": columns[stop].ravel()}
    return pd.DataFrame(times | others)


def _columns(struct: Mapping[str, Node]) -> dict[str, Array]:
    """Name -> (row,). Fields of two columns become <name>_1 and <name>_2, but trajtime start_time and stop_time."""
    data, names = number_matrix(struct.get("data")), column_names(struct.get("fields"))
    if data is not None and len(names) == data.shape[1] > 1:
        return {n: data[:, k] for k, n in enumerate(names)}
    columns: dict[str, Array] = {}
    for name, node in struct.items():
        values = number_matrix(node)
        if name == "trajtime" and isinstance(node, np.ndarray) and node.shape[-1:] == (2,) and values is not None:
            columns |= {"start_time": node[:, 0].astype(np.float64), "stop_time": node[:, 1].astype(np.float64)}
        elif values is not None and values.shape[1] == 1:
            columns[name] = values[:, 0]
        elif values is not None and values.shape[1] == 2:
            columns |= {f"{name}_{k + 1}": values[:, k] for k in range(2)}
    return columns


def table_in_seconds(frame: pd.DataFrame, spans: Mapping[int, Array], where: str, log: ReadLog) -> pd.DataFrame | None:
    """Times in the unit in which they lie in their epochs; None, with a note, where there is no such unit."""
    by_epoch = {int(e): f[["start_time", "stop_time"]].to_numpy().ravel() for e, f in frame.groupby("epoch")}
    ticks = ticks_that_fit(by_epoch, spans, tuple(TICKS_PER_S.values()))
    if ticks is None:
        log.notes.append(_outside_epochs(where))
        return None
    scaled = {c: _in_seconds(frame[c].to_numpy(dtype=np.float64), ticks) for c in ("start_time", "stop_time")}
    return frame.assign(**scaled)


def _outside_epochs(where: str) -> Finding:
    text = f"{where} is not used: its times lie outside the epochs in any unit"
    return Finding.warning("times-outside-epochs", where, text)


def behavior_in_seconds(
    series: list[EpochSeries], spans: Mapping[int, Array], where: str, log: ReadLog
) -> pd.DataFrame:
    """Long table of all series, each over all epochs."""
    names = dict.fromkeys(n for part in series for n in part.columns)
    by_epoch = {e: np.concatenate([s.time for s in series if s.epoch == e]) for e in {s.epoch for s in series}}
    ticks = ticks_that_fit(by_epoch, spans, tuple(TICKS_PER_S.values()))
    if series and ticks is None:
        log.notes.append(_outside_epochs(where))
    if not series or ticks is None:
        return no_behavior()
    parts = [
        pd.DataFrame({"series": n, "time_s": _in_seconds(part.time, ticks), "value": part.columns[n]})
        for n in names
        for part in series
        if n in part.columns
    ]
    return pd.concat([no_behavior(), *parts], ignore_index=True).astype({"series": "str"})


def _in_seconds(times: Array, ticks: float) -> Array:
    return times if ticks == 1.0 else times / ticks
