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
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.formats.containers import check_chunks
from spikebridge.io.formats.nwb.columns import NwbLog, is_pickled, plain_column, ragged_column, read_values, to_text

PEAK_COLUMNS = (
    "peak_channel_id", "main_channel_id", "max_channel_id", "electrode_id", "peak_electrode_id", "channel_id",
    "peak_channel", "main_channel", "max_channel", "best_channel", "peak_electrode", "electrode", "ch", "channel",
)  # fmt: skip
"""Columns of the units that may name one electrode, in order. Those that end in _id never hold row numbers."""
Locations = dict[str, tuple[tuple[str, ...], ...]]
Ints = NDArray[np.int64]
NO_ELECTRODE = -1
"""Row of a unit without an electrode."""


def unit_locations(nwb: Any, table: Any, where: str, log: NwbLog) -> Locations:
    """ "electrodes.<column>" -> the places of each unit, for every column of text, and those of electrode groups."""
    places: Locations = {}
    if "electrode_group" in table.colnames and not is_pickled(table["electrode_group"].data):
        check_chunks(table["electrode_group"].data, f"{where}/electrode_group")
        groups = [getattr(g, "location", None) for g in table["electrode_group"].data[:]]
        places["electrode_group.location"] = tuple((to_text(g),) for g in groups)
    if "electrodes" in table.colnames:
        return places | _from_row_numbers(nwb, table, where, log)
    return places | _from_peak_channels(nwb, table, where, log)


def _from_row_numbers(nwb: Any, table: Any, where: str, log: NwbLog) -> Locations:
    """By the column `electrodes`."""
    rows, counts = ragged_column(table, "electrodes", where, log)
    column = table["electrodes"]
    electrodes = getattr(getattr(column, "target", column), "table", None)
    electrodes = nwb.electrodes if electrodes is None else electrodes
    if electrodes is None:
        raise DataError.of("nwb-electrodes-missing", f"{where}/electrodes", "the file has no table of electrodes")
    rows = rows.astype(np.int64)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(electrodes):
        raise DataError.of(
            "nwb-electrode-row-missing",
            f"{where}/electrodes",
            f"row {rows.max()} of a table of {len(electrodes)} electrodes is asked for",
        )
    per_unit = np.split(rows, np.cumsum(counts)[:-1])
    named = {f"electrodes.{c}": v for c, v in _electrode_texts(nwb, electrodes, log).items()}
    return {c: tuple(tuple(v[row] for row in unit_rows) for unit_rows in per_unit) for c, v in named.items()}


def _from_peak_channels(nwb: Any, table: Any, where: str, log: NwbLog) -> Locations:
    """By a column that names the main channel of each unit; empty where no such column can be used."""
    electrodes = nwb.electrodes
    named = [name for name in PEAK_COLUMNS if name in table.colnames]
    if electrodes is None or not len(electrodes) or not named:
        return {}
    ids = read_values(electrodes.id.data, "electrodes/id", log).astype(np.int64)
    texts = _electrode_texts(nwb, electrodes, log)
    groups = texts.get("group_name", [])
    own_group = _group_of_unit(table, where, log)
    for name in named:
        numbers = _whole_numbers(table, name, where, log)
        rows = (
            None
            if numbers is None
            else _electrode_rows(numbers, ids, f"{where}/{name}", texts.get("location", []), groups, own_group, log)
        )
        if rows is None or not _agree_with_groups(rows, groups, own_group, name, where, log):
            continue
        return {f"electrodes.{c}": tuple((v[r],) if r != NO_ELECTRODE else () for r in rows) for c, v in texts.items()}
    return {}


def _whole_numbers(table: Any, name: str, where: str, log: NwbLog) -> Ints | None:
    """(unit,), `NO_ELECTRODE` where it is missing or negative; None where the column holds something else."""
    column = log.guarded(f"{where}/{name}", None, plain_column, table[name], f"{where}/{name}", log)
    if column is None or column.dtype.kind not in "iuf":
        return None
    values = column.to_numpy()
    known = np.isfinite(values) & (values >= 0)
    if not known.any() or (values[known] != np.rint(values[known])).any():
        return None
    return np.where(known, np.where(known, values, 0).astype(np.int64), NO_ELECTRODE)


def _electrode_rows(
    numbers: Ints, ids: Ints, column: str, locations: list[str], groups: list[str], own: list[str], log: NwbLog
) -> Ints | None:
    """(unit,): the row of the electrode of each unit, `NO_ELECTRODE` where it has none.

    None where the column cannot be used.

    numbers: (unit,). ids: (electrode,). locations, groups: (electrode,), or empty. own: (unit,), or empty.
    """
    by_id = _rows_of_ids(numbers, ids)
    known = numbers != NO_ELECTRODE
    fits_row = bool((numbers[known] < len(ids)).all())
    n_ids = int((by_id[known] != NO_ELECTRODE).sum())
    if (n_ids or fits_row) and not own and _counts_within_a_probe(numbers[known], groups):
        log.notes.append(
            Finding.warning(
                "channel-numbers-ambiguous",
                column,
                f"{column}: its numbers ({_span(numbers[known])}) may count the channels of each of the "
                f"{len(set(groups))} "
                f"groups of electrodes ({listed(sorted(set(groups)), 5)}) from 0: regions of the electrodes are not "
                "taken from it;",
                "a column electrode_group or electrodes of the units would say which electrodes are meant",
            )
        )
        return None
    if not n_ids and fits_row and not column.endswith("_id"):
        log.notes.append(
            Finding.warning(
                "peak-channels-as-rows",
                column,
                f"{column}: none of its numbers is the id of an electrode ({_span(ids)}): they are taken as "
                "rows of the table of electrodes, from 0",
            )
        )
        return numbers
    if not n_ids:
        log.notes.append(
            Finding.warning(
                "peak-channels-unknown",
                column,
                f"{column}: none of its numbers ({_span(numbers[known])}) is the id of an electrode ({_span(ids)}): "
                "regions of the electrodes are not taken from it",
            )
        )
        return None
    _warn_of_unit_electrodes(numbers, by_id, column, locations if fits_row else [], log)
    return by_id


def _warn_of_unit_electrodes(numbers: Ints, by_id: Ints, column: str, locations: list[str], log: NwbLog) -> None:
    """Name units whose electrode does not exist, and units whose region would differ if the ids were row numbers.

    locations: (electrode,), or empty where the numbers cannot be rows.
    """
    known = numbers != NO_ELECTRODE
    n_ids, n = int((by_id[known] != NO_ELECTRODE).sum()), int(known.sum())
    if n_ids < n:
        lost = numbers[known & (by_id == NO_ELECTRODE)]
        log.notes.append(
            Finding.warning(
                "units-without-electrode",
                column,
                f"{column}: {counted(n - n_ids, 'unit')} without a region: no electrode has the id "
                f"{listed(map(str, np.unique(lost)), 10)}",
            )
        )
    if locations:
        differ = [u for u in np.flatnonzero(by_id != NO_ELECTRODE) if locations[by_id[u]] != locations[numbers[u]]]
        if differ:
            log.notes.append(
                Finding.warning(
                    "peak-channels-as-ids",
                    column,
                    f"{column} is read as ids of electrodes; as row numbers {len(differ)} of {counted(n, 'unit')} "
                    "would "
                    f"lie in another region (number {numbers[differ[0]]}: id {locations[by_id[differ[0]]]}, row "
                    f"{locations[numbers[differ[0]]]})",
                )
            )


def _rows_of_ids(numbers: Ints, ids: Ints) -> Ints:
    """(unit,): the row with that id, `NO_ELECTRODE` where there is none. Raises DataError for an id that
    occurs twice."""
    order = np.argsort(ids, kind="stable")
    ranked = ids[order]
    twice = np.intersect1d(ranked[1:][ranked[1:] == ranked[:-1]], numbers)
    if len(twice):
        raise DataError.of(
            "nwb-electrode-ids-repeated",
            "electrodes/id",
            f"expected different ids, found more than once: {listed(map(str, twice), 10)}; units name "
            "their electrodes by these",
        )
    place = np.minimum(np.searchsorted(ranked, numbers), len(ids) - 1)
    return np.where(ranked[place] == numbers, order[place], NO_ELECTRODE).astype(np.int64)


def _counts_within_a_probe(numbers: Ints, groups: list[str]) -> bool:
    """Whether a number may mean another electrode in each group: there are several, and none is above the largest."""
    sizes = [groups.count(g) for g in set(groups)]
    return len(sizes) > 1 and bool(numbers.max() <= max(sizes))


def _span(numbers: Ints) -> str:
    return f"{numbers.min()} to {numbers.max()}"


def _group_of_unit(table: Any, where: str, log: NwbLog) -> list[str]:
    """(unit,): the name of the group of electrodes that each unit names itself; empty where there is no such column."""
    for name in ("electrode_group", "group_name"):
        if name in table.colnames and not is_pickled(table[name].data):
            column = log.guarded(f"{where}/{name}", None, plain_column, table[name], f"{where}/{name}", log)
            if column is not None and column.dtype == "str":
                return [to_text(v) for v in column]
    return []


def _agree_with_groups(rows: Ints, groups: list[str], own: list[str], name: str, where: str, log: NwbLog) -> bool:
    """Whether the electrodes lie in the groups that the units name; a note where they do not."""
    if not groups or not own or not set(own) <= set(groups):
        return True
    odd = [u for u, row in enumerate(rows) if row != NO_ELECTRODE and groups[row] != own[u]]
    if odd:
        u = odd[0]
        log.notes.append(
            Finding.warning(
                "electrodes-of-other-groups",
                f"{where}/{name}",
                f"{where}/{name}: {len(odd)} of {counted(len(rows), 'unit')} would lie in another group of "
                "electrodes than "
                f"the one they name (row {u}: {groups[rows[u]]}, not {own[u]}): regions are not taken from it",
            )
        )
    return not odd


def _electrode_texts(nwb: Any, electrodes: Any, log: NwbLog) -> dict[str, list[str]]:
    """Column -> text of each electrode. Its group is found by name, not by the reference to it."""
    texts = {}
    for name in electrodes.colnames:
        if name == "group":
            continue
        column = plain_column(electrodes[name], f"electrodes/{name}", log)
        if column is not None and column.dtype == "str":
            texts[name] = [to_text(v) for v in column]
    groups = {name: to_text(group.location) for name, group in nwb.electrode_groups.items()}
    if set(texts.get("group_name", [""])) <= set(groups):
        texts["group.location"] = [groups[name] for name in texts["group_name"]]
    return texts
