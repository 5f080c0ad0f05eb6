"""Interval tables, their columns, and which of these may be the label or the time to align to; behavioural series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.inspection.candidates import candidates
from spikebridge.inspection.names import SINCE, align_rank, is_decision, says
from spikebridge.inspection.records import Column, Series, Table
from spikebridge.io.offsets import is_time, row_bounds
from spikebridge.labels.trial_labels import MAX_CLASSES, label_names

MOST_VALUES = MAX_CLASSES
MOSTLY = 0.9


def numbers(values: pd.Series) -> NDArray[np.float64]:
    """As float64; missing ones are NaN, in every kind of column that pandas has."""
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def holds_numbers(values: pd.Series) -> bool:
    """True for numbers; false for text, dates, and yes or no."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def table_of(name: str, frame: pd.DataFrame, parts: Sequence[pd.DataFrame] = ()) -> Table:
    """What an interval table holds. parts: the tables of single recordings, where it is that of several."""
    columns = tuple(_column(str(c), frame) for c in frame.columns)
    ranked = candidates(columns, frame, parts or [frame])
    times = [c for c in columns if c.name in ("start_time", "stop_time") and c.low is not None]
    return Table(
        name=name,
        rows=len(frame),
        start_s=min((c.low for c in times if c.low is not None), default=None),
        stop_s=max((c.high for c in times if c.high is not None), default=None),
        columns=columns,
        candidates=ranked,
        labels=tuple(c.label for c in ranked if isinstance(c.label, str)),
        aligns=tuple(sorted((c.name for c in columns if c.kind == "time"), key=lambda name: _align_order(name, frame))),
    )


def merged_tables(tables: Iterable[tuple[str, pd.DataFrame]]) -> tuple[Table, ...]:
    """Tables of the same name in several recordings, taken as one."""
    by_name: dict[str, list[pd.DataFrame]] = {}
    for name, frame in tables:
        by_name.setdefault(name, []).append(frame)
    return tuple(table_of(n, f[0] if len(f) == 1 else pd.concat(f, ignore_index=True), f) for n, f in by_name.items())


def _column(name: str, frame: pd.DataFrame) -> Column:
    values = frame[name]
    known = values.dropna()
    kind = _kind(name, frame)
    numeric = kind in ("number", "time", "relative")
    finite = numbers(known) if numeric else np.empty(0)
    finite = finite[np.isfinite(finite)]
    counts = known.value_counts()
    few = len(counts) <= MOST_VALUES and kind != "time"
    return Column(
        name=name,
        kind=kind,
        missing=int(values.isna().sum()),
        distinct=len(counts),
        low=float(finite.min()) if len(finite) else None,
        high=float(finite.max()) if len(finite) else None,
        classes=_classes(counts) if few else {},
    )


def _classes(counts: pd.Series) -> dict[str, int]:
    """Class names, as preprocess gives them, -> rows; by value where all are numbers, else by name."""
    classes: Counter[str] = Counter()
    for name, n in zip(label_names(pd.Series(counts.index)).tolist(), counts.tolist(), strict=True):
        classes[name] += n
    try:
        return dict(sorted(classes.items(), key=lambda pair: float(pair[0])))
    except ValueError:
        return dict(sorted(classes.items()))


def _kind(name: str, frame: pd.DataFrame) -> str:
    values = frame[name]
    if pd.api.types.is_bool_dtype(values):
        return "flag"
    if not pd.api.types.is_numeric_dtype(values):
        return "text"
    if name in ("start_time", "stop_time") or is_time(values, frame):
        return "time"
    return "relative" if _is_relative(name, values, frame) else "number"


def _is_relative(name: str, values: pd.Series, frame: pd.DataFrame) -> bool:
    bounds, v = row_bounds(frame), numbers(values.dropna())
    if bounds is None or not len(v) or not says(name, SINCE):
        return False
    longest = np.nanmax(bounds[1] - bounds[0], initial=0.0)
    return bool(len(np.unique(v)) > 2 and ((v >= 0) & (v <= longest)).mean() >= MOSTLY)


def _align_order(name: str, frame: pd.DataFrame) -> tuple[int, bool, float]:
    """By what the name says; decisions by name first; then what comes first: movements begin before they end."""
    after = numbers(frame[name]) - numbers(frame["start_time"]) if "start_time" in frame else np.empty(0)
    known = after[np.isfinite(after)]
    return (
        align_rank(name),
        not is_decision(name),
        float(np.median(known)) if len(known) else 0.0,
    )


def series_of(behavior: pd.DataFrame) -> tuple[Series, ...]:
    """What the behavioural series hold, in the order of the file."""
    return tuple(_series(str(name), part) for name, part in behavior.groupby("series", sort=False))


def _series(name: str, part: pd.DataFrame) -> Series:
    time, value = part["time_s"].to_numpy(dtype=np.float64), part["value"].to_numpy(dtype=np.float64)
    time, known = time[np.isfinite(time)], value[np.isfinite(value)]
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    return Series(
        name=name,
        samples=len(part),
        missing=len(value) - len(known),
        rate_hz=1 / step if step > 0 else None,
        low=float(known.min()) if len(known) else None,
        high=float(known.max()) if len(known) else None,
        start_s=float(time.min()) if len(time) else None,
        stop_s=float(time.max()) if len(time) else None,
    )
