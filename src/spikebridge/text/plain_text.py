"""Names and labels of a user where they reach a spreadsheet, Markdown or a terminal: shown as text, never as commands.

A cell of a spreadsheet that begins with = + - @, a tab or a carriage return is a formula there. Tables are written with
an apostrophe before such texts, and read again without it; numbers stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r]")
GUARDED = re.compile(r"'+[=+\-@\t\r]")
MARKDOWN = re.compile(r"[\\`*\[\]<>|~#&$]|(?<!\w)_|_(?!\w)")
"""Characters with a meaning in Markdown; an underscore inside a word has none."""
UNSEEN = {"\u200b", "\u2060", "\ufeff"}
"""Characters without width, which no name needs."""
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def write_csv(table: pd.DataFrame, path: Path, **how: Any) -> None:
    """Write a table for people: texts that a spreadsheet would read as formulas begin with an apostrophe.

    Parameters
    ----------
    table : DataFrame
        The table.
    path : Path
        The file.
    **how : Any
        Passed to `DataFrame.to_csv`.
    """
    guarded = table.rename(columns={c: _guarded(c) for c in table.columns})
    for at, column in enumerate(guarded.columns):
        values = guarded.iloc[:, at]
        if pd.api.types.is_numeric_dtype(values) or guarded.columns.has_duplicates:
            continue
        if any(isinstance(v, str) and _guarded(v) != v for v in values):
            guarded = guarded.assign(**{str(column): values.map(_guarded)})
    guarded.to_csv(path, index=False, **how)


def read_csv(path: Path, **how: Any) -> pd.DataFrame:
    """Read what `write_csv` wrote, with the original texts.

    Parameters
    ----------
    path : Path
        The file.
    **how : Any
        Passed to `pandas.read_csv`.

    Returns
    -------
    DataFrame
        The table.
    """
    table = pd.read_csv(path, **how)
    table = table.rename(columns={c: _plain(c) for c in table.columns})
    for column in table.columns[[not pd.api.types.is_numeric_dtype(t) for t in table.dtypes]]:
        if any(isinstance(v, str) and GUARDED.match(v) for v in table[column]):
            table = table.assign(**{str(column): table[column].map(_plain)})
    return table


def _guarded(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) and not _is_number(value) else value


def _plain(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and GUARDED.match(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def escape_markdown(text: str) -> str:
    """A text as Markdown shows it: no link, no HTML, no new column of a table.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        On one line.
    """
    return " ".join(MARKDOWN.sub(r"\\\g<0>", str(text)).split())


def code_span(text: str) -> str:
    """A text between as many backticks as it needs.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        On one line.
    """
    plain = " ".join(str(text).split())
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    if not longest:
        return f"`{plain}`"
    fence = "`" * (longest + 1)
    return f"{fence} {plain} {fence}"


def forbidden_character(text: str) -> str:
    """The first character of a text that no name may contain.

    Forbidden are control characters (also tabs and line breaks), marks that change the direction of writing, line
    separators, and blanks without width: names that contain them look like other names.

    Parameters
    ----------
    text : str
        A name.

    Returns
    -------
    str
        The character in words, with its position; "" where there is none.
    """
    for place, character in enumerate(text, start=1):
        kind = unicodedata.category(character)
        turned = unicodedata.bidirectional(character) in BIDIRECTIONAL or character in "\u200e\u200f\u061c"
        if kind in ("Cc", "Zl", "Zp", "Cs") or turned or character in UNSEEN:
            called = unicodedata.name(character, "control character").lower()
            return f"character {place} is U+{ord(character):04X} ({called})"
    return ""
