"""Units of a day in the layout of the Frank lab, and their trains: spikes{day}{epoch}{tetrode}{cell}.

Regions come from cellinfo or tetinfo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.frank.files import (
    DaySession,
    Structs,
    column_names,
    joined_text,
    load_day,
    nested_structs,
    single_value,
    text_or_number_column,
)
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.mat.nodes import Node, describe
from spikebridge.labels.unit_labels import holds_labels, strictest

Array = NDArray[np.float64]
CLOCK_NAMES = ("time", "times", "timestamp", "timestamps")
Key = tuple[int, int]
Value = str | float | bool | None
SKIPPED_FIELDS = {"area", "data", "fields", "descript", "descrip", "timerange", "meanrate", "numspikes"}
"""Read elsewhere, or counts of one epoch."""
RESERVED_COLUMNS = {"unit", "tetrode", "cell", "name", "region"}


@dataclass(frozen=True)
class EpochTrain:
    """A cell in an epoch. times, and span (2,) or None: in the unit of the file. struct: all its fields."""

    epoch: int
    tetrode: int
    cell: int
    times: Array
    span: Array | None
    struct: Mapping[str, Node]

    @property
    def key(self) -> tuple[int, int]:
        return self.tetrode, self.cell

    @property
    def text(self) -> str:
        """Words in which the unit of time may be named."""
        return f"{joined_text(self.struct.get('fields'))}; {joined_text(self.struct.get('descript'))}"


def read_trains(session: DaySession, log: ReadLog) -> list[EpochTrain]:
    """Every cell in every epoch in which it was recorded, in the order of the file."""
    day = load_day(session.path, session, "spikes", log)
    where = f"spikes{{{int(session.day)}}}"
    structs = list(nested_structs(day, 3, where, log))
    width = _usual_width([struct for _, struct in structs])
    trains, silent = [], []
    for (epoch, tetrode, cell), struct in structs:
        place = f"{where}{{{epoch}}}{{{tetrode}}}{{{cell}}}"
        times = _times(struct, width, place, log)
        if times is not None:
            if len(times) == 1 and np.isnan(times[0]):
                silent.append(place)
                times = times[:0]
            trains.append(EpochTrain(epoch, tetrode, cell, times, _span(struct), struct))
    if silent:
        log.notes.append(
            Finding.warning(
                "one-nan-as-no-spikes", "spikes", f"data is one NaN, taken as no spikes: {', '.join(silent[:10])}"
            )
        )
    return trains


def _usual_width(structs: Sequence[Mapping[str, Node]]) -> int:
    """Columns of most data with several rows; 1 where there are none."""
    shapes = [d.shape for s in structs if isinstance(d := s.get("data"), np.ndarray) and d.ndim == 2 and d.shape[0] > 1]
    return Counter(shape[1] for shape in shapes).most_common(1)[0][0] if shapes else 1


def _times(struct: Mapping[str, Node], width: int, where: str, log: ReadLog) -> Array | None:
    """The column of the times; a row vector that is not one spike with all its columns is a train as well."""
    data = struct.get("data")
    if not isinstance(data, np.ndarray) or data.ndim != 2 or np.iscomplexobj(data):
        content = "no such field" if data is None else describe(data)
        log.errors.append(
            Finding.error(
                "frank-spikes-not-a-matrix",
                f"{where}.data",
                f"{where}.data: expected a matrix with one row a spike, found {content}",
            )
        )
        return None
    if data.size == 0:
        return np.zeros(0)
    names = column_names(struct.get("fields"))
    n_columns = len(names) or width
    if data.shape[0] == 1 and data.shape[1] != n_columns:
        return data.ravel().astype(np.float64)
    at = next((k for k, n in enumerate(names) if n.lower() in CLOCK_NAMES), 0) if len(names) == data.shape[1] else 0
    return data[:, at].astype(np.float64)


def _span(struct: Mapping[str, Node]) -> Array | None:
    span = struct.get("timerange")
    if not isinstance(span, np.ndarray) or span.size != 2:
        return None
    pair = span.ravel().astype(np.float64)
    return pair if pair[1] > pair[0] else None


def day_units(trains: Sequence[EpochTrain], cells: Structs, tetrodes: Structs, log: ReadLog) -> pd.DataFrame:
    """unit, name ("t05c02"), tetrode, cell, region, and every field of spikes and cellinfo that is one value all day.

    cells: (epoch, tetrode, cell) -> cellinfo. tetrodes: (epoch, tetrode) -> tetinfo.
    """
    keys = sorted({t.key for t in trains})
    factor = 10 ** max(3, len(str(max((c for _, c in keys), default=0))))
    table = pd.DataFrame(
        {
            "unit": np.array([t * factor + c for t, c in keys], dtype=np.int64),
            "name": pd.Series([unit_name(k) for k in keys], dtype="str"),
            "tetrode": np.array([t for t, _ in keys], dtype=np.int64),
            "cell": np.array([c for _, c in keys], dtype=np.int64),
        }
    )
    regions = _regions(keys, trains, cells, tetrodes, log)
    if any(regions.values()):
        table["region"] = pd.Series([regions[k] for k in keys], dtype="str")
    return table.assign(**_columns(keys, trains, cells, log))


def unit_name(key: Key) -> str:
    return f"t{key[0]:02d}c{key[1]:02d}"


def _regions(
    keys: Sequence[Key], trains: Sequence[EpochTrain], cells: Structs, tetrodes: Structs, log: ReadLog
) -> dict[Key, str]:
    """The area that cellinfo gives in the unit's epochs, else that of its tetrode; an error where epochs differ."""
    epochs = {k: [t.epoch for t in trains if t.key == k] for k in keys}
    regions = {}
    torn: list[str] = []
    for key in keys:
        own = _areas_by_epoch({e: cells.get((e, *key), {}) for e in epochs[key]})
        lent = _areas_by_epoch({e: tetrodes.get((e, key[0]), {}) for e in epochs[key]})
        areas = own or lent
        if len(set(areas.values())) > 1:
            torn.append(f"{unit_name(key)} (" + ", ".join(f"epoch {e}: {a}" for e, a in areas.items()) + ")")
        regions[key] = next(iter(areas.values()), "")
        if own and lent and not set(own.values()) & set(lent.values()):
            text = f"{unit_name(key)}: cellinfo says {regions[key]}, tetinfo {next(iter(lent.values()))}"
            log.notes.append(Finding.warning("areas-contradict", unit_name(key), text))
    if torn:
        log.errors.append(
            Finding.error(
                "frank-unit-in-several-areas",
                "regions",
                f"a unit must lie in one area all day, but these differ between epochs: {listed(torn, 20)}",
            )
        )
    without = [unit_name(k) for k in keys if not regions[k]]
    if without:
        log.notes.append(
            Finding.warning(
                "units-without-area", "cellinfo", f"neither cellinfo nor tetinfo has an area for {listed(without, 10)}"
            )
        )
    return regions


def _areas_by_epoch(structs: Mapping[int, Mapping[str, Node]]) -> dict[int, str]:
    areas = {e: single_value(s["area"]) for e, s in structs.items() if "area" in s}
    return {e: str(a) for e, a in areas.items() if a is not None}


def _columns(keys: Sequence[Key], trains: Sequence[EpochTrain], cells: Structs, log: ReadLog) -> dict[str, pd.Series]:
    held: dict[str, dict[Key, set[Value]]] = {}
    for train in trains:
        fields = {**train.struct, **cells.get((train.epoch, *train.key), {})}
        for name, node in fields.items():
            value = single_value(node)
            if value is not None and value == value and name not in SKIPPED_FIELDS:
                held.setdefault(name, {}).setdefault(train.key, set()).add(value)
    for name, by_key in held.items():
        _reconcile_labels(name, by_key, log)
    differ = [n for n, by_key in held.items() if any(len(v) > 1 for v in by_key.values())]
    if differ:
        log.notes.append(
            Finding.warning(
                "fields-differ-between-epochs",
                "units",
                f"fields of units that differ between epochs are left out: {listed(sorted(differ))}",
            )
        )
    return {
        (f"{name}_" if name in RESERVED_COLUMNS else name): text_or_number_column(
            [next(iter(by_key.get(k, [None]))) for k in keys]
        )
        for name, by_key in held.items()
        if name not in differ
    }


def _reconcile_labels(field: str, by_key: dict[Key, set[Value]], log: ReadLog) -> None:
    """Of quality labels that differ between the epochs of a unit, keep the more careful one, with a note."""
    words = pd.Series([str(v) for values in by_key.values() for v in values], dtype="str")
    if not holds_labels(field, words):
        return
    for key, values in by_key.items():
        labels = {str(v): str(v) for v in sorted(values, key=str)}
        if len(labels) > 1:
            by_key[key] = {strictest(labels)}
            text = f"{unit_name(key)}: {field} differs between epochs ({listed(labels)}); used: {strictest(labels)}"
            log.notes.append(Finding.warning("labels-differ-between-epochs", f"{unit_name(key)}: {field}", text))
