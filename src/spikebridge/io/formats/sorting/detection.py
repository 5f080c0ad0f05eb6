"""Which program wrote the files at a path, decided by content: one answer a path, so that one reader claims it.

The folder of a session often holds the output of several programs (CellExplorer works on the files of Phy and
NeuroScope). The first entry of `DETECTORS` that fits wins, because its output was made last. `data.reader` names any
other.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spikebridge.io.formats.mat import variable_classes

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
SPIKE_TABLES = {f"spikes{suffix}" for suffix in TABLE_SUFFIXES}
"""A folder with one of these is a folder of plain tables and belongs to their reader."""
CELLINFO = ".spikes.cellinfo.mat"
PAIR = re.compile(r"(?P<base>.+)\.(?P<what>res|clu)\.(?P<shank>\d+)")
COPIES = r"old|backup|bak|copy|orig|original|prev|previous|tmp|temp|\d{6,8}|\(\d+\)"
COPY = re.compile(rf".+?[\s_.-]+\(?({COPIES})\)?[\s_.()0-9-]*", re.IGNORECASE)
"""Names of copies that people, programs and file managers make: x_old, x.bak, x - Copy (2), x (1), x_20210304."""
T_FILE = re.compile(r".+\.(t(32|64)?|raw(32|64))", re.IGNORECASE)
TIMES_FILE = re.compile(r"times_.+\.mat", re.IGNORECASE)


def detect_reader(path: Path) -> str:
    """Name the reader of the format at a path. Raises nothing.

    Parameters
    ----------
    path : Path
        Any file or folder.

    Returns
    -------
    str
        Name of the reader; "" where none of the sorters' formats is there.
    """
    try:
        if path.is_file() and path.suffix.lower() != ".npz" and not path.name.endswith(CELLINFO):
            return ""  # all other formats are folders
        if path.is_dir() and any((path / table).exists() for table in SPIKE_TABLES):
            return ""
        return next((reader for reader, detects in DETECTORS.items() if detects(path)), "")
    except OSError:
        return ""


def is_output_of(path: Path, reader: str) -> bool:
    """Decide whether a path holds a format, whatever else it holds. Raises nothing.

    Parameters
    ----------
    path : Path
        Any file or folder.
    reader : str
        Name of the reader of the format.

    Returns
    -------
    bool
        True where the format is there.
    """
    try:
        return DETECTORS[reader](path)
    except OSError:
        return False


def visible_files(folder: Path, wanted: Callable[[str], object] = bool) -> list[Path]:
    """Visible files directly in a folder whose names are wanted, by name. No other file is looked at.

    A folder may hold a hundred thousand files, and every format is looked for in it.
    """
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith(".") and wanted(e.name) and e.is_file())
    return [folder / name for name in names]


def sidecar_files(folder: Path) -> list[Path]:
    """The files of a folder that may be tables beside the format's own."""
    return [p for p in visible_files(folder) if p.suffix.lower() in TABLE_SUFFIXES or p.name == "recording.json"]


def is_copy(path: Path) -> bool:
    """Whether a file is a copy of another, by its name without suffix."""
    return COPY.fullmatch(path.stem) is not None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file as a mapping; empty where it is absent or none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def res_clu_pairs(folder: Path) -> dict[str, dict[int, dict[str, Path]]]:
    """base -> shank -> {"res": path, "clu": path}, of every file named base.res.N or base.clu.N; shanks ascending."""
    pairs: dict[str, dict[int, dict[str, Path]]] = {}
    for path in visible_files(folder, PAIR.fullmatch):
        if match := PAIR.fullmatch(path.name):
            pairs.setdefault(match["base"], {}).setdefault(int(match["shank"]), {})[match["what"]] = path
    return {base: dict(sorted(shanks.items())) for base, shanks in pairs.items()}


def t_files(folder: Path) -> list[Path]:
    """MClust's files, TT2 before TT10."""
    return sorted(
        visible_files(folder, T_FILE.fullmatch),
        key=lambda p: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", p.name)],
    )


def times_files(folder: Path) -> list[Path]:
    """wave_clus's results, one a channel, CSC2 before CSC10; copies that editors and people make are not among them."""
    files = [p for p in visible_files(folder, TIMES_FILE.fullmatch) if not is_copy(p)]
    return sorted(files, key=lambda p: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", p.name)])


def cellinfo_files(folder: Path) -> list[Path]:
    """CellExplorer's files of spikes."""
    return visible_files(folder, lambda name: name.endswith(CELLINFO))


def saved_sorting_kind(path: Path) -> str:
    """How SpikeInterface saved a sorting there: numpy, npz_folder, npz, zarr, analyzer, analyzer_zarr, or ""."""
    if path.is_file():
        return "npz" if path.suffix.lower() == ".npz" and _is_npz_sorting(path) else ""
    attributes = read_json(path / ".zattrs")
    if read_json(path / "spikeinterface_info.json").get("object") == "SortingAnalyzer":
        return "analyzer" if (path / "sorting" / "numpysorting_info.json").is_file() else ""
    if (path / "numpysorting_info.json").is_file():
        return "numpy"
    if (path / "npz.json").is_file() and (path / "sorting_cached.npz").is_file():
        return "npz_folder"
    about = attributes.get("spikeinterface_info")
    if isinstance(about, dict) and about.get("object") == "SortingAnalyzer":
        return "analyzer_zarr"
    is_sorting = {"sampling_frequency", "num_segments"} <= set(attributes) and (path / "unit_ids").is_dir()
    return "zarr" if is_sorting and (path / "spikes").is_dir() else ""


def _is_npz_sorting(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {"unit_ids.npy", "num_segment.npy", "sampling_frequency.npy"} <= set(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def _is_cellexplorer(path: Path) -> bool:
    if path.is_dir():
        return len(cellinfo_files(path)) == 1
    return path.is_file() and path.name.endswith(CELLINFO)


def _is_phy(path: Path) -> bool:
    owners = ("spike_clusters.npy", "spike_templates.npy")
    return (path / "spike_times.npy").is_file() and any((path / name).is_file() for name in owners)


def _is_neuroscope(path: Path) -> bool:
    return path.is_dir() and any(len(pair) == 2 for shanks in res_clu_pairs(path).values() for pair in shanks.values())


def _is_mclust(path: Path) -> bool:
    """By the header, since scripts and other programs' files are named .t as well."""
    if not path.is_dir():
        return False
    for file in t_files(path)[:1]:
        with open(file, "rb") as handle:
            return handle.read(13).upper() == b"%%BEGINHEADER"
    return False


def _is_waveclus(path: Path) -> bool:
    return path.is_dir() and any("cluster_class" in variable_classes(file) for file in times_files(path)[:1])


DETECTORS: Mapping[str, Callable[[Path], bool]] = {
    "sorting": lambda path: saved_sorting_kind(path) != "",
    "cellexplorer": _is_cellexplorer,
    "phy": _is_phy,
    "neuroscope": _is_neuroscope,
    "mclust": _is_mclust,
    "waveclus": _is_waveclus,
}
