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

from spikebridge.errors.messages import listed
from spikebridge.io.formats.log import Log
from spikebridge.io.formats.table.text import MISSING, text_columns

ALSO_CALLED = {
    "unit": "unitid unitname unitids cluster clusterid clusters clu cell cellid neuron neuronid id",
    "time_s": "time times t timestamp timestamps ts spiketime spiketimes seconds sec timesec timeseconds",
    "start_time": "start starts startt startsec starttimes trialstart tstart onset onsettime begin begintime from",
    "stop_time": "stop stops end ends endtime stopt trialend trialstop tend tstop offset offsettime finish until to",
    "series": "name variable signal channel",
    "value": "values y data",
}
"""Name of a column -> what others call it, without case, blanks and underscores."""
UNITS = {"time_ms": "{time_unit: ms}", "time_us": "{time_unit: us}"}
UNITS |= {"time_samples": "{time_unit: samples, sampling_rate_hz: 30000}"}
SUFFIXES = (".csv", ".tsv", ".parquet")
PARQUET = (".parquet", ".pqt")
CLOCK_TIME = re.compile(r"\d:\d\d|\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{2,4}")
SECONDS = ": write seconds on the clock of the spikes instead of dates and times of day"
BOOLS = {"true": True, "false": False}
THOUSANDS = re.compile(
    r"[-+]?\d{1,3}((,\d{3})+\.\d+|(\.\d{3})+,\d+|([ \u00a0\u202f'’]\d{3})+([.,]\d+)?|([.,]\d{3}){2,})"
)
THOUSANDS_HINT = ": write numbers without thousands separators and with a decimal point"
COMMA_NUMBER = re.compile(r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?")
CERTAIN_COMMA = re.compile(r"[-+]?(0?|\d{4,}),\d+.*|[-+]?\d+,(\d{1,2}|\d{4,})([eE].*)?")
"""1,234 may be 1.234 or 1234; each of 0,123 and 1234,5 and 1,5 can only have a decimal comma."""


def called(name: str, columns: Iterable[str]) -> str:
    """What may be meant by a column that is not there, as the end of a sentence; empty where nothing is near."""
    columns = [str(c) for c in columns]
    if name == "time_s" and (other := next((c for c in columns if c.lower() in UNITS), "")):
        said = UNITS[other.lower()]
        return f"; to read {other}, set data.options: {said} (inspect: {as_options(said)})"
    known = ALSO_CALLED.get(name, "").split()
    alike = [c for c in columns if "".join(filter(str.isalnum, c.lower())) in known]
    if alike:
        return f"; is it {alike[0]!r}? Call it {name}"
    near = difflib.get_close_matches(name, [c for c in columns if c not in ALSO_CALLED], n=1, cutoff=0.8)
    return f"; is it {near[0]!r}, misspelt?" if near else ""


def as_options(said: str) -> str:
    """{time_unit: ms} as arguments of the command line: --option time_unit=ms."""
    return " ".join(f"--option {pair.replace(': ', '=')}" for pair in said.strip("{}").split(", "))


def header(path: Path) -> list[str]:
    """The names of the columns of a table file; none where it cannot be read."""
    if path.suffix.lower() in PARQUET:
        table = _parquet(path, Log(), header_only=True)
        return [] if table is None else [str(c) for c in table.column_names]
    found = text_columns(path, Log(), header_only=True)
    return [] if found is None else list(found[0])


def read_table(path: Path, log: Log, numbers: Collection[str] = (), ids: Collection[str] = ()) -> pd.DataFrame | None:
    """One CSV, TSV or Parquet file; None where it cannot be read, and the log says why.

    numbers: columns that must be numbers; in a file whose columns are not separated by commas, decimal commas in them
    are read as such where they cannot be anything else. ids: columns that stay text unless all are whole numbers.
    Other columns are whole numbers, truth values or numbers where every value is one, else text.
    """
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path, log)
    found = text_columns(path, log, numbers)
    if found is None:
        return None
    columns, separator = found
    if separator != ",":
        columns = _decimal_points(path, columns, numbers, log)
    return pd.DataFrame({n: _typed(c, n in numbers, n in ids) for n, c in columns.items()})


def number_column(frame: pd.DataFrame, name: str, path: Path, log: Log) -> NDArray[np.float64] | None:
    """A column as float64; None where it is missing or holds something else, and the log says in which rows."""
    if name not in frame:
        log.fail(path, f"expected a column {name}, found {listed(map(str, frame.columns))}{called(name, frame)}")
        return None
    column = frame[name]
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column.isna().all():
        return np.full(len(column), np.nan)
    if column.dtype.kind in "mM":
        log.fail(path, f"column {name}: expected numbers, found {column.dtype}{SECONDS}")
        return None
    bad = pd.to_numeric(column, errors="coerce").isna() & ~column.isna() & ~column.isin(MISSING)
    rows = np.flatnonzero(bad if bad.any() else ~column.isna())
    shown = listed((f"{column.iloc[r]!r} in row {r + 2}" for r in rows), 5)
    some = [str(column.iloc[r]) for r in rows[:5]]
    hint = ": write numbers with a decimal point" if any("," in v for v in some) else ""
    hint = THOUSANDS_HINT if any(THOUSANDS.fullmatch(str(v)) for v in column.iloc[rows]) else hint
    hint = SECONDS if some and all(CLOCK_TIME.search(v) for v in some) else hint
    log.fail(path, f"column {name}: expected numbers, found {shown}{hint}")
    return None


def integers(column: pd.Series) -> NDArray[np.int64] | None:
    """The column as int64 where every value is a whole number that fits, else None."""
    if column.isna().any() or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    values = column.to_numpy()
    if values.dtype.kind == "f" and not (np.abs(values) < 2.0**53).all():
        return None
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else None


def _read_parquet(path: Path, log: Log) -> pd.DataFrame | None:
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
        log.notes.append(f"{path.name}: columns without one value a row are left out: {listed(left)}")
    return pa.table(keep).to_pandas(ignore_metadata=True) if keep else pd.DataFrame(index=range(table.num_rows))


def _parquet(path: Path, log: Log, header_only: bool = False) -> Any:
    """The pyarrow table or, of the header alone, an empty one."""
    import pyarrow.parquet as pq

    try:
        handle = pq.ParquetFile(path)
        table = handle.schema_arrow.empty_table() if header_only else handle.read()
    except Exception as error:  # pyarrow raises its own and Python's
        log.fail(path, f"cannot be read as Parquet ({str(error).splitlines()[0]})")
        return None
    names = table.column_names
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        log.fail(path, f"columns must have different names, found more than once: {listed(twice)}")
        return None
    return table


def _typed(column: Any, number: bool, identity: bool) -> pd.Series:
    """A column of text as what all its values are; see `read_table`. Only its different values are looked at."""
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
    return _words(values, identity).take(index).reset_index(drop=True)


def _words(text: pd.Series, identity: bool) -> pd.Series:
    """Truth values where all are, whole numbers written 1.0 where all ids are, else the text."""
    known = text.dropna()
    if identity:
        whole = known.str.fullmatch(r"[-+]?\d+\.0*").all() and not text.isna().any() and len(text)
        return text.astype(np.float64) if whole else text
    if len(known) and set(known.str.lower()) <= set(BOOLS):
        values = text.map(lambda w: None if w != w else BOOLS[str(w).lower()])
        return values.astype(object if text.isna().any() else bool)
    return text


def _decimal_points(path: Path, columns: dict[str, Any], numbers: Collection[str], log: Log) -> dict[str, Any]:
    """The columns with points for decimal commas, where the columns of numbers leave no doubt that these are meant."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = {n: _different(c) for n, c in columns.items() if pa.types.is_dictionary(c.type)}
    seen = {v for n, values in words.items() if n in numbers for v in values}
    commas = [v for v in seen if "," in v]
    if any("." in v for v in seen) or not all(COMMA_NUMBER.fullmatch(v) for v in commas):
        return columns
    if not any(CERTAIN_COMMA.fullmatch(v) for v in commas):
        return columns
    log.notes.append(f"{path.name}: decimal commas are read as decimal points")
    changed = {n for n, values in words.items() if values and all(COMMA_NUMBER.fullmatch(v) for v in values)}
    return {
        n: pa.DictionaryArray.from_arrays(c.indices, pc.replace_substring(c.dictionary, ",", "."))
        if n in changed
        else c
        for n, c in columns.items()
    }


def _different(column: Any) -> set[str]:
    return {v.strip() for v in column.dictionary.to_pylist()} - set(MISSING)
