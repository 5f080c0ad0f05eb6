"""Parts of the reader of the Frank lab's layout: spikes{day}{epoch}{tetrode}{cell} -> trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.io.formats.frank.files import Session, column_names, day_of, levels, text
from spikebridge.io.formats.mat.load import Node
from spikebridge.io.formats.mat.tree import words
from spikebridge.io.formats.table.log import Log

Array = NDArray[np.float64]
CLOCK_NAMES = ("time", "times", "timestamp", "timestamps")


@dataclass(frozen=True)
class Train:
    """A cell in an epoch. times, and span (2,) or None: as the file has them. struct: all its fields."""

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
    def said(self) -> str:
        """Words in which the unit of time may be named."""
        return f"{text(self.struct.get('fields'))}; {text(self.struct.get('descript'))}"


def read_trains(session: Session, log: Log) -> list[Train]:
    """Every cell in every epoch in which it was recorded, in the order of the file."""
    day = day_of(session.path, session, "spikes", log)
    where = f"spikes{{{int(session.day)}}}"
    found = list(levels(day, 3, where, log))
    width = _usual_width([struct for _, struct in found])
    trains, silent = [], []
    for (epoch, tetrode, cell), struct in found:
        place = f"{where}{{{epoch}}}{{{tetrode}}}{{{cell}}}"
        times = _times(struct, width, place, log)
        if times is not None:
            if len(times) == 1 and np.isnan(times[0]):
                silent.append(place)
                times = times[:0]
            trains.append(Train(epoch, tetrode, cell, times, _span(struct), struct))
    if silent:
        log.notes.append(f"data is one NaN, taken as no spikes: {', '.join(silent[:10])}")
    return trains


def _usual_width(structs: Sequence[Mapping[str, Node]]) -> int:
    """Columns of most data with several rows; 1 where there are none."""
    shapes = [d.shape for s in structs if isinstance(d := s.get("data"), np.ndarray) and d.ndim == 2 and d.shape[0] > 1]
    return Counter(shape[1] for shape in shapes).most_common(1)[0][0] if shapes else 1


def _times(struct: Mapping[str, Node], width: int, where: str, log: Log) -> Array | None:
    """The column of the times; a row vector that is not one spike with all its columns is a train as well."""
    data = struct.get("data")
    if not isinstance(data, np.ndarray) or data.ndim != 2 or np.iscomplexobj(data):
        found = "no such field" if data is None else words(data)
        log.wrong.append(f"{where}.data: expected a matrix with one row a spike, found {found}")
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
