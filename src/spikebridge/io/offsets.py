"""`data.offset_s`: seconds added to the times of a recording, immediately after reading and before any selection.

A number is added to all times: spikes, observed time, interval tables, behaviour. A mapping adds to single parts:
{trials: -37.6}; the observed time is part of the spikes. A mapping of recordings sets this for each recording:
{day1: 32, day2: {trials: -37.6}}. In an interval table the offset is added to start_time, stop_time, the columns of
trials.align and trials.decision, and every other column whose values lie within the time of their rows (`is_time`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from spikebridge.config import CLOCKS, DataConfig
from spikebridge.errors import ConfigError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.contents import Contents

NEAR_S = 10.0
"""A time of a trial lies at most this far (s) outside start_time..stop_time of its row."""
MIN_NEAR_SHARE = 0.9


@dataclass(frozen=True)
class Offset:
    """Seconds added to each part of a recording."""

    spikes: float = 0.0
    trials: float = 0.0
    behavior: float = 0.0

    @staticmethod
    def of(asked: float | Mapping[Any, float]) -> Offset:
        """asked: seconds for all parts, or part -> seconds."""
        return Offset(**asked) if isinstance(asked, Mapping) else Offset(asked, asked, asked)


def offset_of(data: DataConfig, name: str) -> Offset:
    """The offset of `data.offset_s` for the recording of this name."""
    asked = data.offset_s
    if _is_by_recording(data):
        assert isinstance(asked, dict)
        asked = asked.get(name, 0.0)  # type: ignore[assignment]
    if isinstance(asked, Mapping):
        return Offset(**{key: value for key, value in asked.items() if isinstance(value, float)})
    return Offset(asked, asked, asked)


def check_offset_names(data: DataConfig, names: Collection[str]) -> None:
    """Raise ConfigError if `data.offset_s` names a recording that does not exist."""
    if not _is_by_recording(data):
        return
    assert isinstance(data.offset_s, dict)
    for name in data.offset_s:
        if name not in names:
            hint = did_you_mean(name, [*names, *CLOCKS])
            raise ConfigError(
                f"data.offset_s: expected seconds, or {listed(CLOCKS)}, or names of recordings; {name!r} is none of "
                f"these{hint} Recordings: {listed(names, 10)}"
            )


def offset_setting(data: DataConfig, name: str, **added: float | str) -> str:
    """The line of params.yaml that adds further seconds to parts of one recording.

    added: seconds per part, or a placeholder word; equal values for all three parts become one number. The present
    setting is included.
    """
    now = offset_of(data, name)
    total = {part: _sum(getattr(now, part), added.get(part, 0.0)) for part in CLOCKS}
    setting: Any = {part: value for part, value in total.items() if value}
    if len(set(total.values())) == 1:
        setting = total["spikes"]
    others = data.offset_s if _is_by_recording(data) else {}
    assert isinstance(others, dict)
    text = yaml.safe_dump({**others, name: setting}, default_flow_style=True, width=10**9, allow_unicode=True).strip()
    return f"data.offset_s: {text}"


def apply_offset_setting(contents: Contents, data: DataConfig, times: Collection[str] = ()) -> Contents:
    """The recording with the offsets of `data.offset_s`, and a note on each. times: as for `add_offset`."""
    return add_offset(contents, offset_of(data, contents.name), times, "data.offset_s")


def add_offset(contents: Contents, by: Offset, times: Collection[str] = (), setting: str = "offset_s") -> Contents:
    """The recording with the offset added to its times, and a note on each part that names the setting.

    times: columns that are known to contain times.
    """
    notes = list(contents.notes)
    if by.spikes:
        contents = _spikes_moved(contents, by.spikes)
        text = f"{setting}: {by.spikes:+g} s added to the times of the spikes and to the observed time"
        notes.append(Finding.warning("offset-added-to-spikes", "spikes", text))
    if by.trials:
        columns = {name: time_columns(table, times) for name, table in contents.tables.items()}
        tables = {name: _table_moved(contents.tables[name], columns[name], by.trials) for name in columns}
        contents = replace(contents, tables=tables)
        where = "; ".join(f"{name}: {listed(moved, 10)}" for name, moved in columns.items())
        text = f"{setting}: {by.trials:+g} s added to the times of trials ({where or 'no table'})"
        notes.append(Finding.warning("offset-added-to-trials", "trials", text))
    if by.behavior and len(contents.behavior):
        behavior = contents.behavior.assign(time_s=contents.behavior["time_s"].astype(float) + by.behavior)
        contents = replace(contents, behavior=behavior)
        text = f"{setting}: {by.behavior:+g} s added to the times of behaviour"
        notes.append(Finding.warning("offset-added-to-behavior", "behavior", text))
    return replace(contents, notes=tuple(notes))


def time_columns(table: pd.DataFrame, times: Collection[str] = ()) -> list[str]:
    """The columns of an interval table that contain times on the clock of the recording."""
    numeric = [str(c) for c in table.columns if _holds_numbers(table[c])]
    known = {"start_time", "stop_time", *times}
    return [c for c in numeric if c in known or is_time(table[c], table)]


def row_bounds(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """start_time and the end of each row: its stop_time or the start of the next row, whichever is later."""
    names = ("start_time", "stop_time")
    if not all(n in table and _holds_numbers(table[n]) for n in names) or not len(table):
        return None
    start, stop = (_numbers(table[n]) for n in names)
    return start, np.fmax(stop, np.r_[start[1:], stop[-1:]])


def is_time(values: pd.Series, table: pd.DataFrame) -> bool:
    """Whether nearly all values lie near start_time..stop_time of their rows, except columns that count the rows."""
    bounds, v = row_bounds(table), _numbers(values)
    known = np.isfinite(v)
    if bounds is None or known.sum() < 2:
        return False
    if pd.api.types.is_integer_dtype(values) and set(np.diff(v).tolist()) <= {0.0, 1.0}:
        return False
    start, stop = bounds
    near = (v >= start - NEAR_S) & (v <= stop + NEAR_S)
    spread = float(np.ptp(v[known])) > 0.5 * float(np.ptp(start[known]))
    return bool(near[known].mean() >= MIN_NEAR_SHARE) and spread


def _is_by_recording(data: DataConfig) -> bool:
    asked = data.offset_s
    return isinstance(asked, dict) and not all(k in CLOCKS and isinstance(v, float) for k, v in asked.items())


def _spikes_moved(contents: Contents, by: float) -> Contents:
    per_unit = contents.observed_of_unit
    return replace(
        contents,
        spikes=contents.spikes.assign(time_s=contents.spikes["time_s"].astype(float) + by),
        observed=None if contents.observed is None else contents.observed + by,
        observed_of_unit=None if per_unit is None else tuple(pairs + by for pairs in per_unit),
    )


def _table_moved(table: pd.DataFrame, columns: Collection[str], by: float) -> pd.DataFrame:
    return table.assign(**{c: _numbers(table[c]) + by for c in columns})


def _holds_numbers(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _sum(now: float, added: float | str) -> float | str:
    """The sum; whole seconds as an integer. A word replaces the number."""
    if isinstance(added, str):
        return added
    total = round(now + added, 6)
    return int(total) if total.is_integer() else total
