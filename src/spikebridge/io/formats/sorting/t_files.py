"""Parts of the reader `mclust`: the integers of its files, of 32 or 64 bits and either order of bytes.

Nothing in a plain .t file says how wide its integers are. Spike times of a unit rise, and the upper halves of 64-bit
times are zero or repeat from spike to spike, so that a file with enough spikes shows it; one version of MClust writes
all files of a session, so that the others follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["big", "little"]

MIN_SPIKES = 8
"""Spikes from which the order of a file's times says how they are stored."""
BEGIN = b"%%BEGINHEADER"
END = re.compile(rb"%%ENDHEADER[ \t]*\r?\n", re.IGNORECASE)
OTHER: dict[Order, Order] = {"big": "little", "little": "big"}


def is_raw(file: Path) -> bool:
    return file.suffix.lower().startswith(".raw")


def read_steps(files: Sequence[Path], order: Order, wrong: list[str]) -> list[NDArray[np.float64]]:
    """(spike,) of each file, whole steps. What is wrong goes to `wrong`, and such a file has no spikes."""
    contents = [_content(file, wrong) for file in files]
    plain = [_own_width(c, order) for f, c in zip(files, contents, strict=True) if f.suffix.lower() == ".t"]
    usual = 8 if 8 in plain and 4 not in plain else 4
    return [_steps(f, c, order, usual, wrong) for f, c in zip(files, contents, strict=True)]


def _content(file: Path, wrong: list[str]) -> bytes:
    """What follows the header."""
    try:
        content = file.read_bytes()
    except OSError as error:
        wrong.append(f"{file.name} cannot be read: {error.strerror}")
        return b""
    if content[: len(BEGIN)].upper() != BEGIN:
        return content
    end = END.search(content)
    if end is None:
        wrong.append(f"{file.name}: expected %%ENDHEADER after %%BEGINHEADER, found none")
        return b""
    return content[end.end() :]


def _steps(file: Path, content: bytes, order: Order, usual: int, wrong: list[str]) -> NDArray[np.float64]:
    suffix = file.suffix.lower()
    width = 8 if suffix.endswith("64") else 4 if suffix != ".t" else (_own_width(content, order) or usual)
    if len(content) % width:
        wrong.append(f"{file.name}: expected whole numbers of {width * 8} bits, found {len(content)} bytes: cut short?")
        return np.empty(0)
    times, other = _integers(content, width, order), _integers(content, width, OTHER[order])
    if len(times) >= MIN_SPIKES and not _rise(times) and _rise(other):
        wrong.append(
            f"{file.name}: times do not rise as {order}-endian integers, and do as {OTHER[order]}-endian ones "
            f"({other[0]} to {other[-1]}): set data.options: {{byte_order: {OTHER[order]}}}"
        )
        return np.empty(0)
    return times.astype(np.float64)


def _own_width(content: bytes, order: Order) -> int | None:
    """Bytes of an integer as far as the content of a plain .t file tells; None where it does not."""
    if len(content) % 8:
        return 4
    if not content:
        return None
    times, narrow = _integers(content, 8, order), _integers(content, 4, order)
    upper = times >> np.uint64(32)
    if not upper.any():
        return 8
    if len(narrow) < MIN_SPIKES:
        return None
    repeats = 2 * len(np.unique(upper)) <= len(upper)
    return 8 if not _rise(narrow) and _rise(times) and repeats else 4


def _integers(content: bytes, width: int, order: Order) -> NDArray[Any]:
    return np.frombuffer(content, dtype=f"{'>' if order == 'big' else '<'}u{width}")


def _rise(times: NDArray[Any]) -> bool:
    return bool((times[1:] >= times[:-1]).all())
