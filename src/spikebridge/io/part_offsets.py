"""Seconds added to the times of one probe before it is joined to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.io.contents import Contents
from spikebridge.suggest import listed

Offset = float | Mapping[Literal["spikes", "trials", "behavior"], float]
PARTS: tuple[Literal["spikes", "trials", "behavior"], ...] = ("spikes", "trials", "behavior")
NEAR_S = 10.0
"""A time of a trial lies at most so far outside start_time..stop_time of its row."""
MOSTLY = 0.9


def shifted(contents: Contents, offset_s: Offset) -> Contents:
    """The contents with seconds added to their times: to all, or to those of spikes, trials and behavior alone.

    In an interval table start_time and stop_time are moved, and the columns whose values lie in the time of their rows.
    """
    if isinstance(offset_s, Mapping):
        spikes, trials, behavior = (offset_s.get(part, 0.0) for part in PARTS)
    else:
        spikes = trials = behavior = offset_s
    notes = list(contents.notes)
    if spikes:
        per_unit = contents.observed_of_unit
        contents = replace(
            contents,
            spikes=contents.spikes.assign(time_s=contents.spikes["time_s"] + spikes),
            observed=None if contents.observed is None else contents.observed + spikes,
            observed_of_unit=None if per_unit is None else tuple(pairs + spikes for pairs in per_unit),
        )
        notes.append(f"offset_s: {spikes:+g} s added to the times of the spikes and to the observed time")
    if trials and contents.tables:
        columns = {name: time_columns(table) for name, table in contents.tables.items()}
        tables = {n: t.assign(**{c: t[c] + trials for c in columns[n]}) for n, t in contents.tables.items()}
        contents = replace(contents, tables=tables)
        said = "; ".join(f"{name}: {listed(mine, 10)}" for name, mine in columns.items())
        notes.append(f"offset_s: {trials:+g} s added to the times of trials ({said})")
    if behavior and len(contents.behavior):
        contents = replace(contents, behavior=contents.behavior.assign(time_s=contents.behavior["time_s"] + behavior))
        notes.append(f"offset_s: {behavior:+g} s added to the times of behaviour")
    return replace(contents, notes=tuple(notes))


def time_columns(table: pd.DataFrame) -> list[str]:
    """The columns of an interval table that hold times on the clock of the recording."""
    numeric = [c for c in table if pd.api.types.is_numeric_dtype(table[c]) and table[c].dtype != bool]
    return [str(c) for c in numeric if c in ("start_time", "stop_time") or _is_time(table[c], table)]


def _is_time(values: pd.Series, table: pd.DataFrame) -> bool:
    """Whether nearly every value lies near the time of its row, and not because it counts the rows."""
    if not {"start_time", "stop_time"} <= set(table.columns) or not len(table):
        return False
    start, stop, v = (_numbers(c) for c in (table["start_time"], table["stop_time"], values))
    stop = np.fmax(stop, np.r_[start[1:], stop[-1:]])
    known = np.isfinite(v)
    if known.sum() < 2 or (pd.api.types.is_integer_dtype(values) and set(np.diff(v).tolist()) <= {0.0, 1.0}):
        return False
    near = (v >= start - NEAR_S) & (v <= stop + NEAR_S)
    spread = float(np.ptp(v[known])) > 0.5 * float(np.ptp(start[known]))
    return bool(near[known].mean() >= MOSTLY) and spread


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)
