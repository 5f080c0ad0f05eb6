"""CSV and TSV files as columns of text. Encoding, separator and shape are checked and never guessed."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.formats.log import ReadLog

MISSING = ("", "NaN", "nan", "NAN", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "None")
"""A missing number. In a column of text only the empty field is missing: NA is also a brain region."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
HEADER_BYTES = 1 << 16
SEPARATOR_LINE = re.compile(rb'"?sep=([,;\t])"?[ \t]*\r?[\r\n]+', re.IGNORECASE)
"""What Excel writes and reads before the header."""


def text_columns(
    path: Path, log: ReadLog, numbers: Collection[str] = (), header_only: bool = False
) -> tuple[dict[str, Any], str] | None:
    """Name -> pyarrow array, and the separator; None where it is no table, and the log says why.

    The arrays are dictionaries of text; where all of `numbers` are numbers, these are float64. The first row names the
    columns. A first column without a name (the index that pandas writes) is left out, and so is what spreadsheets add:
    the line sep=; before the header, rows without any value at the end, columns without name and value at the right.
    Rows are counted as in a spreadsheet: the header is row 1, and empty lines are not counted.
    """
    data = _read_utf8(path, log, HEADER_BYTES if header_only else -1)
    if data is None:
        return None
    if separator_line := SEPARATOR_LINE.match(data):
        data = data[separator_line.end() :]
    first = next(iter(data[:HEADER_BYTES].decode("utf-8", errors="ignore").splitlines()), "")
    separator = separator_line[1].decode() if separator_line else _separator(path, first, log)
    if separator is None:
        return None
    names = [n.strip() for n in next(csv.reader([first], delimiter=separator), [""])]
    named = max((k + 1 for k, n in enumerate(names) if n), default=1)
    if not _names_are_sound(path, names[:named], log):
        return None
    if header_only:
        return {n: None for n in names if n}, separator
    data = _without_empty_rows(path, data, separator, log)
    columns = _parse_columns(path, data, separator, [n in numbers for n in names], log)
    if columns is None or not _unnamed_are_empty(path, names, columns[named:], log):
        return None
    if names[0] == "":
        text = f"{path.name}: the first column has no name and is left out"
        log.notes.append(Finding.warning("first-column-without-name", path.name, text))
    return {n: c for n, c in zip(names, columns, strict=True) if n}, separator


def _without_empty_rows(path: Path, data: bytes, separator: str, log: ReadLog) -> bytes:
    """The file without rows at its end that hold separators alone; a note counts them."""
    end, rows, nothing = _line_end(data, len(data)), 0, separator.encode() + b" \t\r"
    while (last := data.rfind(b"\n", 0, end) + 1) and not data[last:end].strip(nothing):
        rows += 1
        end = _line_end(data, last)
    if rows:
        log.notes.append(
            Finding.warning(
                "empty-rows-at-the-end",
                path.name,
                f"{path.name}: {counted(rows, 'row')} without any value at the end left out",
            )
        )
    return data[:end] + b"\n" if rows else data


def _line_end(data: bytes, end: int) -> int:
    """Where the text before `end` ends, without the ends of lines."""
    while end and data[end - 1] in b"\r\n":
        end -= 1
    return end


def _unnamed_are_empty(path: Path, names: list[str], columns: list[Any], log: ReadLog) -> bool:
    """Whether the last columns, which have no name, hold no value."""
    first = len(names) - len(columns)
    held = [str(first + k + 1) for k, c in enumerate(columns) if any(v.strip() for v in c.dictionary.to_pylist())]
    if held:
        log.add_error(
            "column-names-missing-over-values", path, f"expected a name for every column, found none for {listed(held)}"
        )
    return not held


def _read_utf8(path: Path, log: ReadLog, max_bytes: int) -> bytes | None:
    """The file, or its first `max_bytes` bytes, as UTF-8 without leading empty lines. UTF-16 is known by its mark."""
    try:
        with path.open("rb") as handle:
            data = handle.read(max_bytes)
    except OSError as error:
        log.add_error("text-not-opened", path, f"cannot be read ({error.strerror})")
        return None
    encoding = next((e for mark, e in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        if encoding != "utf-8":
            data = codecs.getincrementaldecoder(encoding)().decode(data, final=max_bytes < 0).encode()
        else:
            codecs.utf_8_decode(data, "strict", max_bytes < 0)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        log.add_error(
            "text-in-another-encoding",
            path,
            f"expected text in UTF-8 or UTF-16, found another encoding in line {row}: save it as UTF-8",
        )
        return None
    if b"\0" in data:
        log.add_error(
            "text-with-zero-bytes",
            path,
            "expected text, found zero bytes: is it a binary file, or UTF-16 without its mark?",
        )
        return None
    data = data[len(data[:HEADER_BYTES]) - len(data[:HEADER_BYTES].lstrip(b" \r\n")) :]
    if not data:
        log.add_error("text-empty", path, "is empty: expected a first row with the names of the columns")
        return None
    log.notes.extend(unterminated_line_note(path.name, data) if max_bytes < 0 else [])
    return data if data.endswith((b"\n", b"\r")) else data + b"\n"  # Arrow cannot read a header alone without it


def unterminated_line_note(name: str, data: bytes) -> list[Finding]:
    """A note where the last line of a text file has no line end, as programs write it: the only trace of a file cut
    short.
    """
    ends = not data or data.endswith((b"\n", b"\r"))
    if ends:
        return []
    text = f"{name}: the last line does not end; unless it was typed so, was the file cut short?"
    return [Finding.warning("last-line-without-end", name, text)]


def _separator(path: Path, header: str, log: ReadLog) -> str | None:
    """The one separator in the header; None where it holds several, since a name that holds one must be quoted."""
    unquoted = "".join(header.split('"')[::2])
    here = [s for s in SEPARATORS if s in unquoted]
    if len(here) > 1:
        log.add_error(
            "separators-mixed",
            path,
            f"the header holds {' and '.join(SEPARATORS[s] for s in here)}: which separates columns?",
        )
        return None
    separator = here[0] if here else ","
    if path.suffix.lower() == ".tsv" and separator != "\t" and here:
        log.add_error(
            "tsv-without-tabs", path, f"expected tabs between the columns of a .tsv, found {SEPARATORS[separator]}"
        )
        return None
    return separator


def _names_are_sound(path: Path, names: list[str], log: ReadLog) -> bool:
    twice = sorted({n for n in names if names.count(n) > 1 and n})
    if twice:
        log.errors.append(
            Finding.error(
                "columns-repeated",
                path.name,
                f"{path.name}: columns must have different names, found more than once: {listed(twice)}",
            )
        )
    nameless = [i + 1 for i, n in enumerate(names) if not n and i]
    if nameless or names == [""]:
        log.errors.append(
            Finding.error(
                "column-names-missing",
                path.name,
                f"{path.name}: expected a name for every column, found none for {listed(map(str, nameless))}",
            )
        )
    return not (twice or nameless or names == [""])


def _parse_columns(path: Path, data: bytes, separator: str, number: list[bool], log: ReadLog) -> list[Any] | None:
    import pyarrow as pa

    if data.count(b'"') % 2:
        log.add_error("quotation-marks-odd", path, "expected quotation marks in pairs, found an odd number of them")
        return None
    text = pa.dictionary(pa.int32(), pa.string())
    bad: list[Any] = []
    try:
        columns = _read_csv(data, separator, [pa.float64() if n else text for n in number], bad)
    except pa.ArrowInvalid:  # a value is no number: the reader of the column names it and its row
        bad.clear()
        try:
            columns = _read_csv(data, separator, [text] * len(number), bad)
        except pa.ArrowInvalid as error:
            log.add_error("text-table-not-read", path, f"cannot be read as a table ({error})")
            return None
    if bad:
        shown = listed([f"{r.actual_columns} in row {r.number} ({r.text[:60]!r})" for r in bad], 5)
        fields = f"{len(number)} fields separated by {SEPARATORS[separator]}"
        log.add_error("fields-differ-between-rows", path, f"expected {fields} in every row, found {shown}")
        return None
    return columns


def _read_csv(data: bytes, separator: str, types: list[Any], bad: list[Any]) -> list[Any]:
    """One array a column. Rows with another number of fields go to `bad`."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    names = [str(i) for i in range(len(types))]

    def keep(row: Any) -> str:
        bad.append(row)
        return "skip"

    table = arrow.read_csv(
        pa.BufferReader(data),
        read_options=arrow.ReadOptions(column_names=names, skip_rows_after_names=1, use_threads=False),
        parse_options=arrow.ParseOptions(
            delimiter=separator, newlines_in_values=b'"' in data, invalid_row_handler=keep
        ),
        convert_options=arrow.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)), strings_can_be_null=False, null_values=list(MISSING)
        ),
    )
    return [c.combine_chunks() for c in table.unify_dictionaries().columns]
