"""The tables that a recording has: units, intervals and behaviour; and the file recording.json."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.log import Log, coarse
from spikebridge.io.formats.table.columns import MISSING, called, header, number_column, read_table
from spikebridge.types.intervals import as_intervals

Array = NDArray[np.float64]
LONG = {"series", "value"}
ABOUT = ("animal", "observed", "bin_width_s")
"""What recording.json may say."""
INGESTED = ("name", "source_file", "warnings", "files", "spike_times", "sketch", "made_from")
"""What ingested recordings have there besides; nothing here reads it."""
GROUP = re.compile(
    r"(channel|chan|ch|tetrode|tt|shank|electrode|elec|probe)(_?(id|no|nr|num|number|name))?", re.IGNORECASE
)
ADVICE = "write ids that are unique in the recording, such as 1_1 for unit 1 of {} 1, into both tables"


@dataclass(frozen=True)
class Clock:
    """How tables write times: `ticks_per_s` to a second, in columns called time_s or time_<unit>.

    more: columns of interval tables that hold times though their names do not end in _time.
    """

    unit: str = "s"
    ticks_per_s: float = 1.0
    more: tuple[str, ...] = ()

    def seconds(self, ticks: Array) -> Array:
        return ticks if self.ticks_per_s == 1.0 else ticks / self.ticks_per_s

    def is_time(self, column: str) -> bool:
        return column.endswith("_time") or column in self.more

    def column(self, names: list[str]) -> str:
        return f"time_{self.unit}" if f"time_{self.unit}" in names else "time_s"


def time_column(frame: pd.DataFrame, name: str, path: Path, log: Log, clock: Clock) -> Array | None:
    """A column of times in seconds; None as in `number_column`. Notes where single precision is too coarse for them."""
    ticks = number_column(frame, name, path, log)
    if ticks is None:
        return None
    log.notes.extend(coarse(frame[name].to_numpy(), f"{path.name}: column {name}", clock.ticks_per_s))
    return clock.seconds(ticks)


@dataclass(frozen=True)
class About:
    """What recording.json says. resolution_s: its bin_width_s, 0 where it is null or not said."""

    animal: str = "unknown"
    observed: Array | None = None
    resolution_s: float = 0.0


def units_table(path: Path, log: Log) -> pd.DataFrame | None:
    """Column unit, and whatever the file holds besides. The ids are int64, or text where one is no whole number."""
    frame = read_table(path, log, ids=("unit",))
    if frame is None:
        return None
    if "unit" not in frame:
        log.fail(path, f"expected a column unit, found {listed(map(str, frame.columns))}{called('unit', frame)}")
        return None
    without = np.flatnonzero(frame["unit"].isna())
    if len(without):
        log.fail(path, f"column unit: expected an id in every row, found none in rows {_rows(without)}")
    return frame


def interval_table(path: Path, log: Log, clock: Clock) -> pd.DataFrame | None:
    """start_time, stop_time and all other times in seconds; None where one of the two is missing or holds text."""
    times = [n for n in header(path) if clock.is_time(n)]
    frame = read_table(path, log, numbers={"start_time", "stop_time", *times})
    if frame is None:
        return None
    found = {n: time_column(frame, n, path, log, clock) for n in ("start_time", "stop_time")}
    for name in times:
        if name not in found and (name in clock.more or not _only_words(frame[name])):
            found[name] = time_column(frame, name, path, log, clock)
    if any(values is None for values in found.values()):
        return None
    return frame.assign(**{n: values for n, values in found.items() if values is not None})


def _only_words(column: pd.Series) -> bool:
    """Text in which nothing is a number, such as times of day: not a time in seconds, and not read as one."""
    if pd.api.types.is_numeric_dtype(column) or column.isna().all():
        return False
    return bool(pd.to_numeric(column[~column.isin(MISSING)], errors="coerce").isna().all())


def behavior_table(path: Path, log: Log, clock: Clock) -> pd.DataFrame:
    """Long table from (series, time_s, value), or from time_s and one column a series."""
    names = header(path)
    at = clock.column(names)
    wide = not LONG & set(names)
    values = [n for n in names if n != at] if wide else ["value"]
    frame = read_table(path, log, numbers={at, *values}, ids=("series",))
    if frame is None:
        return no_behavior()
    time_s = time_column(frame, at, path, log, clock)
    frame = frame.astype({n: float for n in values if n in frame and frame[n].dtype == bool})
    found = {n: number_column(frame, n, path, log) for n in values}
    if not wide and "series" not in frame:
        log.fail(path, f"expected a column series beside value, found {listed(map(str, frame.columns))}")
    if time_s is None or any(v is None for v in found.values()) or not (wide or "series" in frame):
        return no_behavior()
    return _long(frame, time_s, found, path, log)


def _long(frame: pd.DataFrame, time_s: Array, values: dict[str, Array | None], path: Path, log: Log) -> pd.DataFrame:
    if "series" not in frame:
        parts = [pd.DataFrame({"series": n, "time_s": time_s, "value": v}) for n, v in values.items()]
        return pd.concat([no_behavior(), *parts], ignore_index=True) if parts else no_behavior()
    without = np.flatnonzero(frame["series"].isna())
    if len(without):
        log.fail(path, f"column series: expected a name in every row, found none in rows {_rows(without)}")
    return pd.DataFrame({"series": frame["series"].astype("str"), "time_s": time_s, "value": values["value"]})


def about_recording(path: Path, log: Log, clock: Clock) -> About:
    """recording.json; what it does not say stays unknown."""
    try:
        about = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # json's and the decoder's errors are ValueErrors
        log.fail(path, f"cannot be read as JSON ({error})")
        return About()
    if not isinstance(about, dict):
        log.fail(path, f'expected {{"animal": ..., "observed": ...}}, found {type(about).__name__}')
        return About()
    for key in sorted(set(about) - {*ABOUT, *INGESTED}):
        hint = did_you_mean(key, ABOUT, "")
        (log.wrong if hint else log.notes).append(f"{path.name}: key {key!r} is not known{hint}")
    animal = about.get("animal", "unknown")
    if not isinstance(animal, str):
        log.fail(path, f"animal: expected text, found {animal!r}")
    width = about.get("bin_width_s") or 0.0
    if not isinstance(width, (int, float)) or not 0 <= width <= sys.float_info.max:
        log.fail(path, f"bin_width_s: expected seconds, or null, found {str(width)[:60]}")
        width = 0.0
    return About(str(animal), _observed(about.get("observed"), path, log, clock), float(width))


def _observed(pairs: object, path: Path, log: Log, clock: Clock) -> Array | None:
    if pairs is None:
        return None
    try:
        times = np.asarray(pairs, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        times = np.zeros(0)
    if times.size == 0 or times.ndim != 2 or times.shape[1] != 2 or not np.isfinite(times).all():
        log.fail(path, f"observed: expected pairs of times such as [[0.0, 3600.0]], found {str(pairs)[:60]}")
        return None
    back = [list(map(float, pair)) for pair in times if pair[1] <= pair[0]]
    if back:
        log.fail(path, f"observed: expected each start before its stop, found {back[:5]}")
        return None
    return as_intervals(clock.seconds(times))


def _rows(index: NDArray[np.int64]) -> str:
    return listed(map(str, index + 2), 10)


def group_column(frame: pd.DataFrame) -> str:
    """The column that seems to say on which channel, tetrode, shank or probe a row lies; "" where there is none."""
    return next((str(c) for c in frame if GROUP.fullmatch(str(c).strip())), "")


def counts_within(frame: pd.DataFrame) -> tuple[bool, str]:
    """Whether ids count within a group, and what is odd about units that lie in several; ("" where nothing is).

    frame: one row a spike, with the column unit. True where each group has all the ids up to its last, from the first
    one of the whole table: then the ids are numbers within it. Otherwise a spike may lie on another channel than its
    unit.
    """
    column = group_column(frame)
    if not column or "unit" not in frame:
        return False, ""
    pairs = frame[["unit", column]].dropna().drop_duplicates()
    several = pairs["unit"].value_counts()
    several = several[several > 1]
    if not len(several):
        return False, ""
    ids = sorted(pairs["unit"].unique())
    places = {u: k for k, u in enumerate(ids)}
    of_group = [sorted(places[u] for u in units) for _, units in pairs.groupby(column)["unit"]]
    within = all(found == list(range(found[0], found[0] + len(found))) and found[0] <= 1 for found in of_group)
    said = (
        f"{counted(len(several), 'unit')} with spikes in several places of the column {column}: "
        f"{listed((f'{u} ({n})' for u, n in several.items()), 5)}"
    )
    return within, said
