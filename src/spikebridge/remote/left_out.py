"""What a compact copy of an NWB file leaves out: values of raw traces, field potentials, images and waveforms.

Nothing is removed but columns of waveforms and of pixels: a series that is left out keeps its name, place, attributes
and links, and its arrays become empty. So whatever refers to it still leads somewhere,
and the copy is valid NWB. The reader takes the same from the copy as from the whole file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from math import prod
from typing import Any

from spikebridge.io.formats.nwb.tables import MAX_COLUMNS, MAX_SAMPLES

SERIES_OF_THE_BRAIN = {
    "DecompositionSeries", "ElectricalSeries", "ImageSeries", "IndexSeries", "PatchClampSeries", "RoiResponseSeries",
}  # fmt: skip
"""Types of series that the NWB reader never reads, with all types that extend them."""
ONE_VALUE_A_CHANNEL = ("ElectricalSeries", "RoiResponseSeries")
"""Series whose columns are rows of a table. An array of (0, 0) would contradict the table; NWB allows one of (0,)."""
SERIES_ARRAYS = ("data", "timestamps", "control")
UNREAD_COLUMNS = {
    "Units": ("waveform_mean", "waveform_sd", "waveforms"),
    "PlaneSegmentation": ("image_mask", "pixel_mask", "voxel_mask"),
}
"""Type of a table -> its columns that are left out, with their indices."""
SMALL_IMAGE = 1 << 20
"""Pictures of fewer bytes are kept."""


@dataclass(frozen=True)
class LeftOut:
    """An array whose values a compact copy does not hold.

    Parameters
    ----------
    name : str
        Its path in the file.
    kind : str
        Neurodata type of the array or of the series or table that it belongs to.
    shape : tuple of int
        In the whole file.
    n_bytes : int
        In the whole file, compressed; of Zarr, uncompressed.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    n_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"shape": list(self.shape)}


@dataclass(frozen=True)
class Array:
    """An array of a group. path: without leading slash."""

    path: str
    shape: tuple[int, ...]
    n_bytes: int
    kind: str = ""


def n_values(array: Array) -> int:
    """The number of values of an array."""
    return int(prod(array.shape))


class Types:
    """Which neurodata types extend which: those of NWB, and those that the file brings along.

    Parameters
    ----------
    specifications : iterable of str
        The JSON documents of the group `specifications` of the file.
    """

    def __init__(self, specifications: Iterable[str] = ()) -> None:
        self._parents: dict[str, str] = {}
        for text in specifications:
            try:
                self._collect(json.loads(text))
            except (ValueError, RecursionError):
                continue  # pynwb reports it when it opens the copy

    def _collect(self, spec: Any) -> None:
        for part in spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ():
            self._collect(part)
        if isinstance(spec, dict):
            defined = spec.get("neurodata_type_def") or spec.get("data_type_def")
            parent = spec.get("neurodata_type_inc") or spec.get("data_type_inc")
            if isinstance(defined, str) and isinstance(parent, str):
                self._parents[defined] = parent

    def is_any(self, kind: str, of: Iterable[str]) -> bool:
        """Whether a type is one of these or extends one of them."""
        wanted, seen = set(of), set()
        while kind and kind not in seen:
            if kind in wanted:
                return True
            seen.add(kind)
            kind = self._parents.get(kind) or _parent_in_nwb(kind)
        return False


@cache
def _parent_in_nwb(kind: str) -> str:
    """The type that a type of NWB itself extends; "" where there is none."""
    from pynwb import get_type_map

    catalog = get_type_map().namespace_catalog
    for namespace in ("core", "hdmf-common"):
        try:
            return str(catalog.get_namespace(namespace).get_spec(kind).get("neurodata_type_inc") or "")
        except (KeyError, ValueError):
            continue
    return ""


def emptied_arrays(types: Types, kind: str, arrays: Mapping[str, Array]) -> list[Array]:
    """The arrays of a group that become empty in the copy. kind: type of the group. arrays: name -> array."""
    if is_left_out(types, kind, arrays.get("data")):
        return [arrays[name] for name in SERIES_ARRAYS if name in arrays and n_values(arrays[name])]
    return [a for a in arrays.values() if a.kind and types.is_any(a.kind, ("Image",)) and a.n_bytes > SMALL_IMAGE]


def emptied_shape(types: Types, kind: str, array: Array) -> tuple[int, ...]:
    """The shape that NWB allows an empty array to have. kind: type of the group that holds the array."""
    n = len(array.shape)
    if array.path.rpartition("/")[2] == "data" and types.is_any(kind, ONE_VALUE_A_CHANNEL):
        n = 2 if types.is_any(kind, ("SpikeEventSeries",)) else 1
    return (0,) * n


def is_left_out(types: Types, kind: str, data: Array | None) -> bool:
    """Whether a group of this type is a series whose values are left out. data: of the series, where it is an array."""
    return types.is_any(kind, ("TimeSeries",)) and (types.is_any(kind, SERIES_OF_THE_BRAIN) or _too_large(data))


def _too_large(data: Array | None) -> bool:
    """Whether the reader leaves a series out because of its size."""
    if data is None:
        return False
    n_columns = data.shape[1] if len(data.shape) == 2 else 1
    return len(data.shape) > 2 or n_columns > MAX_COLUMNS or n_values(data) > MAX_SAMPLES


def removed_columns(types: Types, kind: str, names: Iterable[str]) -> list[str]:
    """Names of the columns of a table, and of their indices, that the copy does not have."""
    present = set(names)
    columns = [c for table, unread in UNREAD_COLUMNS.items() if types.is_any(kind, (table,)) for c in unread]
    return [n for c in columns for n in (c, f"{c}_index", f"{c}_index_index") if n in present]
