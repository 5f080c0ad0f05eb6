"""Summaries of interval tables and behavioural series, and the columns to align trials to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.inspection.column_names import LATENCY_WORDS, align_rank, has_word, is_decision
from spikebridge.inspection.label_candidates import label_candidates
from spikebridge.inspection.records import ColumnSummary, SeriesSummary, TableSummary
from spikebridge.io.offsets import is_time, row_bounds
from spikebridge.labels.trial_labels import MAX_CLASSES, label_names

MAX_CLASSES = MAX_CLASSES
MIN_RELATIVE_SHARE = 0.9
"""Share of the values that must lie between zero and the longest trial to be times relative to it."""


def numbers(values: pd.Series) -> NDArray[np.float64]:
    """Values as float64; missing ones are NaN, in every type of column that pandas has."""
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def holds_numbers(values: pd.Series) -> bool:
    """True for numbers; false for text, dates and yes-or-no columns."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def summarize_table(name: str, frame: pd.DataFrame, parts: Sequence[pd.DataFrame] = ()) -> TableSummary:
    """Summarise an interval table. parts: the tables of each recording, where `frame` joins several."""
    columns = tuple(_column(str(c), frame) for c in frame.columns)
    times = [c for c in columns if c.name in ("start_time", "stop_time") and c.low is not None]
    return TableSummary(
        name=name,
        rows=len(frame),
        start_s=min((c.low for c in times if c.low is not None), default=None),
        stop_s=max((c.high for c in times if c.high is not None), default=None),
        columns=columns,
        label_candidates=label_candidates(columns, frame, parts or [frame]),
        align_columns=tuple(
            sorted((c.name for c in columns if c.kind == "time"), key=lambda name: _align_order(name, frame))
        ),
    )


def summarize_tables(tables: Iterable[tuple[str, pd.DataFrame]]) -> tuple[TableSummary, ...]:
    """Summarise interval tables of several recordings; tables of the same name are taken together."""
    by_name: dict[str, list[pd.DataFrame]] = {}
    for name, frame in tables:
        by_name.setdefault(name, []).append(frame)
    return tuple(
        summarize_table(name, frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True), frames)
        for name, frames in by_name.items()
    )


def _column(name: str, frame: pd.DataFrame) -> ColumnSummary:
    values = frame[name]
    known = values.dropna()
    kind = _kind(name, frame)
    numeric = kind in ("number", "time", "relative")
    finite = numbers(known) if numeric else np.empty(0)
    finite = finite[np.isfinite(finite)]
    counts = known.value_counts()
    few = len(counts) <= MAX_CLASSES and kind != "time"
    return ColumnSummary(
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
    if bounds is None or not len(v) or not has_word(name, LATENCY_WORDS):
        return False
    longest = np.nanmax(bounds[1] - bounds[0], initial=0.0)
    return bool(len(np.unique(v)) > 2 and ((v >= 0) & (v <= longest)).mean() >= MIN_RELATIVE_SHARE)


def _align_order(name: str, frame: pd.DataFrame) -> tuple[int, bool, float]:
    """By name, decisions first; then by the median time in the trial: a movement begins before it ends."""
    after = numbers(frame[name]) - numbers(frame["start_time"]) if "start_time" in frame else np.empty(0)
    known = after[np.isfinite(after)]
    return align_rank(name), not is_decision(name), float(np.median(known)) if len(known) else 0.0


def summarize_behavior(behavior: pd.DataFrame) -> tuple[SeriesSummary, ...]:
    """Summarise each behavioural series, in the order of the file."""
    return tuple(_series(str(name), part) for name, part in behavior.groupby("series", sort=False))


def _series(name: str, part: pd.DataFrame) -> SeriesSummary:
    time, value = part["time_s"].to_numpy(dtype=np.float64), part["value"].to_numpy(dtype=np.float64)
    time, known = time[np.isfinite(time)], value[np.isfinite(value)]
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    return SeriesSummary(
        name=name,
        samples=len(part),
        missing=len(value) - len(known),
        rate_hz=1 / step if step > 0 else None,
        low=float(known.min()) if len(known) else None,
        high=float(known.max()) if len(known) else None,
        start_s=float(time.min()) if len(time) else None,
        stop_s=float(time.max()) if len(time) else None,
    )
