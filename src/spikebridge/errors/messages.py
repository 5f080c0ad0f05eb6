"""Parts of messages: suggestions for a misspelt name, lists of names, and counts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], otherwise: str = ".") -> str:
    """', did you mean X?' if a known name is similar, ignoring case; else `otherwise`, the end of the sentence."""
    lowered = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1)
    return f", did you mean {lowered[near[0]]}?" if near else otherwise


def listed(names: Iterable[str], most: int = 30) -> str:
    """The names, separated by commas; at most `most`, followed by the number of the others."""
    names = list(names)
    tail = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + tail


def counted(n: int, what: str, several: str = "") -> str:
    """'1 spike', '2 spikes'; `several` is the plural if it is not formed with s."""
    return f"{n} {what if n == 1 else several or what + 's'}"
