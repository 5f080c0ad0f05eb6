"""The tables cluster_*.tsv of Phy, merged to one table of units, cell by cell.

A person who curates in Phy saves cluster_group.tsv; cluster_info.tsv is an export of the same save. The tables may be
of different ages, and the times of files are lost when they are copied. Where two tables have different quality labels
for a cluster, the more careful label is used (`unit_labels.merge_labels`); for any other column, cluster_info.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.formats.sorting.detection import is_copy, visible_files
from spikebridge.io.formats.table.text import BYTE_ORDER_MARKS, MISSING, unterminated_line_note
from spikebridge.labels.trial_labels import label_names
from spikebridge.labels.unit_labels import (
    PERSON,
    PROGRAM,
    SORTER,
    describe_contradictions,
    holds_labels,
    judge_of_column,
    label_words,
    merge_labels,
)

INFO = "cluster_info"
ID_COLUMNS = ("cluster_id", "id")
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}(\.0*)?")
MAX_SHOWN = 5


@dataclass(frozen=True)
class ClusterRow:
    """One row of a table. number: as in a spreadsheet, the header being row 1. cells: without blanks around them."""

    number: int
    cells: tuple[str, ...]

    def text(self, why: str) -> str:
        return f"row {self.number} ({why}: {' | '.join(self.cells)[:80]!r})"


def cluster_files(folder: Path) -> list[Path]:
    """Phy's own tables, cluster_info first."""
    files = [p for p in visible_files(folder) if p.suffix.lower() in (".tsv", ".csv") and p.stem.startswith("cluster")]
    return sorted(files, key=lambda p: (p.stem != INFO, p.name))


def cluster_tables(folder: Path, notes: list[Finding]) -> dict[str, pd.DataFrame]:
    """File name -> its table by cluster. A copy of a table (cluster_group_old.tsv) is left out, with a note.

    Raises DataError where a file cannot be read, or no row of it has the number of a cluster.
    """
    by_path = {p: t for p in cluster_files(folder) if (t := _table(p, notes)) is not None}
    tables = {p.name: t for p, t in by_path.items() if not is_copy(p)}
    for path, table in by_path.items():
        if not is_copy(path):
            continue
        if set(table) <= {c for other in tables.values() for c in other}:
            text = f"{path.name} is passed over: by its name it is a copy of a table that is beside it"
            notes.append(Finding.warning("copy-of-a-table", path.name, text))
        else:
            tables[path.name] = table
    return tables


def merged_tables(
    tables: Mapping[str, pd.DataFrame], clusters: NDArray[np.int64], notes: list[Finding]
) -> pd.DataFrame:
    """Column unit and every column of the tables. Units are the clusters with spikes or with a row in cluster_info.

    clusters: (spike,).
    """
    info = next((t for name, t in tables.items() if Path(name).stem == INFO), pd.DataFrame())
    used = np.sort(pd.unique(clusters))
    ids = pd.Index([*info.index, *(c for c in used if c not in info.index)], dtype="int64", name="unit")
    without = [str(c) for c in used if len(info) and c not in info.index]
    if without:
        notes.append(
            Finding.warning(
                "clusters-without-row",
                "cluster_info",
                f"cluster_info: no row for {listed(without, 10)}, which have spikes: was it saved before a merge or "
                "split, "
                "or cut short?",
            )
        )
    columns: dict[str, dict[str, pd.Series]] = {}
    for name, table in tables.items():
        gone = len(set(table.index) - set(ids))
        if gone:
            notes.append(
                Finding.warning(
                    "rows-without-spikes",
                    name,
                    f"{name}: {gone} clusters have no spikes (merged or split since) and are no units",
                )
            )
        for column, values in table.rename(columns={"unit": "cluster_unit"}).reindex(ids).items():
            columns.setdefault(str(column), {})[name] = values
    units = {column: _merge_column(column, by_file, notes) for column, by_file in columns.items()}
    return pd.DataFrame(units, index=ids).reset_index()


def _merge_column(column: str, by_file: Mapping[str, pd.Series], notes: list[Finding]) -> pd.Series:
    """One column that several files may have, cell by cell; what contradicts is a note."""
    first, *others = by_file.values()
    if not others:
        return first
    ids = first.index
    if column == "group" or any(holds_labels(column, values) for values in by_file.values()):
        judge = judge_of_column(column)
        judged = merge_labels({name: label_words(values) for name, values in by_file.items()}, lambda _: judge)
        if judge in (PROGRAM, SORTER):
            _note_differences(column, by_file, notes)
        elif judged.contradictions:
            differ = describe_contradictions(judged.contradictions, [f"cluster {i}" for i in ids])
            text, remedy = f"column {column} differs: {differ}", "for another, mend one of the files"
            notes.append(Finding.warning("labels-contradict-between-files", f"column {column}", text, remedy))
        return pd.Series([label or None for label in judged.labels], index=ids, dtype=object)
    result = first
    for values in others:
        result = result.where(result.notna(), values)
    _note_differences(column, by_file, notes)
    return result


def _note_differences(column: str, by_file: Mapping[str, pd.Series], notes: list[Finding]) -> None:
    """A note where files have different values for one cluster."""
    (kept, first), *others = by_file.items()
    for name, values in others:
        both = (first.notna() & values.notna()).to_numpy()
        kept_values, other_values = label_names(first[both]), label_names(values[both])
        differences = [
            f"cluster {c} ({a} and {b})"
            for c, a, b in zip(first.index[both], kept_values, other_values, strict=True)
            if a != b
        ]
        if differences:
            notes.append(
                Finding.warning(
                    "column-differs",
                    f"{name}: {column}",
                    f"{name}: column {column} differs from that of {kept}, which is used: "
                    f"{listed(differences, MAX_SHOWN)}",
                )
            )


def _table(file: Path, notes: list[Finding]) -> pd.DataFrame | None:
    """One table by cluster; None, with a note, where no column has the numbers of clusters."""
    header, rows = _rows(file, notes)
    names = [_unique_name(name, header[:k]) for k, name in enumerate(header)]
    lowered = [n.casefold() for n in names]
    at = next((lowered.index(n) for n in ID_COLUMNS if n in lowered), None)
    if at is None:
        text = f"{file.name} is not read: it has no column cluster_id, but {listed(names, 8)}"
        notes.append(Finding.warning("table-without-cluster-id", file.name, text))
        return None
    odd: list[str] = []
    by_cluster: dict[int, list[ClusterRow]] = {}
    for row in rows:
        if len(row.cells) > len(names) and any(row.cells[len(names) :]):
            odd.append(row.text(f"{len(row.cells)} fields in {len(names)} columns"))
        elif not WHOLE_NUMBER.fullmatch(row.cells[at] if at < len(row.cells) else ""):
            odd.append(row.text("no whole number in cluster_id"))
        else:
            by_cluster.setdefault(int(float(row.cells[at])), []).append(row)
    if rows and not by_cluster:
        raise DataError.of(
            "phy-cluster-ids-not-whole",
            file,
            f"expected whole numbers in cluster_id, found none in any row: {listed(odd, MAX_SHOWN)}",
        )
    if odd:
        notes.append(
            Finding.warning(
                "rows-left-out",
                file.name,
                f"{file.name}: {counted(len(odd), 'row')} left out: {listed(odd, MAX_SHOWN)}",
            )
        )
    others = [k for k in range(len(names)) if k != at]
    cells = {c: [_merged_cell([r.cells[k] if k < len(r.cells) else "" for r in several], names[k]) for k in others]
             for c, several in by_cluster.items()}  # fmt: skip
    _note_duplicates(file, by_cluster, cells, [names[k] for k in others], notes)
    data = {names[k]: _typed([cells[c][i] for c in by_cluster]).array for i, k in enumerate(others)}
    return pd.DataFrame(data, index=pd.Index(list(by_cluster), dtype="int64", name="cluster_id"))


def _unique_name(name: str, before: Sequence[str]) -> str:
    """A name for a column: its own, with a number where an earlier column is called the same."""
    return f"{name}.{before.count(name)}" if name in before else name


def _merged_cell(values: Sequence[str], column: str) -> str:
    """The cell of a cluster with several rows: empty where they differ, but for words the more careful one."""
    known = list(dict.fromkeys(v for v in values if v))
    if len(known) < 2:
        return known[0] if known else ""
    if holds_labels(column, pd.Series(known)):
        return merge_labels({str(k): [v] for k, v in enumerate(known)}, lambda _: PERSON).labels[0]
    return ""


def _note_duplicates(
    file: Path,
    by_cluster: Mapping[int, Sequence[ClusterRow]],
    cells: Mapping[int, Sequence[str]],
    names: Sequence[str],
    notes: list[Finding],
) -> None:
    twice = {c: rows for c, rows in by_cluster.items() if len(rows) > 1}
    same = [str(c) for c, rows in twice.items() if len({row.cells for row in rows}) == 1]
    if same:
        notes.append(
            Finding.warning(
                "rows-repeated",
                file.name,
                f"{file.name}: more than one row, all the same, for {listed(same, 10)}: one is used",
            )
        )
    differ = [
        f"cluster {c} (rows {listed(str(r.number) for r in rows)}; used: "
        + listed(f"{n} {v or 'empty'}" for n, v in zip(names, cells[c], strict=True))
        + ")"
        for c, rows in twice.items()
        if str(c) not in same
    ]
    if differ:
        notes.append(
            Finding.warning(
                "rows-contradict",
                file.name,
                f"{file.name}: more than one row, with different content, for {listed(differ, MAX_SHOWN)}",
            )
        )


def _rows(file: Path, notes: list[Finding]) -> tuple[list[str], list[ClusterRow]]:
    """The header and the rows that hold anything. Old versions of Phy write tabs into .csv files."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError.of("phy-table-not-opened", file, f"cannot be read as a table ({error.strerror})") from None
    encoding = next((e for mark, e in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    text = data.decode(encoding, errors="replace")
    if "\0" in text:
        raise DataError.of("phy-table-zero-bytes", file, "cannot be read as a table: expected text, found zero bytes")
    if "\ufffd" in text:
        unknown = f"{file.name}: some characters are not {encoding} and are read as \ufffd:"
        notes.append(Finding.warning("characters-not-decoded", file.name, unknown, "save the file as UTF-8"))
    notes.extend(unterminated_line_note(file.name, data))
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = next((s for s in "\t,;" if s in first), ",")
    quoting: Literal[0, 3] = csv.QUOTE_NONE if text.count('"') % 2 else csv.QUOTE_MINIMAL
    try:
        lines = list(_lines(csv.reader(StringIO(text, newline=None), delimiter=separator, quoting=quoting)))
    except csv.Error as error:
        raise DataError.of("phy-table-not-read", file, f"cannot be read as a table ({error})") from None
    if not lines:
        raise DataError.of("phy-table-empty", file, "cannot be read as a table: it is empty")
    return list(lines[0].cells), lines[1:]


def _lines(reader: Any) -> Iterator[ClusterRow]:
    for cells in reader:
        if any(c.strip() for c in cells):
            yield ClusterRow(reader.line_num, tuple(c.strip() for c in cells))


def _typed(cells: Sequence[str]) -> pd.Series:
    """Whole numbers, numbers or true and false where all cells are such or missing; else text, empty cells missing.

    In text only an empty cell is missing: NA is also a brain region.
    """
    known = [c for c in cells if c not in MISSING]
    if known and {c.lower() for c in known} <= {"true", "false"}:
        return _series_with_missing(
            cells, [c.lower() == "true" for c in known], bool if len(known) == len(cells) else object
        )
    if known and len(known) == len(cells) and all(re.fullmatch(r"[+-]?\d{1,18}", c) for c in known):
        return pd.Series([int(c) for c in cells], dtype="int64")
    try:
        return _series_with_missing(cells, [_number(c) for c in known], float)
    except ValueError:
        return pd.Series([c or None for c in cells], dtype="str")


def _number(cell: str) -> float:
    if "_" in cell:  # Python takes 1_000 for a number
        raise ValueError(cell)
    return float(cell)


def _series_with_missing(cells: Sequence[str], known: Sequence[Any], dtype: Any) -> pd.Series:
    values = iter(known)
    missing = np.nan if dtype is float else None
    return pd.Series([missing if c in MISSING else next(values) for c in cells], dtype=dtype)
