"""NWB files that use an extension whose namespace they do not contain and whose package is not installed.

pynwb reads nothing of such a file. Each unknown type is therefore declared as the NWB type that it resembles, so that
the rest of the file, and the plain parts of the unknown objects, can be read.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from spikebridge.io.formats.nwb.columns import to_text

TYPE_OF_GROUP = {
    "/general/subject": "Subject",
    "/general/devices/": "Device",
    "/general/extracellular_ephys/": "ElectrodeGroup",
}


def manager_with_missing_types(handle: Any) -> Any:
    """A build manager that knows every type of an open HDF5 file."""
    from hdmf.build import BuildManager
    from pynwb import NWBHDF5IO, get_type_map

    known = get_type_map()
    NWBHDF5IO.load_namespaces(known, file=handle)
    for namespace, types in _unknown_types(handle, known).items():
        _declare(known, namespace, types)
    return BuildManager(known)


def _unknown_types(handle: Any, known: Any) -> dict[str, dict[str, Any]]:
    """namespace -> type -> the first object of it, for namespaces that are not declared."""
    types: dict[str, dict[str, Any]] = {}

    def visit(name: str, thing: Any) -> None:
        namespace, kind = (to_text(thing.attrs.get(key)) for key in ("namespace", "neurodata_type"))
        if kind and namespace not in known.namespace_catalog.namespaces:
            types.setdefault(namespace, {}).setdefault(kind, thing)

    handle.visititems(visit)
    return types


def _declare(known: Any, namespace: str, types: dict[str, Any]) -> None:
    from pynwb.spec import NWBNamespaceBuilder, export_spec

    builder = NWBNamespaceBuilder(doc="unknown", name=namespace, version="0.0.0", author="unknown", contact="unknown")
    builder.include_namespace("core")
    with tempfile.TemporaryDirectory() as folder:
        export_spec(builder, [_specification(kind, thing) for kind, thing in types.items()], folder)
        known.load_namespaces(str(Path(folder) / f"{namespace}.namespace.yaml"))


def _specification(kind: str, thing: Any) -> Any:
    from h5py import Dataset
    from pynwb.spec import NWBDatasetSpec, NWBGroupSpec

    if isinstance(thing, Dataset):
        base = (
            "DynamicTableRegion"
            if "table" in thing.attrs
            else "VectorIndex"
            if "target" in thing.attrs
            else "VectorData"
        )
        return NWBDatasetSpec(doc="unknown", neurodata_type_def=kind, neurodata_type_inc=base)
    base = _resembled_type(thing)
    own = [n for n in ("timestamps", "data") if base == "NWBDataInterface" and n in thing]
    arrays = [NWBDatasetSpec(doc="unknown", name=n, shape=[None] * thing[n].ndim) for n in own]
    inside = [NWBGroupSpec(doc="unknown", neurodata_type_inc="TimeSeries", quantity="*")]
    return NWBGroupSpec(
        doc="unknown", neurodata_type_def=kind, neurodata_type_inc=base, datasets=arrays,
        groups=inside if base == "NWBDataInterface" and not own else [],
    )  # fmt: skip


def _resembled_type(group: Any) -> str:
    """The type of NWB that a group of an unknown type looks like."""
    if "colnames" in group.attrs:
        if group.name == "/units":
            return "Units"
        return "TimeIntervals" if {"start_time", "stop_time"} <= set(group) else "DynamicTable"
    if "data" in group and ("starting_time" in group or "timestamps" in group) and "unit" in group["data"].attrs:
        return "SpatialSeries" if "reference_frame" in group else "TimeSeries"
    place = next((kind for begin, kind in TYPE_OF_GROUP.items() if group.name.startswith(begin)), None)
    return place or ("LabMetaData" if group.name.startswith("/general/") else "NWBDataInterface")
