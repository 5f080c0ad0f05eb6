"""Neurodata Without Borders (NWB 2) in a Zarr folder, by hdmf-zarr, an optional extra: pip install 'spikebridge[zarr]'.

The name of a recording is that of its folder without .nwb.zarr. Everything else is as in `nwb`.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.contents import Contents
from spikebridge.io.formats import incomplete_arrays, raise_errors
from spikebridge.io.formats.nwb import NWBOptions, contents_of, nwb_file
from spikebridge.io.formats.nwb.columns import NwbLog, nwb_error_summary
from spikebridge.io.limits import reason_not_opened
from spikebridge.types import Recording

FORMAT = "NWB (Zarr)"
LIBRARIES = ("hdmf_zarr",)
Options = NWBOptions
SUFFIX = ".nwb.zarr"


def can_read(path: Path) -> bool:
    """By name, or a Zarr folder that says which version of NWB it is. Opens small JSON files only."""
    try:
        files = [name for name in (".zgroup", ".zattrs", "zarr.json") if path.is_dir() and (path / name).is_file()]
    except OSError:  # no permission
        return False
    return bool(files) and (path.name.lower().endswith(SUFFIX) or "nwb_version" in _attributes(path))


def name_of(path: Path) -> str:
    name = path.name
    for suffix in (".zarr", ".nwb"):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return name


def read(path: Path, options: NWBOptions) -> Contents:
    """Read one folder. Raises DataError where hdmf-zarr is missing, and as `nwb` does, with everything wrong."""
    zarr = _library(path)
    if (path / "zarr.json").is_file():
        raise DataError.of(
            "nwb-zarr-format-3", path, "expected NWB in Zarr format 2, found format 3, which hdmf-zarr does not read"
        )
    version = str(_attributes(path).get("nwb_version", ""))
    if not version.startswith("2"):
        raise DataError.of(
            "nwb-zarr-version-not-read",
            path,
            f"expected NWB 2 in a Zarr folder, found nwb_version {version or 'missing'} in .zattrs",
        )
    barred = [
        Finding.error("nwb-zarr-link-not-followed", where, f"{where} lies in {folder}, which {why}")
        for where, folder in _links(path)
        if (why := reason_not_opened(folder))
    ]
    raise_errors(path, barred)
    broken = [
        Finding.error(
            "nwb-zarr-folder-missing",
            where,
            f"{where} lies in another folder, {folder}, which is missing:",
            "copy it along",
        )
        for where, folder in _links(path)
        if not folder.is_dir()
    ]
    raise_errors(path, broken)
    cut = [line for folder in (path, *(folder for _, folder in _links(path))) for line in incomplete_arrays(folder)]
    raise_errors(path, cut)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cached namespaces, deprecated fields: nothing a user can act on
        try:
            with zarr.NWBZarrIO(str(path), mode="r") as io:
                return contents_of(io.read(), name_of(path), path, options, NwbLog())
        except DataError:
            raise
        except Exception as error:  # hdmf and zarr raise anything from OSError to TypeError on a broken folder
            raise DataError.of(
                "nwb-zarr-not-read",
                path,
                f"cannot be read as NWB ({nwb_error_summary(error)}): was the folder copied whole?",
            ) from error


def write(recording: Recording, folder: Path) -> Path:
    """Write a recording as NWB in Zarr. Raises DataError where hdmf-zarr is missing."""
    path = Path(folder) / f"{recording.name}{SUFFIX}"
    zarr = _library(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on best practices
        with zarr.NWBZarrIO(str(path), mode="w") as io:
            io.write(nwb_file(recording))
    return path


def _library(path: Path) -> ModuleType:
    try:
        import hdmf_zarr
    except ImportError as error:
        raise DataError.of(
            "hdmf-zarr-not-installed", path, f"NWB in Zarr needs hdmf-zarr: pip install 'spikebridge[zarr]' ({error})"
        ) from error
    return hdmf_zarr


def files_of(path: Path) -> list[Path]:
    """The files of the folder and of those that its links lead to."""
    folders = {path, *(folder for _, folder in _links(path) if not reason_not_opened(folder))}
    return sorted({file for folder in folders for file in folder.rglob("*") if file.is_file()})


def _links(path: Path) -> list[tuple[str, Path]]:
    """(name of a link, folder that it leads to) of every link into another folder."""
    pairs = []
    for file in sorted(path.rglob(".zattrs")):
        links = _json(file).get("zarr_link", [])
        pairs += [
            (f"/{file.parent.relative_to(path)}/{k.get('name')}", k["source"])
            for k in (links if isinstance(links, list) else ())
            if isinstance(k, dict)
            and isinstance(k.get("source"), str)
            and k["source"] != "."
            and "\0" not in k["source"]
        ]
    return [(where, Path(os.path.normpath(path / source))) for where, source in pairs]


def _leads_away(source: object) -> bool:
    return isinstance(source, str) and source != "." and "\0" not in source


def _json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def _attributes(path: Path) -> dict[str, Any]:
    """Attributes of the root of a Zarr folder; empty where it is none."""
    for name, keys in ((".zattrs", ()), (".zmetadata", ("metadata", ".zattrs")), ("zarr.json", ("attributes",))):
        held: Any = _json(path / name)
        for key in keys:
            held = held.get(key) if isinstance(held, dict) else None
        if isinstance(held, dict) and held:
            return held
    return {}
