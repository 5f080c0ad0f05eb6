"""Parts of the reader of the Frank lab's layout: which files belong to a day, and what they hold of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.errors.messages import listed
from spikebridge.io.formats.log import Log
from spikebridge.io.formats.mat.files import load, variables_of, version_of
from spikebridge.io.formats.mat.nodes import Cell, Node, Struct, words

SPIKES = re.compile(r"(?P<animal>.*?)spikes(?P<day>\d+)")
OF_ANIMAL = ("cellinfo", "tetinfo")
"""One file for all days: <animal>cellinfo.mat."""
OF_DAY = (
    "pos",
    "task",
    "linpos",
    "trajinfo",
    "trials",
    "runtrialbounds",
    "runtrajbounds",
    "dio",
    "sleep",
    "sws",
    "rem",
)
"""One file a day: <animal>pos03.mat. In lower case; DIO is one of them."""
STRAY = re.compile(rf"{'|'.join(OF_ANIMAL)}|({'|'.join(OF_DAY)})\d", re.IGNORECASE)
Structs = Mapping[tuple[int, ...], Mapping[str, Node]]
"""(epoch, ...) -> the struct there."""


@dataclass(frozen=True)
class Session:
    """One day of one animal, by its spikes file."""

    path: Path
    animal: str
    day: str

    @property
    def name(self) -> str:
        return f"{self.animal}{self.day}"

    def beside(self) -> dict[str, Path]:
        """Kind -> file, of the kinds that are read."""
        wanted = {f"{self.animal}{kind}".lower(): kind for kind in OF_ANIMAL}
        wanted |= {f"{self.animal}{kind}{self.day}".lower(): kind for kind in OF_DAY}
        files = (p for p in sorted(self.path.parent.iterdir()) if p.suffix.lower() == ".mat" and p.is_file())
        return {wanted[p.stem.lower()]: p for p in files if p.stem.lower() in wanted}


def session_of(path: Path) -> Session | None:
    """None where the name is not that of a spikes file."""
    found = SPIKES.fullmatch(path.stem) if path.suffix.lower() == ".mat" else None
    return Session(path, found["animal"], found["day"]) if found else None


def is_spikes_file(path: Path) -> bool:
    """By name and content: a cell array called spikes. A damaged file of that name counts, for `read` to refuse."""
    session = session_of(path)
    if session is None or version_of(path) not in ("5", "7.3"):
        return False
    held = variables_of(path)
    name = variable_name(held, session, "spikes")
    return not held or (name is not None and held[name] == "cell")


def belongs(path: Path) -> bool:
    """Whether a file is part of this layout: of an animal whose spikes file lies beside it."""
    if session_of(path) is not None:
        return is_spikes_file(path)
    try:
        sessions = [s for p in path.parent.glob("*spikes*.mat") if (s := session_of(p))]
    except OSError:
        return False
    for session in sessions:
        rest = path.stem[len(session.animal) :].lower()
        kind = rest in OF_ANIMAL or re.fullmatch(r"[a-z_]+\d+(-\d+)*", rest)
        if path.stem.startswith(session.animal) and kind and is_spikes_file(session.path):
            return True
    return False


def is_stray(path: Path) -> bool:
    """Whether a file lies beside spikes files and is named after a kind of this layout, though not as it should be.

    Scripts of labs leave such files (bon..cellinfo_sj.mat); they are no recordings and must not block the days.
    """
    if not STRAY.search(path.stem):
        return False
    try:
        days = any(is_spikes_file(p) for p in path.parent.glob("*spikes*.mat") if not p.name.startswith("."))
    except OSError:
        return False
    return days and not is_spikes_file(path)


def variable_name(held: Mapping[str, object], session: Session, kind: str) -> str | None:
    """A variable is called like its kind, or with the animal's name before it."""
    known = {name.lower(): name for name in held}
    return known.get(kind) or known.get(f"{session.animal}{kind}".lower())


def day_of(path: Path, session: Session, kind: str, log: Log) -> Node:
    """What the file holds of the day of the session, spikes{3} for day 3; an empty Cell where that is nothing."""
    held = load(path)
    name = variable_name(held, session, kind)
    nothing = Cell((0, 0), ())
    if name is None:
        log.fail(path, f"expected a variable {kind}, found {listed(held)}")
        return nothing
    days = held[name]
    if not isinstance(days, Cell):
        log.fail(path, f"expected {name} to be a cell array of days, found {words(days)}")
        return nothing
    day = int(session.day)
    if 1 <= day <= len(days.items) and not is_empty(days.items[day - 1]):
        return days.items[day - 1]
    full = [str(k) for k, item in enumerate(days.items, start=1) if not is_empty(item)]
    said = f"{name}{{{day}}} is empty; days with content: {listed(full)}"
    if kind == "spikes":
        log.fail(path, f"expected day {day}, as the file is called, but {said}")
    else:
        log.notes.append(f"{path.name} is not used: {said}")
    return nothing


def is_empty(node: Node) -> bool:
    """[] of whatever class."""
    if isinstance(node, (Cell, Struct)):
        return not node.items
    return not node.size if isinstance(node, np.ndarray) else node == ""


def levels(node: Node, depth: int, where: str, log: Log) -> Iterator[tuple[tuple[int, ...], Mapping[str, Node]]]:
    """(epoch, ...) -> struct, of `depth` levels of cell arrays, counted from 1; whatever is empty is left out."""
    if is_empty(node):
        return
    if depth == 0:
        if isinstance(node, Struct) and len(node.items) == 1:
            yield (), node.items[0]
        else:
            log.wrong.append(f"{where}: expected a struct, found {words(node)}")
    elif isinstance(node, Cell):
        for k, item in enumerate(node.items, start=1):
            for index, found in levels(item, depth - 1, f"{where}{{{k}}}", log):
                yield (k, *index), found
    else:
        log.wrong.append(f"{where}: expected a cell array, found {words(node)}")


def scalar(node: Node) -> str | float | bool | None:
    """The one text or number that a node holds; None where it holds none or several."""
    if isinstance(node, Cell) and len(node.items) == 1:
        return scalar(node.items[0])
    if isinstance(node, str):
        return node.strip() or None
    if isinstance(node, np.ndarray) and node.size == 1 and node.dtype.kind in "biuf":
        value: bool | float = node.ravel()[0].item()
        return value
    return None


def text(node: Node) -> str:
    """Text, also where it is a cell array of texts; "" for anything else."""
    if isinstance(node, Cell):
        return " ".join(t for t in map(text, node.items) if t)
    return node if isinstance(node, str) else ""


def column_names(fields: Node) -> list[str]:
    """'time x y amplitude(highest channel)' -> time, x, y, amplitude; empty where a name stands for several."""
    bare = re.sub(r"\([^)]*\)", "", text(fields))
    return [] if "[" in bare else bare.replace(",", " ").split()


def plain_column(values: Sequence[str | float | bool | None]) -> pd.Series:
    """Text where there is any text, else numbers; what is missing is "" or NaN."""
    if any(isinstance(v, str) for v in values):
        return pd.Series(["" if v is None else str(v) for v in values], dtype="str")
    logical = all(isinstance(v, bool) for v in values)
    return pd.Series([np.nan if v is None else v for v in values], dtype=bool if logical else float)
