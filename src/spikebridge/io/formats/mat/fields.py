"""Parts of the MATLAB reader: the fields that options name, as tables in seconds. What is wrong is gathered."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.log import ReadLog, precision_notes
from spikebridge.io.formats.mat.files import load_mat
from spikebridge.io.formats.mat.nodes import Node, describe, elements
from spikebridge.io.formats.mat.paths import NoSuchPathError, find_node, list_contents
from spikebridge.io.formats.mat.values import UnexpectedValueError, as_column, as_table, as_vector
from spikebridge.io.formats.table import TimeUnit
from spikebridge.types.intervals import as_intervals

T = TypeVar("T")
MAX_COLUMNS = 16
"""A matrix with more columns is no behavioural series."""


class FieldReader:
    """The variables of one file, each loaded when a path first needs it."""

    def __init__(self, path: Path, log: ReadLog) -> None:
        self.path, self.log = path, log
        self._variables: dict[str, Node] = {}
        self._everything: dict[str, Node] | None = None  # without numbers; loaded when a path is missing

    def node(self, path: str) -> Node:
        """Raises NoSuchPathError."""
        root = re.split(r"[.({]", path)[0]
        if root not in self._variables:
            self._variables |= load_mat(self.path, [root])
        return find_node(path, self._variables)

    def get(self, option: str, path: str | None, convert: Callable[[Node, str], T]) -> T | None:
        """The converted field; None where no path is given, or where it is wrong, and the log says why."""
        if path is None:
            return None
        try:
            return convert(self.node(path), path)
        except NoSuchPathError as error:
            self.log.errors.append(
                Finding.error(
                    "matlab-path-missing",
                    f"data.options.{option}",
                    f"data.options.{option}: {self._with_hint(path, error)}",
                )
            )
        except UnexpectedValueError as error:
            self.log.errors.append(
                Finding.error("matlab-path-not-usable", f"data.options.{option}", f"data.options.{option}: {error}")
            )
        return None

    def _with_hint(self, path: str, error: NoSuchPathError) -> str:
        """The error, with a path among all variables that is similar."""
        self._everything = load_mat(self.path, values=False) if self._everything is None else self._everything
        try:
            find_node(path, self._everything)
        except NoSuchPathError as better:
            return str(better)
        return str(error)

    def raise_errors(self) -> None:
        """Raise DataError with everything wrong; where a path is missing, with a list of the paths in the file."""
        if self._everything is not None:
            self.log.errors.append(
                Finding.error("matlab-contents", "file", f"The file holds:\n{list_contents(self._everything)}")
            )
        self.log.raise_errors(self.path)


def to_seconds(
    fields: FieldReader, values: pd.Series | NDArray[Any], where: str, clock: TimeUnit
) -> NDArray[np.float64]:
    """(time,) seconds; a note says where the precision of the file is too low."""
    held = np.asarray(values)
    fields.log.notes.extend(precision_notes(held, where, clock.ticks_per_s))
    return clock.seconds(held.astype(np.float64))


def text_field(fields: FieldReader, option: str, path: str | None) -> str | None:
    def convert(node: Node, where: str) -> str:
        if isinstance(node, str):
            return node
        raise UnexpectedValueError(
            f"{where}: expected a text, found {describe(node)}; what is not in the file, <file>.recording.json can say"
        )

    return fields.get(option, path, convert)


def columns_field(
    fields: FieldReader, option: str, paths: str | Mapping[str, str], skip: Collection[str] = ()
) -> pd.DataFrame | None:
    """A table from the path of a struct, or from one path a column; None where something is wrong, and the log says
    what.

    skip: fields of the struct that are read elsewhere.
    """
    if isinstance(paths, str):
        return fields.get(option, paths, lambda node, where: as_table(node, where, fields.log.notes, skip))
    columns = {name: fields.get(f"{option}.{name}", path, as_column) for name, path in paths.items()}
    present = {name: values for name, values in columns.items() if values is not None}
    lengths = {name: len(values) for name, values in present.items()}
    if len(set(lengths.values())) > 1:
        counts = listed(f"{n} {m}" for n, m in lengths.items())
        fields.log.errors.append(
            Finding.error(
                "matlab-columns-differ-in-length",
                f"data.options.{option}",
                f"data.options.{option}: columns differ in length: {counts}",
            )
        )
        return None
    return pd.DataFrame(present) if len(present) == len(columns) else None


def interval_table_field(
    fields: FieldReader, name: str, paths: str | Mapping[str, str], clock: TimeUnit
) -> pd.DataFrame:
    """An interval table with its times in seconds."""
    option = name if name == "trials" else f"tables.{name}"
    frame = columns_field(fields, option, paths)
    if frame is None:
        return pd.DataFrame()
    absent = [c for c in ("start_time", "stop_time") if c not in frame]
    if absent:
        fields.log.errors.append(
            Finding.error(
                "matlab-intervals-without-times",
                f"data.options.{option}",
                f"data.options.{option}: expected columns start_time and stop_time, found {listed(map(str, frame))}; "
                f"name them: {option}: {{start_time: ..., stop_time: ...}}",
            )
        )
    for column_name in frame:
        numeric = pd.api.types.is_numeric_dtype(frame[column_name])
        if clock.is_time(str(column_name)) and numeric:
            frame[column_name] = to_seconds(fields, frame[column_name], f"{name}.{column_name}", clock)
        elif column_name in ("start_time", "stop_time"):
            fields.log.errors.append(
                Finding.error(
                    "matlab-times-are-text",
                    f"data.options.{option}.{column_name}",
                    f"data.options.{option}.{column_name}: expected times, found text",
                )
            )
    return frame


def observed_field(fields: FieldReader, path: str | None, clock: TimeUnit) -> NDArray[np.float64] | None:
    def convert(node: Node, where: str) -> NDArray[np.float64]:
        if not isinstance(node, np.ndarray) or node.dtype.kind not in "iuf" or node.size % 2 or node.shape[-1] != 2:
            raise UnexpectedValueError(f"{where}: expected rows of start and stop (n x 2), found {describe(node)}")
        return as_intervals(to_seconds(fields, node.reshape(-1, 2), where, clock))

    return fields.get("observed", path, convert)


def behavior_field(fields: FieldReader, asked: str | Mapping[str, Any], clock: TimeUnit) -> pd.DataFrame:
    """Long table of the series, each with its own timestamps; a matrix gives one series a column."""
    if isinstance(asked, str):
        named = fields.get("behavior", asked, _series_of) or {}
        pairs = {name: (f"behavior.{name}", time, value) for name, (time, value) in named.items()}
    else:
        pairs = {}
        for name, series in asked.items():
            time, value = (
                fields.get(f"behavior.{name}.{k}", getattr(series, k), _unchanged) for k in ("time", "value")
            )
            if time is not None and value is not None:
                pairs[name] = (f"behavior.{name}", time, value)
    parts = [
        frame for name, (option, t, v) in pairs.items() for frame in _series_frames(fields, name, option, t, v, clock)
    ]
    return pd.concat(parts, ignore_index=True).astype({"series": "str"}) if parts else no_behavior()


def _unchanged(node: Node, where: str) -> Node:
    return node


def _series_of(node: Node, where: str) -> dict[str, tuple[Node, Node]]:
    """Name -> time and value, of a struct of structs, or of a struct array that names its series."""
    rows = elements(node)
    if rows and all({"name", "time", "value"} <= set(r) and isinstance(r["name"], str) for r in rows):
        return {r["name"]: (r["time"], r["value"]) for r in rows}
    series = {n: elements(v)[0] for n, v in rows[0].items() if len(elements(v)) == 1} if len(rows) == 1 else {}
    if rows and not (series and all({"time", "value"} <= set(s) for s in series.values())):
        raise UnexpectedValueError(
            f"{where}: expected a struct of series, each with time and value, or a struct array with name, time and "
            f"value, found {describe(node)} with {listed(rows[0])}"
        )
    return {name: (s["time"], s["value"]) for name, s in series.items()}


def _series_frames(
    fields: FieldReader, name: str, option: str, time: Node, value: Node, clock: TimeUnit
) -> list[pd.DataFrame]:
    try:
        at = to_seconds(fields, as_vector(time, f"{option}.time"), f"{option}.time", clock)
        many = isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[0] == len(at) != value.size
        parts = list(value.T) if many and value.shape[1] <= MAX_COLUMNS else [as_vector(value, f"{option}.value")]
    except UnexpectedValueError as error:
        fields.log.errors.append(
            Finding.error("matlab-behavior-not-usable", f"data.options.{option}", f"data.options.{error}")
        )
        return []
    if any(len(p) != len(at) for p in parts):
        fields.log.errors.append(
            Finding.error(
                "matlab-behavior-lengths-differ",
                f"data.options.{option}",
                f"data.options.{option}: {len(at)} times, but {len(parts[0])} values",
            )
        )
        return []
    names = [name] if len(parts) == 1 else [f"{name}_{k}" for k in range(1, len(parts) + 1)]
    return [
        pd.DataFrame({"series": n, "time_s": at, "value": np.asarray(p, dtype=np.float64)})
        for n, p in zip(names, parts, strict=True)
    ]
