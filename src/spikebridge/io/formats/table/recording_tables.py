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

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import no_behavior
from spikebridge.io.formats.log import ReadLog, precision_notes
from spikebridge.io.formats.table.columns import MISSING, number_column, read_table, similar_name_hint, table_header
from spikebridge.types.intervals import as_intervals

Array = NDArray[np.float64]
LONG_COLUMNS = {"series", "value"}
INFO_KEYS = ("animal", "observed", "bin_width_s")
"""What recording.json may say."""
INGESTED_KEYS = (
    "name", "source_file", "warnings", "files", "spike_times", "sketch", "made_from", "intervals", "intervals_not_kept",
)  # fmt: skip
"""What ingested recordings have there besides; nothing here reads it."""
GROUP = re.compile(
    r"(channel|chan|ch|tetrode|tt|shank|electrode|elec|probe)(_?(id|no|nr|num|number|name))?", re.IGNORECASE
)
UNIQUE_ID_ADVICE = "write ids that are unique in the recording, such as 1_1 for unit 1 of {} 1, into both tables"


@dataclass(frozen=True)
class TimeUnit:
    """The unit in which tables hold times.

    Parameters
    ----------
    unit : str
        Name of the unit; times are in columns called time_s or time_<unit>.
    ticks_per_s : float
        Ticks in a second.
    time_columns : tuple of str
        Columns of interval tables that hold times although their names do not end in _time.
    """

    unit: str = "s"
    ticks_per_s: float = 1.0
    time_columns: tuple[str, ...] = ()

    def seconds(self, ticks: Array) -> Array:
        """Convert times.

        Parameters
        ----------
        ticks : NDArray, shape (time,)
            Times in this unit.

        Returns
        -------
        NDArray, shape (time,)
            The same times in seconds.
        """
        return ticks if self.ticks_per_s == 1.0 else ticks / self.ticks_per_s

    def is_time(self, column: str) -> bool:
        """Decide whether a column of an interval table holds times.

        Parameters
        ----------
        column : str
            Name of the column.

        Returns
        -------
        bool
            Whether its name ends in _time or is one of `time_columns`.
        """
        return column.endswith("_time") or column in self.time_columns

    def column(self, names: list[str]) -> str:
        """Choose the column of times.

        Parameters
        ----------
        names : list of str
            Columns of the table.

        Returns
        -------
        str
            time_<unit> where the table has it, else time_s.
        """
        return f"time_{self.unit}" if f"time_{self.unit}" in names else "time_s"


def time_column(frame: pd.DataFrame, name: str, path: Path, log: ReadLog, clock: TimeUnit) -> Array | None:
    """(row,) times in seconds; None as in `number_column`. A note says where single precision is too coarse for
    them."""
    ticks = number_column(frame, name, path, log)
    if ticks is None:
        return None
    log.notes.extend(precision_notes(frame[name].to_numpy(), f"{path.name}: column {name}", clock.ticks_per_s))
    return clock.seconds(ticks)


@dataclass(frozen=True)
class RecordingInfo:
    """Content of recording.json. resolution_s: its bin_width_s, 0 where it is null or absent."""

    animal: str = "unknown"
    observed: Array | None = None
    resolution_s: float = 0.0


def read_units_table(path: Path, log: ReadLog) -> pd.DataFrame | None:
    """Column unit, and whatever the file holds besides. The ids are int64, or text where one is no whole number."""
    frame = read_table(path, log, ids=("unit",))
    if frame is None:
        return None
    if "unit" not in frame:
        log.add_error(
            "column-unit-missing",
            path,
            f"expected a column unit, found {listed(map(str, frame.columns))}{similar_name_hint('unit', frame)}",
        )
        return None
    without = np.flatnonzero(frame["unit"].isna())
    if len(without):
        log.add_error(
            "unit-ids-missing",
            path,
            f"column unit: expected an id in every row, found none in rows {_row_list(without)}",
        )
    return frame


def read_interval_table(path: Path, log: ReadLog, clock: TimeUnit) -> pd.DataFrame | None:
    """start_time, stop_time and all other times in seconds; None where one of the two is missing or holds text."""
    times = [n for n in table_header(path) if clock.is_time(n)]
    frame = read_table(path, log, numbers={"start_time", "stop_time", *times})
    if frame is None:
        return None
    seconds = {n: time_column(frame, n, path, log, clock) for n in ("start_time", "stop_time")}
    for name in times:
        if name not in seconds and (name in clock.time_columns or not _is_text_alone(frame[name])):
            seconds[name] = time_column(frame, name, path, log, clock)
    if any(values is None for values in seconds.values()):
        return None
    return frame.assign(**{n: values for n, values in seconds.items() if values is not None})


def _is_text_alone(column: pd.Series) -> bool:
    """Text in which nothing is a number, such as times of day: not a time in seconds, and not read as one."""
    if pd.api.types.is_numeric_dtype(column) or column.isna().all():
        return False
    return bool(pd.to_numeric(column[~column.isin(MISSING)], errors="coerce").isna().all())


def read_behavior_table(path: Path, log: ReadLog, clock: TimeUnit) -> pd.DataFrame:
    """Long table from (series, time_s, value), or from time_s and one column a series."""
    names = table_header(path)
    at = clock.column(names)
    wide = not LONG_COLUMNS & set(names)
    values = [n for n in names if n != at] if wide else ["value"]
    frame = read_table(path, log, numbers={at, *values}, ids=("series",))
    if frame is None:
        return no_behavior()
    time_s = time_column(frame, at, path, log, clock)
    frame = frame.astype({n: float for n in values if n in frame and frame[n].dtype == bool})
    numbers = {n: number_column(frame, n, path, log) for n in values}
    if not wide and "series" not in frame:
        log.add_error(
            "column-series-missing",
            path,
            f"expected a column series beside value, found {listed(map(str, frame.columns))}",
        )
    if time_s is None or any(v is None for v in numbers.values()) or not (wide or "series" in frame):
        return no_behavior()
    return _long_table(frame, time_s, numbers, path, log)


def _long_table(
    frame: pd.DataFrame, time_s: Array, values: dict[str, Array | None], path: Path, log: ReadLog
) -> pd.DataFrame:
    if "series" not in frame:
        parts = [pd.DataFrame({"series": n, "time_s": time_s, "value": v}) for n, v in values.items()]
        return pd.concat([no_behavior(), *parts], ignore_index=True) if parts else no_behavior()
    without = np.flatnonzero(frame["series"].isna())
    if len(without):
        log.add_error(
            "series-names-missing",
            path,
            f"column series: expected a name in every row, found none in rows {_row_list(without)}",
        )
    return pd.DataFrame({"series": frame["series"].astype("str"), "time_s": time_s, "value": values["value"]})


def read_recording_info(path: Path, log: ReadLog, clock: TimeUnit) -> RecordingInfo:
    """Read recording.json; what it does not contain stays unknown."""
    try:
        about = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # json's and the decoder's errors are ValueErrors
        log.add_error("json-not-read", path, f"cannot be read as JSON ({error})")
        return RecordingInfo()
    if not isinstance(about, dict):
        log.add_error(
            "json-not-a-recording", path, f'expected {{"animal": ..., "observed": ...}}, found {type(about).__name__}'
        )
        return RecordingInfo()
    for key in sorted(set(about) - {*INFO_KEYS, *INGESTED_KEYS}):
        text = f"{path.name}: key {key!r} is not known"
        if hint := did_you_mean(key, INFO_KEYS, ""):
            log.errors.append(Finding.error("json-key-unknown", path.name, text + hint))
        else:
            log.notes.append(Finding.warning("unknown-key", f"{path.name}: {key}", text))
    animal = about.get("animal", "unknown")
    if not isinstance(animal, str):
        log.add_error("animal-not-text", path, f"animal: expected text, found {animal!r}")
    width = about.get("bin_width_s") or 0.0
    if not isinstance(width, (int, float)) or not 0 <= width <= sys.float_info.max:
        log.add_error("bin-width-not-seconds", path, f"bin_width_s: expected seconds, or null, found {str(width)[:60]}")
        width = 0.0
    return RecordingInfo(str(animal), _observed(about.get("observed"), path, log, clock), float(width))


def _observed(pairs: object, path: Path, log: ReadLog, clock: TimeUnit) -> Array | None:
    if pairs is None:
        return None
    try:
        times = np.asarray(pairs, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        times = np.zeros(0)
    if times.size == 0 or times.ndim != 2 or times.shape[1] != 2 or not np.isfinite(times).all():
        log.add_error(
            "observed-not-pairs",
            path,
            f"observed: expected pairs of times such as [[0.0, 3600.0]], found {str(pairs)[:60]}",
        )
        return None
    back = [list(map(float, pair)) for pair in times if pair[1] <= pair[0]]
    if back:
        log.add_error(
            "observed-start-after-stop", path, f"observed: expected each start before its stop, found {back[:5]}"
        )
        return None
    return as_intervals(clock.seconds(times))


def _row_list(index: NDArray[np.int64]) -> str:
    return listed(map(str, index + 2), 10)


def group_column(frame: pd.DataFrame) -> str:
    """The column that names the channel, tetrode, shank or probe of a row; "" where there is none."""
    return next((str(c) for c in frame if GROUP.fullmatch(str(c).strip())), "")


def numbered_within_group(frame: pd.DataFrame) -> tuple[bool, str]:
    """Whether ids of units are numbered within each channel, and a text on units with spikes on several; "" without
    such.

    Sorters that work channel by channel (Plexon Offline Sorter, wave_clus) number units so: unit 1 of channel 1 and
    unit 1 of channel 2 are two cells. Exports have a column for each.

    frame: one row a spike, with the column unit. True where each group has all the ids up to its last, from the first
    id of the whole table. Otherwise a spike may lie on another channel than its unit.
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
    within = all(ranks == list(range(ranks[0], ranks[0] + len(ranks))) and ranks[0] <= 1 for ranks in of_group)
    text = (
        f"{counted(len(several), 'unit')} with spikes in several places of the column {column}: "
        f"{listed((f'{u} ({n})' for u, n in several.items()), 5)}"
    )
    return within, text
