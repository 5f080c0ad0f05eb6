"""The observed time of a recording, from the file or from the setting `data.observed`.

"auto" uses the intervals of the file (for the whole recording, or common to all units in source and target), or else
the time from first to last spike. "trials" is the union of start_time..stop_time of the trial table. Any other word is
the name of an interval table, which is used unchanged. From "auto", the invalid times of the file are removed (its
table `invalid_times`, as in NWB), unless their tags name only probes without used units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import Contents, unit_names
from spikebridge.types.intervals import as_intervals, intersect_intervals, merge_intervals, subtract_intervals, total_s

Times = NDArray[np.float64]
INVALID = "invalid_times"
TAGS = "tags"
GROUPS = ("electrode_group", "group_name", "probe")
"""Units columns with the electrode group, or the probe, of each unit."""
PIECE = 1 << 22
"""Number of spikes processed at once."""
MAX_LISTED = 10
"""Maximum number of listed items in messages."""
MIN_COMMON_TO_UNITS = 0.5
"""If a smaller share of the time is common to all units, there is a warning."""


def observed_time(
    contents: Contents, data: DataConfig, trials: pd.DataFrame | None, regions: pd.Series, findings: list[Finding]
) -> Times | None:
    """(interval, 2), seconds; None, with a finding, if it cannot be determined. regions: (unit,)."""
    if data.observed == "auto":
        used = regions.isin([*data.source, *data.target]).to_numpy(dtype=bool)
        return _without_invalid(_of_file(contents, data, regions, findings), contents, used, findings)
    if data.observed == "trials":
        return None if trials is None else _span_of(trials, "trials.table", findings, check=False)
    table = interval_table(contents, data.observed, "data.observed", findings)
    return None if table is None else _span_of(table, f"table {data.observed!r}", findings)


def _of_file(contents: Contents, data: DataConfig, regions: pd.Series, findings: list[Finding]) -> Times | None:
    if contents.observed is not None:
        return _sound(contents.observed, "the observed time of the file", findings)
    used = np.flatnonzero(regions.isin([*data.source, *data.target]))
    if contents.observed_of_unit is not None and len(used):
        names = unit_names(contents.units)
        called = [names.get(unit, str(unit)) for unit in contents.units["unit"].tolist()]
        return _common([contents.observed_of_unit[u] for u in used], [called[u] for u in used], findings)
    return first_to_last(contents.spikes["time_s"].to_numpy(dtype=np.float64))


def _without_invalid(
    observed: Times | None, contents: Contents, used: NDArray[np.bool_], findings: list[Finding]
) -> Times | None:
    """The observed time without the invalid times. used: (unit,), whether a unit is in source or target."""
    table = contents.tables.get(INVALID)
    if observed is None or table is None or not len(table):
        return observed
    other = _of_other_probes(table, contents, used)
    if other.any():
        text = (
            f"{counted(int(other.sum()), 'interval')} of {INVALID} not applied: the tags "
            f"({listed(_tags(table[other]), 3)}) name a group of electrodes without used units"
        )
        findings.append(Finding.warning("invalid-times-of-other-probes", INVALID, text))
    invalid = _span_of(table[~other], f"table {INVALID!r}", findings)
    if invalid is None:
        return None
    kept = subtract_intervals(observed, invalid)
    lost = total_s(observed) - total_s(kept)
    if lost and not total_s(kept):
        text = f"all observed time ({lost:g} s) is called invalid by the table {INVALID}:"
        remedy = "to use it, name other times in data.observed (trials, say)"
        findings.append(Finding.error("all-time-invalid", INVALID, text, remedy))
        return None
    if lost or not other.all():
        note = f"{lost:g} s that the file calls invalid (its table {INVALID}) are not used"
        findings.append(Finding.warning("invalid-times-removed", INVALID, note))
    return kept


def _of_other_probes(table: pd.DataFrame, contents: Contents, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(row,): whether the tags name electrode groups or probes, but none that has a used unit."""
    groups = [[str(v) for v in contents.units[c]] for c in GROUPS if c in contents.units]
    places = contents.places.get("electrodes.group_name", ())
    known_groups = {name for names in groups for name in names} | {
        name for unit_groups in places for name in unit_groups
    }
    used_groups = {name for names in groups for name, own in zip(names, used, strict=True) if own}
    used_groups |= {name for names, own in zip(places, used, strict=False) if own for name in names}
    if TAGS not in table or not used_groups:
        return np.zeros(len(table), dtype=bool)
    row_tags = [{tag.strip() for tag in str(tags).split(",")} for tags in table[TAGS]]
    return np.array([bool(tags & known_groups) and not tags & used_groups for tags in row_tags], dtype=bool)


def _tags(table: pd.DataFrame) -> list[str]:
    return [str(tags) for tags in table[TAGS].unique()]


def interval_table(contents: Contents, name: str, key: str, findings: list[Finding]) -> pd.DataFrame | None:
    """The table of this name; None, with a finding, if there is none. key: the setting that names it."""
    if name not in contents.tables:
        if contents.tables:
            hint = did_you_mean(name, contents.tables)
            text = f"{key} = {name!r} is no interval table{hint} Tables: {listed(contents.tables)}"
        else:
            text = f"{key} = {name!r}: no interval table is here (rows with start_time and stop_time); expected one"
        findings.append(Finding.error("unknown-table", key, text))
        return None
    return contents.tables[name]


def first_to_last(times: Times) -> Times:
    """(1, 2): first to last finite spike time, which is included. Empty if there is no spike."""
    first, last = np.inf, -np.inf
    for start in range(0, len(times), PIECE):  # avoids a copy of millions of spikes
        piece = times[start : start + PIECE]
        finite = np.isfinite(piece)
        first = min(first, float(np.min(piece, initial=np.inf, where=finite)))
        last = max(last, float(np.max(piece, initial=-np.inf, where=finite)))
    return as_intervals([[first, np.nextafter(last, np.inf)]] if first <= last else [])


def _span_of(table: pd.DataFrame, name: str, findings: list[Finding], check: bool = True) -> Times | None:
    columns = [c for c in ("start_time", "stop_time") if c in table and pd.api.types.is_numeric_dtype(table[c])]
    if len(columns) < 2:
        findings.append(
            Finding.error(
                "intervals-without-times",
                name,
                f"observed time from {name} needs columns start_time and stop_time, in seconds;",
                "name another in data.observed",
            )
        )
        return None
    pairs = table[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    return _sound(pairs, name, findings) if check else merge_intervals(pairs)


def _sound(pairs: Times, name: str, findings: list[Finding]) -> Times | None:
    """The union; None, with a finding, if an interval is reversed or has no end, because its time would be lost."""
    bad = np.flatnonzero(~(pairs[:, 1] >= pairs[:, 0]))
    if len(bad):
        shown = listed((_shown(pairs[i]) for i in bad), 5)
        findings.append(
            Finding.error(
                "reversed-intervals",
                name,
                f"{name}: expected intervals that end after they start, found {shown}:",
                "correct them, or name other times in data.observed",
            )
        )
        return None
    return merge_intervals(pairs)


def _common(of_unit: Sequence[Times], called: Sequence[str], findings: list[Finding]) -> Times | None:
    """The time in which every unit was observed. called: (unit,), their names for messages."""
    owners: dict[bytes, list[str]] = {}
    sets = {p.tobytes(): p for p in of_unit}  # usually all are equal
    for unit, pairs in zip(called, of_unit, strict=True):
        owners.setdefault(pairs.tobytes(), []).append(unit)
    sound = [_sound(p, f"observed time of {_units(owners[key])}", findings) for key, p in sets.items()]
    if any(s is None for s in sound):
        return None
    common = intersect_intervals(list(sets.values()))
    if not len(common):
        several = "; ".join(
            f"{_units(owners[key])}: {listed(map(_shown, p), 3)}" for key, p in list(sets.items())[:MAX_LISTED]
        )
        text = f"the units of source and target were never observed at the same time: {several}."
        remedy = "Leave units out by data.exclude_units, or name other times in data.observed"
        findings.append(Finding.error("units-never-together", "observed time", text, remedy))
        return None
    together, ever = total_s(common), total_s(np.concatenate(list(sets.values())))
    if together < MIN_COMMON_TO_UNITS * ever:
        least = min(sets, key=lambda key: total_s(sets[key]))
        findings.append(
            Finding.warning(
                "little-common-time",
                "observed time",
                f"only {together:g} of {ever:g} s are observed for every unit of source and target; least for "
                f"{_units(owners[least])}, {total_s(sets[least]):g} s",
            )
        )
    return common


def _shown(pair: Times) -> str:
    return f"{pair[0]:g} to {pair[1]:g} s"


def _units(called: Sequence[str]) -> str:
    return f"{counted(len(called), 'unit')} ({listed(called, MAX_LISTED)})" if len(called) > 1 else f"unit {called[0]}"
