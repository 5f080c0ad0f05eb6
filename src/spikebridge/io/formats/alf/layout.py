"""Where the parts of an ALF session lie: its folder `alf`, its probes, and of each probe the sorting that is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spikebridge.errors.messages import listed
from spikebridge.io.formats.alf.names import parse, revisions
from spikebridge.io.formats.table.log import Log

PROBE = re.compile(r"(probe|imec|prb)[ _-]?[0-9a-z]{0,3}", re.IGNORECASE)
SORTERS = ("iblsorter", "pykilosort", "")
"""Folders of sortings within a probe's folder, the one that is taken first; "" is the probe's folder itself."""
DATE = re.compile(r"\d{4}-\d\d-\d\d")
NUMBER = re.compile(r"\d{1,3}")


@dataclass(frozen=True)
class Session:
    """folder: what the recording's path is. home: where its trials are. probes: name of a probe -> sortings by name.

    A session whose spikes lie beside its trials has one probe without a name.
    """

    folder: Path
    home: Path
    probes: dict[str, dict[str, Path]]


def session_at(path: Path) -> Session | None:
    """The session at a path: its own folder, its folder alf, or the folder of one probe. Never raises."""
    try:
        if not path.is_dir():
            return None
        home = path / "alf" if (path / "alf").is_dir() else path
        if _has_spikes(home):
            name = path.name if PROBE.fullmatch(path.name) else ""
            return Session(path, _home_of(home), {name: {"": home}})
        if PROBE.fullmatch(path.name) and (sortings := _sortings(path)):
            return Session(path, _home_of(path), {path.name: sortings})
        probes = {p.name: s for p in sorted(home.iterdir()) if PROBE.fullmatch(p.name) and (s := _sortings(p))}
        return Session(path, home, probes) if probes else None
    except OSError:
        return None


def _has_spikes(folder: Path) -> bool:
    """Whether spikes.times and spikes.clusters are there, in the folder or its revisions."""
    if not folder.is_dir():
        return False
    found = {
        one.attribute for place in [folder, *revisions(folder)] for p in place.glob("*spikes.*") if (one := parse(p))
    }
    return {"times", "clusters"} <= found


def _sortings(probe: Path) -> dict[str, Path]:
    """Name of a sorting -> its folder; "" for one that lies in the folder of the probe itself."""
    if not probe.is_dir():
        return {}
    own = {"": probe} if _has_spikes(probe) else {}
    inside = {p.name: p for p in sorted(probe.iterdir()) if p.is_dir() and not p.name.startswith((".", "#"))}
    return own | {name: p for name, p in inside.items() if _has_spikes(p)}


def _home_of(folder: Path) -> Path:
    """The folder alf above the folder of a probe or sorting; else the folder itself."""
    return next((p for p in [folder, *folder.parents[:2]] if p.name == "alf"), folder)


def chosen_sorting(probe: str, sortings: dict[str, Path], asked: str | None, log: Log) -> Path | None:
    """The folder whose spikes are read; None where it cannot be told, and the log says why."""
    if asked is not None:
        if asked not in sortings:
            log.wrong.append(f"data.options.sorter = {asked!r}: {probe} has {listed(map(_called, sortings))}")
        return sortings.get(asked)
    if len(sortings) == 1:
        return next(iter(sortings.values()))
    known = [name for name in SORTERS if name in sortings]
    if not known or len(sortings) > len(known):
        log.wrong.append(
            f"{probe} has several sortings ({listed(map(_called, sortings))}): name one in data.options: {{sorter: "
            f"{next(name for name in sortings if name)}}}"
        )
        return None
    others = [_called(name) for name in sortings if name != known[0]]
    log.notes.append(
        f"{probe}: the sorting {_called(known[0])} is read; {listed(others)} is there too: see data.options.sorter"
    )
    return sortings[known[0]]


def _called(sorter: str) -> str:
    return sorter or "'' (the folder of the probe itself)"


def name_and_animal(path: Path) -> tuple[str, str]:
    """Names of a session by the folders that lead to it: .../Subjects/mouse_x/2021-03-04/001/alf is
    mouse_x_2021-03-04_001 of the animal mouse_x; a folder Cori_2016-12-14 is of Cori. Else the folder, and "unknown".
    """
    parts = list(path.absolute().parts)
    probe = ""
    while len(parts) > 1 and (parts[-1] in ("alf", *SORTERS) or PROBE.fullmatch(parts[-1])):
        probe = parts[-1] if PROBE.fullmatch(parts[-1]) else probe
        parts.pop()
    last = parts[-1]
    more = f"_{probe}" if probe else ""
    if len(parts) > 3 and NUMBER.fullmatch(last) and DATE.fullmatch(parts[-2]):
        return "_".join(parts[-3:]) + more, parts[-3]
    if len(parts) > 2 and DATE.fullmatch(last):
        return "_".join(parts[-2:]) + more, parts[-2]
    before = DATE.search(last)
    animal = last[: before.start()].rstrip("_- ") if before else ""
    return last + more, animal or "unknown"
