"""A compact copy of an NWB file in HDF5: everything but what `left_out` names, chunk by chunk as it is stored.

HDF5 copies arrays without decoding them, but not the object references in them: those are written in a second pass.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.errors import RemoteError
from spikebridge.remote.http import ByteSource
from spikebridge.remote.left_out import (
    SERIES_ARRAYS,
    Array,
    LeftOut,
    Types,
    emptied_arrays,
    emptied_shape,
    is_left_out,
    removed_columns,
)
from spikebridge.remote.range_file import RangeFile

SPECIFICATIONS = "specifications"


def copy_hdf5(source: ByteSource, target: Path) -> list[LeftOut]:
    """Write the compact copy of an NWB file.

    Parameters
    ----------
    source : ByteSource
        The whole file.
    target : Path
        The copy, which is written anew.

    Returns
    -------
    list of LeftOut
        The arrays whose values are not in the copy.

    Raises
    ------
    RemoteError
        Where ranges cannot be read, or the object is no NWB file in HDF5.
    """
    import h5py

    file = RangeFile(source)
    try:
        with h5py.File(file, "r") as whole, h5py.File(target, "w") as copy:
            if "nwb_version" not in whole.attrs:
                raise RemoteError(f"{source.name}: HDF5, but no NWB: it has no nwb_version")
            return _Copying(whole, copy, source.name).run()
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if file.failure is not None:
            raise file.failure from None
        if isinstance(error, OSError) and error.errno is not None:  # of the disk that the copy is written to
            raise
        text = " ".join(str(error).split())[:200]
        raise RemoteError(f"{source.name}: cannot be read as HDF5 ({text}): is it a whole NWB file?") from None


class _Copying:
    """One copy under way. whole, copy: open files of h5py."""

    def __init__(self, whole: Any, copy: Any, name: str) -> None:
        self.whole, self.copy, self.name = whole, copy, name
        self.left_out: list[LeftOut] = []
        self._path_of: dict[tuple[int, int], str] = {}
        self._with_references: list[str] = []
        self._emptied: set[str] = set()

    def run(self) -> list[LeftOut]:
        self.types = Types(_specifications(self.whole))
        self._linked = _linked_arrays(self.whole, self.types)
        self._attributes(self.whole, self.copy)
        self._note_references(self.whole, "/")
        self._group(self.whole, self.copy, "")
        for path in self._with_references:
            self._references(path)
        return self.left_out

    def _group(self, group: Any, copy: Any, above: str) -> None:
        """Copy what a group holds. above: its path with a slash at the end; "" for the root."""
        import h5py

        kind = _kind(group)
        links = {name: group.get(name, getlink=True) for name in group}
        inside = {name: group[name] for name, link in links.items() if isinstance(link, h5py.HardLink)}
        arrays = {n: _array(above + n, thing) for n, thing in inside.items() if isinstance(thing, h5py.Dataset)}
        emptied = {
            a.path: emptied_shape(self.types, kind, a)
            for a in emptied_arrays(self.types, kind, arrays)
            if _address(self.whole[a.path]) not in self._linked
        }
        self._emptied |= emptied.keys()
        removed = removed_columns(self.types, kind, arrays)
        self._note([arrays[n] for n in removed] + [a for a in arrays.values() if a.path in emptied], kind)
        if removed:
            names = [n for n in _texts(group.attrs["colnames"]) if n not in removed]
            copy.attrs.create("colnames", names, dtype=h5py.string_dtype())
        for name, link in links.items():
            if name in removed:
                continue
            if name not in inside:
                copy[name] = link
            elif (earlier := self._path_of.get(_address(inside[name]))) is not None:
                if (earlier in self._emptied) != (above + name in emptied):
                    text = f"/{earlier} and /{above}{name} are the same array, and one of them is left out"
                    raise RemoteError(f"{self.name}: {text}: download the whole file")
                copy[name] = self.copy[earlier]
            else:
                self._path_of[_address(inside[name])] = above + name
                self._object(inside[name], copy, above + name, emptied.get(above + name))

    def _object(self, thing: Any, parent: Any, path: str, shape: tuple[int, ...] | None) -> None:
        """Copy one object. shape: of an array that becomes empty, else None."""
        import h5py

        name = path.rpartition("/")[2]
        if isinstance(thing, h5py.Group):
            copy = parent.create_group(name)
            self._attributes(thing, copy)
            self._note_references(thing, path)
            self._group(thing, copy, f"{path}/")
        elif isinstance(thing, h5py.Dataset) and shape is not None:
            copy = parent.create_dataset(name, shape=shape, dtype=thing.dtype)
            self._attributes(thing, copy)
            self._note_references(thing, path)
        else:
            if isinstance(thing, h5py.Dataset) and (thing.external or thing.is_virtual):
                raise RemoteError(f"{self.name}: the values of /{path} lie in other files: download all of them")
            h5py.h5o.copy(thing.id, b".", parent.id, name.encode())
            if isinstance(thing, h5py.Dataset):
                self._note_references(thing, path)

    def _note(self, arrays: list[Array], kind: str) -> None:
        self.left_out += [LeftOut(a.path, a.kind or kind, a.shape, a.n_bytes) for a in arrays]

    def _attributes(self, thing: Any, copy: Any) -> None:
        """Attributes that are no references, with their own types."""
        for name in thing.attrs:
            if not _holds_references(thing.attrs.get_id(name).dtype):
                _copy_attribute(thing, copy, name)

    def _note_references(self, thing: Any, path: str) -> None:
        held = [thing.attrs.get_id(name).dtype for name in thing.attrs]
        if any(map(_holds_references, [*held, getattr(thing, "dtype", None)])):
            self._with_references.append(path)

    def _references(self, path: str) -> None:
        """Write the references in the attributes and values of an object, to the objects of the copy."""
        import h5py

        thing, copy = self.whole[path], self.copy[path]
        for name in thing.attrs:
            dtype = thing.attrs.get_id(name).dtype
            if _holds_references(dtype):
                value = self._led_to_copy(np.asarray(thing.attrs[name], dtype=dtype))
                copy.attrs.create(name, value, shape=value.shape, dtype=dtype)
        if isinstance(thing, h5py.Dataset) and _holds_references(thing.dtype) and copy.size:
            copy[...] = self._led_to_copy(np.asarray(thing[...], dtype=thing.dtype))

    def _led_to_copy(self, values: Any) -> Any:
        """The same array with references to the objects of the same paths in the copy."""
        if values.dtype.names:
            led = values.copy()
            for field in values.dtype.names:
                if _holds_references(values.dtype[field]):
                    led[field] = self._led_to_copy(values[field])
            return led
        led = np.empty_like(values)
        for place in np.ndindex(values.shape):
            led[place] = self._reference(values[place])
        return led

    def _reference(self, reference: Any) -> Any:
        import h5py

        if not reference:
            return h5py.Reference()
        if isinstance(reference, h5py.RegionReference):
            raise RemoteError(f"{self.name}: holds references to regions of arrays, which are not copied")
        path = self.whole[reference].name
        return self.copy.get(path, self.copy).ref


def _specifications(whole: Any) -> list[str]:
    """The JSON documents of the types that a file brings along."""
    import h5py

    texts: list[str] = []

    def visit(_: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset) and thing.shape == ():
            texts.extend(_texts([thing[()]]))

    if SPECIFICATIONS in whole:
        whole[SPECIFICATIONS].visititems(visit)
    return texts


def _linked_arrays(whole: Any, types: Types) -> set[tuple[int, int]]:
    """Addresses of arrays that a series links to whose values are kept, such as the timestamps of another series.

    A link may lead to another link: the address is that of the array at the end.
    """
    import h5py

    names: list[str] = []

    def visit(name: str, link: Any) -> None:
        if isinstance(link, h5py.SoftLink) and name.rpartition("/")[2] in SERIES_ARRAYS:
            names.append(name)

    whole.visititems_links(visit)
    targets: set[tuple[int, int]] = set()
    for name in names:
        above, _, last = name.rpartition("/")
        group = whole[f"/{above}"]
        array = group.get(last)
        data = group["data"] if isinstance(group.get("data", getlink=True), h5py.HardLink) else None
        kept = not is_left_out(types, _kind(group), None if data is None else _array(f"{above}/data", data))
        if kept and isinstance(array, h5py.Dataset):
            targets.add(_address(array))
    return targets


def _kind(thing: Any) -> str:
    return next(iter(_texts([thing.attrs.get("neurodata_type", "")])))


def _texts(values: Any) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]


def _array(path: str, dataset: Any) -> Array:
    shape = tuple(map(int, dataset.shape or ()))
    n_bytes = int(dataset.id.get_storage_size()) or prod(shape) * dataset.dtype.itemsize
    return Array(path, shape, n_bytes, _kind(dataset))


def _holds_references(dtype: Any) -> bool:
    import h5py

    if dtype is None:
        return False
    if dtype.names:
        return any(_holds_references(dtype[name]) for name in dtype.names)
    return h5py.check_ref_dtype(dtype) is not None


def _copy_attribute(thing: Any, copy: Any, name: str) -> None:
    import h5py

    if name in copy.attrs:
        del copy.attrs[name]
    given = thing.attrs.get_id(name)
    made = h5py.h5a.create(copy.id, name.encode(), given.get_type(), given.get_space())
    if given.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        return
    values = np.empty(given.shape, dtype=given.dtype)
    given.read(values)
    made.write(values)


def _address(thing: Any) -> tuple[int, int]:
    import h5py

    about = h5py.h5o.get_info(thing.id)
    return about.fileno, about.addr
