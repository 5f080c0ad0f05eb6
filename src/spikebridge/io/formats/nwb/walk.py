"""Parts of the NWB readers: every object of a file that may hold intervals, events or series, and a name for each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

GROUPS = ("intervals", "processing", "acquisition", "stimulus", "analysis", "scratch", "events", "lab_meta_data")


def walk(nwb: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(names from the group of the file down, object), each object once, tables and series not entered."""
    seen = {id(nwb)}
    for group in GROUPS:
        for thing in dict(getattr(nwb, group, None) or {}).values():
            yield from _below((group,), thing, seen)


def _below(above: tuple[str, ...], thing: Any, seen: set[int]) -> Iterator[tuple[tuple[str, ...], Any]]:
    from hdmf.common import DynamicTable
    from pynwb import TimeSeries

    if id(thing) in seen:
        return
    seen.add(id(thing))
    path = (*above, str(getattr(thing, "name", "")))
    yield path, thing
    if not isinstance(thing, (DynamicTable, TimeSeries)):
        for member in _members(thing):
            yield from _below(path, member, seen)


def _members(thing: Any) -> Iterator[Any]:
    """What a container holds or links to; linked objects are no children of it."""
    from hdmf.container import AbstractContainer

    for value in getattr(thing, "fields", {}).values():
        for member in (
            value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        ):
            if isinstance(member, AbstractContainer):
                yield member


def free_name(path: tuple[str, ...], taken: Collection[str], ends: Collection[str] = ("",)) -> str:
    """The shortest end of the path of which no part is taken: "laps", "behavior/laps", ...; then "laps 2".

    ends: what is added to the name (position takes position_x and position_y).
    """
    names = ["/".join(path[-n:]) for n in range(1, len(path) + 1)]
    numbered = (f"{path[-1]} {n}" for n in range(2, len(taken) + 3))
    return next(name for name in (*names, *numbered) if not any(name + end in taken for end in ends))
