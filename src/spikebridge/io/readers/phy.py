"""Phy and Kilosort: a folder with spike_times.npy, spike_clusters.npy and params.py.

Read without SpikeInterface, whose extractor runs params.py as a program (here one line of it is parsed, none is run),
drops clusters that a table does not list, and renumbers clusters that it exported itself.

Units are the clusters with spikes or with a row in cluster_info.tsv. Each column of each cluster_*.tsv becomes a units
column; `quality` is the curated group, else Kilosort's label, else empty: Phy's word "unsorted" says that nobody
judged. Nothing is left out for its quality.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.formats.sidecars import write_sidecars
from spikebridge.io.formats.sorting.common import (
    Sorted,
    agreed_rate,
    by_unit,
    in_time_order,
    refuse,
    to_samples,
    with_tables_beside,
)
from spikebridge.io.formats.sorting.kinds import files_in, holds, kind_of, sidecar_files
from spikebridge.io.formats.table.text import no_end
from spikebridge.suggest import listed
from spikebridge.types import Recording

FORMAT = "Phy / Kilosort folder"
LIBRARIES = ("pyarrow.csv",)
ARRAYS = ("spike_times.npy", "spike_clusters.npy", "spike_templates.npy", "params.py")
RATE = re.compile(r"^\s*sample_rate\s*=\s*([^#\n]*)", re.IGNORECASE | re.MULTILINE)


class Options(Section):
    sampling_rate_hz: Positive | None = None


def can_read(path: Path) -> bool:
    return kind_of(path) == "phy"


def takes(path: Path) -> bool:
    return holds(path, "phy")


def files_of(path: Path) -> list[Path]:
    """Without the raw recording and the features, which may be a hundred gigabytes."""
    return [p for name in ARRAYS if (p := path / name).is_file()] + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in it."""
    notes: list[str] = []
    samples, clusters = _spikes(path, notes)
    rate = agreed_rate(path, {"params.py": _rate_in_params(path)}, options.sampling_rate_hz)
    tables = {p: t for p in _cluster_files(path) if (t := _cluster_table(p, notes)) is not None}
    units = _units(path, clusters, tables, notes)
    spikes = by_unit(units["unit"].to_numpy(), clusters, samples / rate)
    found = Sorted(units, spikes, tuple(notes))
    return with_tables_beside(path, found, path.name, skip=[p.name for p in _cluster_files(path)])


def write(recording: Recording, folder: Path) -> Path:
    """Write the arrays, params.py, and cluster_info.tsv with every units column.

    Raises DataError for times off a clock.
    """
    samples, rate = to_samples(recording)
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    clusters = recording.spikes["unit"].to_numpy(dtype=np.int64)
    order = in_time_order(clusters, samples)
    np.save(path / "spike_times.npy", samples[order])
    np.save(path / "spike_clusters.npy", clusters[order])
    (path / "params.py").write_text(f"dat_path = ''\nsample_rate = {rate}\n", encoding="utf-8")
    info = recording.units.rename(columns={"unit": "cluster_id", "quality": "group"})
    info.to_csv(path / "cluster_info.tsv", sep="\t", index=False)
    write_sidecars(recording, path, units=False)
    return path


def _spikes(path: Path, notes: list[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Samples (spike,) and clusters (spike,), in the order of the files."""
    wrong: list[str] = []
    owners = "spike_clusters.npy" if (path / "spike_clusters.npy").is_file() else "spike_templates.npy"
    if owners == "spike_templates.npy":
        notes.append("no spike_clusters.npy: units are the templates of spike_templates.npy, as before curation")
    samples = _whole_numbers(path / "spike_times.npy", "samples", ": are these seconds?", wrong)
    clusters = _whole_numbers(path / owners, "ids of clusters", "", wrong)
    if not wrong and len(samples) != len(clusters):
        wrong.append(f"spike_times.npy has {len(samples)} spikes, {owners} has {len(clusters)}")
    if not np.isfinite(clusters).all():
        wrong.append(f"{owners}: expected a cluster for every spike, found NaN")
    refuse(path, wrong)
    return samples, clusters.astype(np.int64)


def _whole_numbers(file: Path, what: str, hint: str, wrong: list[str]) -> NDArray[np.float64]:
    """(spike,), exact up to 2^53; NaN stays. Pickled arrays are never opened."""
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        wrong.append(f"{file.name} cannot be read as an array ({error})")
        return np.empty(0)
    if values.dtype.kind not in "iuf" or values.size != max(values.shape, default=1):
        wrong.append(f"{file.name}: expected one number a spike, got {values.dtype} of shape {values.shape}")
        return np.empty(0)
    numbers = values.ravel().astype(np.float64)
    known = numbers[np.isfinite(numbers)] if values.dtype.kind == "f" else numbers[:0]
    if (known != np.rint(known)).any():
        wrong.append(f"{file.name}: expected whole numbers ({what}), got {known[known != np.rint(known)][0]}{hint}")
    return numbers


def _rate_in_params(path: Path) -> float | None:
    """The value of `sample_rate` in params.py, without running it; None where there is none."""
    try:
        text = (path / "params.py").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path / 'params.py'}: cannot be read: {error.strerror}") from None
    values = RATE.findall(text)
    if not values:
        return None
    try:
        return float(ast.literal_eval(values[-1].strip()))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise DataError(
            f"{path / 'params.py'}: expected sample_rate = a number, got {values[-1].strip()!r}; params.py is not run: "
            "write the number there"
        ) from None


def _cluster_files(path: Path) -> list[Path]:
    """Phy's own tables: cluster_info first, since it is what Phy showed last."""
    found = [p for p in files_in(path) if p.suffix.lower() in (".tsv", ".csv") and p.stem.startswith("cluster")]
    return sorted(found, key=lambda p: (p.stem != "cluster_info", p.name))


def _cluster_table(file: Path, notes: list[str]) -> pd.DataFrame | None:
    """One table by cluster_id; None where it has no such column. Old versions of Phy write tabs into .csv files."""
    try:
        with open(file, encoding="utf-8") as handle:
            separator = "\t" if "\t" in handle.readline() else ","
        table = pd.read_csv(file, sep=separator)
        notes.extend(no_end(file.name, file.read_bytes()))
    except (OSError, ValueError) as error:  # pandas' and codecs' errors are ValueErrors
        raise DataError(f"{file}: cannot be read as a table ({error})") from None
    if "cluster_id" not in table and "id" in table:
        table = table.rename(columns={"id": "cluster_id"})
    if "cluster_id" not in table:
        return None
    if not pd.api.types.is_integer_dtype(table["cluster_id"]) and len(table):
        raise DataError(f"{file}: expected whole numbers in cluster_id, got {table['cluster_id'].dtype}")
    twice = table["cluster_id"][table["cluster_id"].duplicated()].unique()
    if len(twice):
        raise DataError(f"{file}: expected one row a cluster, more than one for {listed(map(str, twice), 10)}")
    return table.set_index("cluster_id")


def _units(path: Path, clusters: NDArray[np.int64], tables: dict[Path, pd.DataFrame], notes: list[str]) -> pd.DataFrame:
    info = next((t for p, t in tables.items() if p.stem == "cluster_info"), pd.DataFrame())
    used = np.sort(pd.unique(clusters))
    ids = pd.Index([*info.index, *(c for c in used if c not in info.index)], dtype="int64", name="unit")
    without = [str(c) for c in used if len(info) and c not in info.index]
    if without:
        notes.append(
            f"cluster_info: no row for {listed(without, 10)}, which have spikes: was it saved before a merge or split, "
            "or cut short?"
        )
    columns: dict[str, Any] = {}
    for file, table in tables.items():
        gone = len(set(table.index) - set(ids))
        if gone:
            notes.append(f"{file.name}: {gone} clusters have no spikes (merged or split since) and are no units")
        for name, values in table.rename(columns={"unit": "cluster_unit"}).reindex(ids).items():
            if str(name) not in columns:
                columns[str(name)] = values
            elif not _agree(columns[str(name)], values):
                notes.append(f"{file.name}: column {name} differs from an earlier table, which is kept")
    units = pd.DataFrame(columns, index=ids).assign(quality=_quality(columns, ids))
    unjudged = int((units["quality"] == "").sum())
    if 0 < unjudged < len(units):
        notes.append(f"{unjudged} of {len(units)} clusters have neither a group nor a label: their quality is empty")
    return units.drop(columns="group", errors="ignore").reset_index()


def _agree(one: pd.Series, other: pd.Series) -> bool:
    both = one.notna() & other.notna()
    return bool((one[both].astype(str) == other[both].astype(str)).all())


def _quality(columns: dict[str, Any], ids: pd.Index) -> pd.Series:
    """The curated group; where there is none, a column `quality`, then Kilosort's label."""
    quality = pd.Series("", index=ids, dtype=object)
    for name in ("KSLabel", "quality", "group"):
        if name in columns:
            said = columns[name].astype(object)
            known = said.notna() & (said.astype(str) != "unsorted") & (said.astype(str) != "")
            quality[known] = said[known].astype(str)
    return quality.astype("str")
