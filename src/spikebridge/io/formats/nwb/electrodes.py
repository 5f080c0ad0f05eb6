"""The location of each unit of an NWB file, by the electrodes that it names.

A unit names its electrodes in the column `electrodes`, whose values are row numbers of the table of electrodes. Where
the file has no such column, a column of `PEAK_COLUMNS` may name its main channel, by the id of an electrode (in files
of the Allen Institute, 850264740 for example). Numbers are row numbers only where none of them is an id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.messages import counted, listed
from spikebridge.io.formats.containers import check_chunks
from spikebridge.io.formats.nwb.columns import Log, is_pickled, plain_column, ragged, text, values_of

PEAK_COLUMNS = (
    "peak_channel_id", "main_channel_id", "max_channel_id", "electrode_id", "peak_electrode_id", "channel_id",
    "peak_channel", "main_channel", "max_channel", "best_channel", "peak_electrode", "electrode", "ch", "channel",
)  # fmt: skip
"""Columns of the units that may name one electrode, in order. Those that end in _id never hold row numbers."""
Places = dict[str, tuple[tuple[str, ...], ...]]
Ints = NDArray[np.int64]
NONE = -1
"""Row of a unit without an electrode."""


def places_of(nwb: Any, table: Any, where: str, log: Log) -> Places:
    """ "electrodes.<column>" -> the places of each unit, for every column of text, and those of electrode groups."""
    places: Places = {}
    if "electrode_group" in table.colnames and not is_pickled(table["electrode_group"].data):
        check_chunks(table["electrode_group"].data, f"{where}/electrode_group")
        groups = [getattr(g, "location", None) for g in table["electrode_group"].data[:]]
        places["electrode_group.location"] = tuple((text(g),) for g in groups)
    if "electrodes" in table.colnames:
        return places | _of_rows(nwb, table, where, log)
    return places | _of_peaks(nwb, table, where, log)


def _of_rows(nwb: Any, table: Any, where: str, log: Log) -> Places:
    """By the column `electrodes`."""
    rows, counts = ragged(table, "electrodes", where, log)
    column = table["electrodes"]
    electrodes = getattr(getattr(column, "target", column), "table", None)
    electrodes = nwb.electrodes if electrodes is None else electrodes
    if electrodes is None:
        raise DataError(f"{where}/electrodes: the file has no table of electrodes")
    rows = rows.astype(np.int64)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(electrodes):
        raise DataError(f"{where}/electrodes: row {rows.max()} of a table of {len(electrodes)} electrodes is asked for")
    per_unit = np.split(rows, np.cumsum(counts)[:-1])
    named = {f"electrodes.{c}": v for c, v in _electrode_texts(nwb, electrodes, log).items()}
    return {c: tuple(tuple(v[row] for row in mine) for mine in per_unit) for c, v in named.items()}


def _of_peaks(nwb: Any, table: Any, where: str, log: Log) -> Places:
    """By a column that names the main channel of each unit; nothing where there is none that can be followed."""
    electrodes = nwb.electrodes
    named = [name for name in PEAK_COLUMNS if name in table.colnames]
    if electrodes is None or not len(electrodes) or not named:
        return {}
    ids = values_of(electrodes.id.data, "electrodes/id", log).astype(np.int64)
    texts = _electrode_texts(nwb, electrodes, log)
    groups = texts.get("group_name", [])
    own_group = _group_of_unit(table, where, log)
    for name in named:
        numbers = _whole_numbers(table, name, where, log)
        rows = (
            None
            if numbers is None
            else _rows(numbers, ids, f"{where}/{name}", texts.get("location", []), groups, own_group, log)
        )
        if rows is None or not _in_own_group(rows, groups, own_group, name, where, log):
            continue
        return {f"electrodes.{c}": tuple((v[r],) if r != NONE else () for r in rows) for c, v in texts.items()}
    return {}


def _whole_numbers(table: Any, name: str, where: str, log: Log) -> Ints | None:
    """(unit,), `NONE` where it is missing or negative; None where the column holds something else."""
    column = log.guarded(f"{where}/{name}", None, plain_column, table[name], f"{where}/{name}", log)
    if column is None or column.dtype.kind not in "iuf":
        return None
    values = column.to_numpy()
    known = np.isfinite(values) & (values >= 0)
    if not known.any() or (values[known] != np.rint(values[known])).any():
        return None
    return np.where(known, np.where(known, values, 0).astype(np.int64), NONE)


def _rows(
    numbers: Ints, ids: Ints, column: str, locations: list[str], groups: list[str], own: list[str], log: Log
) -> Ints | None:
    """(unit,): the row of the electrode of each unit, `NONE` where it has none; None where the column cannot be used.

    numbers: (unit,). ids: (electrode,). locations, groups: (electrode,), or empty. own: (unit,), or empty.
    """
    by_id = _found(numbers, ids)
    known = numbers != NONE
    fits_row = bool((numbers[known] < len(ids)).all())
    n_ids, n = int((by_id[known] != NONE).sum()), int(known.sum())
    if (n_ids or fits_row) and not own and _counts_within_a_probe(numbers[known], groups):
        log.notes.append(
            f"{column}: its numbers ({_span(numbers[known])}) may count the channels of each of the {len(set(groups))} "
            f"groups of electrodes ({listed(sorted(set(groups)), 5)}) from 0: regions of the electrodes are not taken "
            "from it; a column electrode_group or electrodes of the units would say which electrodes are meant"
        )
        return None
    if not n_ids and fits_row and not column.endswith("_id"):
        log.notes.append(
            f"{column}: none of its numbers is the id of an electrode ({_span(ids)}): they are taken as "
            "rows of the table of electrodes, from 0"
        )
        return numbers
    if not n_ids:
        log.notes.append(
            f"{column}: none of its numbers ({_span(numbers[known])}) is the id of an electrode ({_span(ids)}): "
            "regions of the electrodes are not taken from it"
        )
        return None
    if n_ids < n:
        lost = numbers[known & (by_id == NONE)]
        log.notes.append(
            f"{column}: {counted(n - n_ids, 'unit')} without a region: no electrode has the id "
            f"{listed(map(str, np.unique(lost)), 10)}"
        )
    if fits_row and locations:
        differ = [u for u in np.flatnonzero(by_id != NONE) if locations[by_id[u]] != locations[numbers[u]]]
        if differ:
            log.notes.append(
                f"{column} is read as ids of electrodes; as row numbers {len(differ)} of {counted(n, 'unit')} would "
                f"lie in another region (number {numbers[differ[0]]}: id {locations[by_id[differ[0]]]}, row "
                f"{locations[numbers[differ[0]]]})"
            )
    return by_id


def _found(numbers: Ints, ids: Ints) -> Ints:
    """(unit,): the row with that id, `NONE` where there is none. Raises DataError for an id that is there twice."""
    order = np.argsort(ids, kind="stable")
    ranked = ids[order]
    twice = np.intersect1d(ranked[1:][ranked[1:] == ranked[:-1]], numbers)
    if len(twice):
        raise DataError(
            f"electrodes/id: expected different ids, found more than once: {listed(map(str, twice), 10)}; units name "
            "their electrodes by these"
        )
    place = np.minimum(np.searchsorted(ranked, numbers), len(ids) - 1)
    return np.where(ranked[place] == numbers, order[place], NONE).astype(np.int64)


def _counts_within_a_probe(numbers: Ints, groups: list[str]) -> bool:
    """Whether a number may mean another electrode in each group: there are several, and none is above the largest."""
    sizes = [groups.count(g) for g in set(groups)]
    return len(sizes) > 1 and bool(numbers.max() <= max(sizes))


def _span(numbers: Ints) -> str:
    return f"{numbers.min()} to {numbers.max()}"


def _group_of_unit(table: Any, where: str, log: Log) -> list[str]:
    """(unit,): the name of the group of electrodes that each unit names itself; empty where there is no such column."""
    for name in ("electrode_group", "group_name"):
        if name in table.colnames and not is_pickled(table[name].data):
            column = log.guarded(f"{where}/{name}", None, plain_column, table[name], f"{where}/{name}", log)
            if column is not None and column.dtype == "str":
                return [text(v) for v in column]
    return []


def _in_own_group(rows: Ints, groups: list[str], own: list[str], name: str, where: str, log: Log) -> bool:
    """Whether the electrodes lie in the groups that the units name; a note where they do not."""
    if not groups or not own or not set(own) <= set(groups):
        return True
    odd = [u for u, row in enumerate(rows) if row != NONE and groups[row] != own[u]]
    if odd:
        u = odd[0]
        log.notes.append(
            f"{where}/{name}: {len(odd)} of {counted(len(rows), 'unit')} would lie in another group of electrodes than "
            f"the one they name (row {u}: {groups[rows[u]]}, not {own[u]}): regions are not taken from it"
        )
    return not odd


def _electrode_texts(nwb: Any, electrodes: Any, log: Log) -> dict[str, list[str]]:
    """Column -> text of each electrode. Its group is found by name, not by the reference to it."""
    texts = {}
    for name in electrodes.colnames:
        if name == "group":
            continue
        column = plain_column(electrodes[name], f"electrodes/{name}", log)
        if column is not None and column.dtype == "str":
            texts[name] = [text(v) for v in column]
    groups = {name: text(group.location) for name, group in nwb.electrode_groups.items()}
    if set(texts.get("group_name", [""])) <= set(groups):
        texts["group.location"] = [groups[name] for name in texts["group_name"]]
    return texts
