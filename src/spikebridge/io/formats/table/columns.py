"""Columns of a table file as pandas columns of the right type; errors name the rows that do not fit it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.table.text import MISSING, text_columns

ALIASES = {
    "unit": "unitid unitname unitids cluster clusterid clusters clu cell cellid neuron neuronid id",
    "time_s": "time times t timestamp timestamps ts spiketime spiketimes seconds sec timesec timeseconds",
    "start_time": "start starts startt startsec starttimes trialstart tstart onset onsettime begin begintime from",
    "stop_time": "stop stops end ends endtime stopt trialend trialstop tend tstop offset offsettime finish until to",
    "series": "name variable signal channel",
    "value": "values y data",
}
"""Name of a column -> what others call it, without case, blanks and underscores."""
TIME_OPTIONS = {"time_ms": "{time_unit: ms}", "time_us": "{time_unit: us}"}
TIME_OPTIONS |= {"time_samples": "{time_unit: samples, sampling_rate_hz: 30000}"}
SUFFIXES = (".csv", ".tsv", ".parquet")
PARQUET = (".parquet", ".pqt")
TIME_OF_DAY = re.compile(r"\d:\d\d|\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{2,4}")
SECONDS_HINT = ": write seconds on the clock of the spikes instead of dates and times of day"
BOOLS = {"true": True, "false": False}
THOUSANDS = re.compile(
    r"[-+]?\d{1,3}((,\d{3})+\.\d+|(\.\d{3})+,\d+|([ \u00a0\u202f'’]\d{3})+([.,]\d+)?|([.,]\d{3}){2,})"
)
THOUSANDS_HINT = ": write numbers without thousands separators and with a decimal point"
COMMA_NUMBER = re.compile(r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?")
CERTAIN_COMMA = re.compile(r"[-+]?(0?|\d{4,}),\d+.*|[-+]?\d+,(\d{1,2}|\d{4,})([eE].*)?")
"""1,234 may be 1.234 or 1234; each of 0,123 and 1234,5 and 1,5 can only have a decimal comma."""


def similar_name_hint(name: str, columns: Iterable[str]) -> str:
    """End of a sentence that suggests which column is meant by one that is not there; empty where no column is
    similar."""
    columns = [str(c) for c in columns]
    if name == "time_s" and (other := next((c for c in columns if c.lower() in TIME_OPTIONS), "")):
        option = TIME_OPTIONS[other.lower()]
        return f"; to read {other}, set data.options: {option} (inspect: {options_as_arguments(option)})"
    known = ALIASES.get(name, "").split()
    alike = [c for c in columns if "".join(filter(str.isalnum, c.lower())) in known]
    if alike:
        return f"; is it {alike[0]!r}? Call it {name}"
    near = difflib.get_close_matches(name, [c for c in columns if c not in ALIASES], n=1, cutoff=0.8)
    return f"; is it {near[0]!r}, misspelt?" if near else ""


def options_as_arguments(options: str) -> str:
    """{time_unit: ms} as arguments of the command line: --option time_unit=ms."""
    return " ".join(f"--option {pair.replace(': ', '=')}" for pair in options.strip("{}").split(", "))


def table_header(path: Path) -> list[str]:
    """Read the names of the columns of a table file.

    Parameters
    ----------
    path : Path
        A CSV, TSV or Parquet file.

    Returns
    -------
    list[str]
        The names; none where the file cannot be read.
    """
    if path.suffix.lower() in PARQUET:
        table = _parquet(path, ReadLog(), header_only=True)
        return [] if table is None else [str(c) for c in table.column_names]
    parsed = text_columns(path, ReadLog(), header_only=True)
    return [] if parsed is None else list(parsed[0])


def read_table(
    path: Path, log: ReadLog, numbers: Collection[str] = (), ids: Collection[str] = ()
) -> pd.DataFrame | None:
    """Read one CSV, TSV or Parquet file.

    Columns are whole numbers, truth values or numbers where every value is one, else text.

    Parameters
    ----------
    path : Path
        The file.
    log : ReadLog
        Receives what is wrong and unusual.
    numbers : Collection[str]
        Columns that must be numbers. In a file whose columns are not separated by commas, decimal commas in them are
        read as such where they cannot be anything else.
    ids : Collection[str]
        Columns that stay text unless all values are whole numbers.

    Returns
    -------
    pd.DataFrame or None
        None where the file cannot be read; the log then says why.
    """
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path, log)
    parsed = text_columns(path, log, numbers)
    if parsed is None:
        return None
    columns, separator = parsed
    if separator != ",":
        columns = _decimal_points(path, columns, numbers, log)
    return pd.DataFrame({n: _typed_column(c, n in numbers, n in ids) for n, c in columns.items()})


def number_column(frame: pd.DataFrame, name: str, path: Path, log: ReadLog) -> NDArray[np.float64] | None:
    """(row,) float64; None where the column is missing or holds something else, and the log says in which rows."""
    if name not in frame:
        log.add_error(
            "column-missing",
            path,
            f"expected a column {name}, found {listed(map(str, frame.columns))}{similar_name_hint(name, frame)}",
        )
        return None
    column = frame[name]
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.isna().all():
        return np.full(len(column), np.nan)
    if column.dtype.kind in "mM":
        log.add_error(
            "column-of-another-type", path, f"column {name}: expected numbers, found {column.dtype}{SECONDS_HINT}"
        )
        return None
    bad = pd.to_numeric(column, errors="coerce").isna() & ~column.isna() & ~column.isin(MISSING)
    rows = np.flatnonzero(bad if bad.any() else ~column.isna())
    shown = listed((f"{column.iloc[r]!r} in row {r + 2}" for r in rows), 5)
    some = [str(column.iloc[r]) for r in rows[:5]]
    hint = ": write numbers with a decimal point" if any("," in v for v in some) else ""
    hint = THOUSANDS_HINT if any(THOUSANDS.fullmatch(str(v)) for v in column.iloc[rows]) else hint
    hint = SECONDS_HINT if some and all(TIME_OF_DAY.search(v) for v in some) else hint
    log.add_error("column-values-not-numbers", path, f"column {name}: expected numbers, found {shown}{hint}")
    return None


def as_integers(column: pd.Series) -> NDArray[np.int64] | None:
    """Convert a column to integers where that loses nothing.

    Parameters
    ----------
    column : pd.Series, shape (row,)
        Any column.

    Returns
    -------
    NDArray, shape (row,), int64, or None
        None where a value is missing, no whole number, or too large.
    """
    if column.isna().any() or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    values = column.to_numpy()
    if values.dtype.kind == "f" and not (np.abs(values) < 2.0**53).all():
        return None
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else None


def _read_parquet(path: Path, log: ReadLog) -> pd.DataFrame | None:
    table = _parquet(path, log)
    if table is None:
        return None
    import pyarrow as pa

    keep, left = {}, []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or name.startswith("__index_level_"):
            left.append(name)
        else:
            keep[name] = column
    if left:
        text = f"{path.name}: columns without one value a row are left out: {listed(left)}"
        log.notes.append(Finding.warning("parquet-columns-left-out", path.name, text))
    return pa.table(keep).to_pandas(ignore_metadata=True) if keep else pd.DataFrame(index=range(table.num_rows))


def _parquet(path: Path, log: ReadLog, header_only: bool = False) -> Any:
    """The pyarrow table or, of the header alone, an empty one."""
    import pyarrow.parquet as pq

    try:
        handle = pq.ParquetFile(path)
        table = handle.schema_arrow.empty_table() if header_only else handle.read()
    except Exception as error:  # pyarrow raises its own and Python's
        log.add_error("parquet-not-read", path, f"cannot be read as Parquet ({str(error).splitlines()[0]})")
        return None
    names = table.column_names
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        log.add_error(
            "parquet-columns-repeated",
            path,
            f"columns must have different names, found more than once: {listed(twice)}",
        )
        return None
    return table


def _typed_column(column: Any, number: bool, identity: bool) -> pd.Series:
    """A column of text, converted to the type of all its values; see `read_table`. Only distinct values are looked
    at."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return pd.Series(column.to_numpy(zero_copy_only=False))
    text = pc.utf8_trim_whitespace(column.dictionary)
    index = column.indices.to_numpy()
    known = pc.if_else(pc.is_in(text, pa.array(MISSING)), None, text)
    name = pc.any(pc.match_substring_regex(text, r"^[-+]?0[0-9xX]")).as_py()  # 007 and 0x1F are names
    has_values = known.null_count < len(known)
    for wanted in (pa.int64(), pa.float64()) if has_values and (number or not name) else ():
        if (wanted == pa.int64() and (known.null_count or number)) or (wanted == pa.float64() and identity):
            continue
        try:
            return pd.Series(pc.cast(known, wanted).to_numpy(zero_copy_only=False)[index])
        except pa.ArrowInvalid:
            pass
    if not has_values and not identity:
        return pd.Series(np.full(len(index), np.nan))
    values = pd.Series(pc.if_else(pc.equal(text, ""), None, text).to_pandas(), dtype="str")
    return _text_or_bools(values, identity).take(index).reset_index(drop=True)


def _text_or_bools(text: pd.Series, identity: bool) -> pd.Series:
    """Truth values where all are, whole numbers written 1.0 where all ids are, else the text."""
    known = text.dropna()
    if identity:
        whole = known.str.fullmatch(r"[-+]?\d+\.0*").all() and not text.isna().any() and len(text)
        return text.astype(np.float64) if whole else text
    if len(known) and set(known.str.lower()) <= set(BOOLS):
        values = text.map(lambda w: None if w != w else BOOLS[str(w).lower()])
        return values.astype(object if text.isna().any() else bool)
    return text


def _decimal_points(path: Path, columns: dict[str, Any], numbers: Collection[str], log: ReadLog) -> dict[str, Any]:
    """The columns with points for decimal commas, where the columns of numbers leave no doubt that these are meant."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = {n: _distinct_values(c) for n, c in columns.items() if pa.types.is_dictionary(c.type)}
    seen = {v for n, values in words.items() if n in numbers for v in values}
    commas = [v for v in seen if "," in v]
    if any("." in v for v in seen) or not all(COMMA_NUMBER.fullmatch(v) for v in commas):
        return columns
    if not any(CERTAIN_COMMA.fullmatch(v) for v in commas):
        return columns
    text = f"{path.name}: decimal commas are read as decimal points"
    log.notes.append(Finding.warning("decimal-commas", path.name, text))
    changed = {n for n, values in words.items() if values and all(COMMA_NUMBER.fullmatch(v) for v in values)}
    return {
        n: pa.DictionaryArray.from_arrays(c.indices, pc.replace_substring(c.dictionary, ",", "."))
        if n in changed
        else c
        for n, c in columns.items()
    }


def _distinct_values(column: Any) -> set[str]:
    return {v.strip() for v in column.dictionary.to_pylist()} - set(MISSING)
