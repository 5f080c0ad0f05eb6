"""A look at every object of an HDF5 file, level by level: HDF5's own walk takes minutes for groups thousands deep."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from spikebridge.io.limits import check_depth, check_members


def walk_hdf5(file: Any, skip: Collection[str] = ()) -> Iterator[tuple[str, Any, Any]]:
    """(name without leading slash, link, object) of everything in an open file or group; no link is followed.

    object: h5py.Group or Dataset; None for soft and external links. Names that are no UTF-8 are passed over; a group
    that lies in several places is entered once. skip: names of groups at the top that are not entered.

    Raises DataError where there are more objects, or they lie deeper, than `limits` allows.
    """
    import h5py

    where, seen, n = str(file.file.filename), {_address(file)}, 0
    level = [("", file)]
    depth = 0
    while level:
        below = []
        depth += 1
        for above, group in level:
            n += len(group)
            check_members(n, where, "groups and arrays")
            for name in group:
                if not isinstance(name, str) or (not above and name in skip):
                    continue
                link = group.get(name, getlink=True)
                thing = group[name] if isinstance(link, h5py.HardLink) else None
                yield above + name, link, thing
                if isinstance(thing, h5py.Group) and (address := _address(thing)) not in seen:
                    seen.add(address)
                    below.append((f"{above}{name}/", thing))
        if below:
            check_depth(depth + 1, where)
        level = below


def _address(group: Any) -> tuple[int, int]:
    import h5py

    about = h5py.h5o.get_info(group.id)
    return about.fileno, about.addr
