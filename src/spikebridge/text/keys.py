"""Names that people gave, as keys that other systems take: metrics, parameters and tags of MLflow, and file names.

A recording may be called `rat1 (1)` or `R2+opto`. Letters, digits, `_`, `-`, `.` and blanks between them stay as they
are; any other character is `.x<its number in hexadecimal>.`. So different names have different keys, and
`original_name` gives the name back.
"""

from __future__ import annotations

import hashlib
import re

MAX_KEY = 150
"""Characters of the key of a name: MLflow's 250, less the words around it."""
MAX_NAME_BYTES = 200
"""Bytes of a name: file systems take 255, and endings are added."""
MAX_MLFLOW_KEY = 250
ESCAPED = re.compile(r"\.x([0-9a-f]*)\.")


def safe_key(name: str) -> str:
    """The key of a name: not empty, and without `/`; ordinary names are their own keys.

    Parameters
    ----------
    name : str
        Any text.

    Returns
    -------
    str
        The key; `original_name` gives the name back.
    """
    if not name:
        return ".x."
    end = len(name) - 1
    return "".join(
        c if _plain(c) and not (name.startswith(".x", i)) and not (i in {0, end} and c in ". ") else f".x{ord(c):x}."
        for i, c in enumerate(name)
    )


def original_name(text: str) -> str:
    """The name that has this key.

    Parameters
    ----------
    text : str
        What `safe_key` returned.

    Returns
    -------
    str
        The name.
    """
    return ESCAPED.sub(lambda match: chr(int(match[1], 16)) if match[1] else "", text)


def safe_path(*parts: str) -> str:
    """A key of several names, one below the other, joined by `/`.

    Parameters
    ----------
    *parts : str
        The names.

    Returns
    -------
    str
        The key.
    """
    return "/".join(safe_key(part) for part in parts)


def shortened_key(text: str) -> str:
    """A key that MLflow accepts: a longer one is cut, and ends with the first digits of its SHA-256.

    Parameters
    ----------
    text : str
        A key.

    Returns
    -------
    str
        At most `MAX_MLFLOW_KEY` characters.
    """
    if len(text) <= MAX_MLFLOW_KEY:
        return text
    return f"{text[: MAX_MLFLOW_KEY - 17]}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def name_problem(name: str) -> str:
    """Why a recording cannot have a name.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        "" where it can.
    """
    if not name.strip():
        return "is empty"
    if "|" in name or "/" in name or name.startswith("."):
        return "must not contain '|' or '/' nor begin with a dot"
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in name):
        return "must not contain control characters, such as a line break"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"must have at most {MAX_NAME_BYTES} bytes, as files are named after it, and has {len(name.encode())}"
    if len(safe_key(name)) > MAX_KEY:
        return (
            f"must have at most {MAX_KEY} characters (signs other than letters, digits, '_', '-' and '.' count for "
            f"four or more), and has {len(safe_key(name))}"
        )
    return ""


def _plain(c: str) -> bool:
    return c.isalnum() or c in "_-. "
