"""Parts of the reader of the Frank lab's layout: which files belong to a day, and what they hold of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.log import ReadLog
from spikebridge.io.formats.mat import Cell, Struct, load_mat, mat_version, variable_classes
from spikebridge.io.formats.mat.nodes import Node, describe

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
class DaySession:
    """One day of one animal, by its spikes file.

    Parameters
    ----------
    path : Path
        The spikes file, <animal>spikes<day>.mat.
    animal : str
        Name of the animal; may be empty.
    day : str
        Digits of the day.
    """

    path: Path
    animal: str
    day: str

    @property
    def name(self) -> str:
        return f"{self.animal}{self.day}"

    def other_files(self) -> dict[str, Path]:
        """Find the other files of the layout that are read.

        Returns
        -------
        dict[str, Path]
            Kind (cellinfo, pos, task, ...) -> file.
        """
        wanted = {f"{self.animal}{kind}".lower(): kind for kind in OF_ANIMAL}
        wanted |= {f"{self.animal}{kind}{self.day}".lower(): kind for kind in OF_DAY}
        files = (p for p in sorted(self.path.parent.iterdir()) if p.suffix.lower() == ".mat" and p.is_file())
        return {wanted[p.stem.lower()]: p for p in files if p.stem.lower() in wanted}


def day_session(path: Path) -> DaySession | None:
    """Take apart the name of a spikes file.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    DaySession or None
        None where the name is not that of a spikes file.
    """
    match = SPIKES.fullmatch(path.stem) if path.suffix.lower() == ".mat" else None
    return DaySession(path, match["animal"], match["day"]) if match else None


def is_spikes_file(path: Path) -> bool:
    """Decide by name and content whether a file is a spikes file of this layout.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        Whether it holds a cell array called spikes. A damaged file of such a name counts, so that `read` can refuse it.
    """
    session = day_session(path)
    if session is None or mat_version(path) not in ("5", "7.3"):
        return False
    held = variable_classes(path)
    name = variable_name(held, session, "spikes")
    return not held or (name is not None and held[name] == "cell")


def belongs_to_layout(path: Path) -> bool:
    """Decide whether a file is part of this layout.

    Parameters
    ----------
    path : Path
        A MATLAB file.

    Returns
    -------
    bool
        Whether the spikes file of its animal lies beside it.
    """
    if day_session(path) is not None:
        return is_spikes_file(path)
    try:
        sessions = [s for p in path.parent.glob("*spikes*.mat") if (s := day_session(p))]
    except OSError:
        return False
    for session in sessions:
        rest = path.stem[len(session.animal) :].lower()
        kind = rest in OF_ANIMAL or re.fullmatch(r"[a-z_]+\d+(-\d+)*", rest)
        if path.stem.startswith(session.animal) and kind and is_spikes_file(session.path):
            return True
    return False


def is_stray_file(path: Path) -> bool:
    """Decide whether a file lies beside spikes files and is named after a kind of this layout, though not as it should
    be.

    Scripts of labs leave such files (bon..cellinfo_sj.mat); they are no recordings and must not block the days.

    Parameters
    ----------
    path : Path
        A MATLAB file.

    Returns
    -------
    bool
        True for such a file.
    """
    if not STRAY.search(path.stem):
        return False
    try:
        days = any(is_spikes_file(p) for p in path.parent.glob("*spikes*.mat") if not p.name.startswith("."))
    except OSError:
        return False
    return days and not is_spikes_file(path)


def variable_name(held: Mapping[str, object], session: DaySession, kind: str) -> str | None:
    """A variable is called like its kind, or with the animal's name before it."""
    known = {name.lower(): name for name in held}
    return known.get(kind) or known.get(f"{session.animal}{kind}".lower())


def load_day(path: Path, session: DaySession, kind: str, log: ReadLog) -> Node:
    """The content of a file for the day of the session, spikes{3} for day 3; an empty Cell where there is none."""
    held = load_mat(path)
    name = variable_name(held, session, kind)
    nothing = Cell((0, 0), ())
    if name is None:
        log.add_error("frank-variable-missing", path, f"expected a variable {kind}, found {listed(held)}")
        return nothing
    days = held[name]
    if not isinstance(days, Cell):
        log.add_error(
            "frank-not-a-cell-of-days", path, f"expected {name} to be a cell array of days, found {describe(days)}"
        )
        return nothing
    day = int(session.day)
    if 1 <= day <= len(days.items) and not is_empty(days.items[day - 1]):
        return days.items[day - 1]
    full = [str(k) for k, item in enumerate(days.items, start=1) if not is_empty(item)]
    where_content_is = f"{name}{{{day}}} is empty; days with content: {listed(full)}"
    if kind == "spikes":
        log.add_error("frank-day-missing", path, f"expected day {day}, as the file is called, but {where_content_is}")
    else:
        text = f"{path.name} is not used: {where_content_is}"
        log.notes.append(Finding.warning("file-without-the-day", path.name, text))
    return nothing


def is_empty(node: Node) -> bool:
    """[] of whatever class."""
    if isinstance(node, (Cell, Struct)):
        return not node.items
    return not node.size if isinstance(node, np.ndarray) else node == ""


def nested_structs(
    node: Node, depth: int, where: str, log: ReadLog
) -> Iterator[tuple[tuple[int, ...], Mapping[str, Node]]]:
    """(epoch, ...) -> struct, of `depth` levels of cell arrays, counted from 1; whatever is empty is left out."""
    if is_empty(node):
        return
    if depth == 0:
        if isinstance(node, Struct) and len(node.items) == 1:
            yield (), node.items[0]
        else:
            log.errors.append(
                Finding.error("frank-not-a-struct", where, f"{where}: expected a struct, found {describe(node)}")
            )
    elif isinstance(node, Cell):
        for k, item in enumerate(node.items, start=1):
            for index, struct in nested_structs(item, depth - 1, f"{where}{{{k}}}", log):
                yield (k, *index), struct
    else:
        log.errors.append(
            Finding.error("frank-not-a-cell", where, f"{where}: expected a cell array, found {describe(node)}")
        )


def single_value(node: Node) -> str | float | bool | None:
    """The only text or number of a node; None where it holds none or several."""
    if isinstance(node, Cell) and len(node.items) == 1:
        return single_value(node.items[0])
    if isinstance(node, str):
        return node.strip() or None
    if isinstance(node, np.ndarray) and node.size == 1 and node.dtype.kind in "biuf":
        value: bool | float = node.ravel()[0].item()
        return value
    return None


def joined_text(node: Node) -> str:
    """Text, also where it is a cell array of texts; "" for anything else."""
    if isinstance(node, Cell):
        return " ".join(t for t in map(joined_text, node.items) if t)
    return node if isinstance(node, str) else ""


def column_names(fields: Node) -> list[str]:
    """'time x y amplitude(highest channel)' -> time, x, y, amplitude; empty where one name stands for several
    columns."""
    bare = re.sub(r"\([^)]*\)", "", joined_text(fields))
    return [] if "[" in bare else bare.replace(",", " ").split()


def text_or_number_column(values: Sequence[str | float | bool | None]) -> pd.Series:
    """Text where there is any text, else numbers; what is missing is "" or NaN."""
    if any(isinstance(v, str) for v in values):
        return pd.Series(["" if v is None else str(v) for v in values], dtype="str")
    logical = all(isinstance(v, bool) for v in values)
    return pd.Series([np.nan if v is None else v for v in values], dtype=bool if logical else float)
