"""Phy and Kilosort: a folder with spike_times.npy, spike_clusters.npy and params.py.

Read without SpikeInterface, whose extractor runs params.py as a program (here one line of it is parsed, none is run),
drops clusters that a table does not list, and renumbers clusters that it exported itself.

Times are those of spike_times.npy, in samples, unless the folder has them in seconds as well, on the clock of the
session (spike_times_sec_adj.npy, say; the option spike_times names another file, or `samples`).

Units are the clusters with spikes or with a row in cluster_info.tsv. Each column of each cluster_*.tsv becomes a units
column. `quality` is a person's word (group), else that of a curation program, else Kilosort's label, else empty: Phy's
word "unsorted" means that nobody judged. No unit is left out for its quality.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.contents import Contents
from spikebridge.io.formats import raise_errors, write_sidecars
from spikebridge.io.formats.sorting import (
    SortedUnits,
    agreed_sampling_rate,
    detect_reader,
    is_output_of,
    join_sidecars,
    to_samples,
)
from spikebridge.io.formats.sorting.detection import sidecar_files
from spikebridge.io.formats.sorting.phy_clock import aligned_time_files, aligned_times, clock_notes
from spikebridge.io.formats.sorting.phy_clusters import cluster_files, cluster_tables, merged_tables
from spikebridge.io.formats.sorting.sorted_units import time_order
from spikebridge.io.formats.spike_trains import group_times, spike_table
from spikebridge.labels.unit_labels import (
    NAME_ONE_COLUMN,
    canonical_word,
    describe_contradictions,
    find_label_columns,
    label_words,
    merge_labels,
)
from spikebridge.types import Recording

FORMAT = "Phy / Kilosort folder"
LIBRARIES = ("pyarrow.csv",)
ARRAYS = ("spike_times.npy", "spike_clusters.npy", "spike_templates.npy", "params.py")
MAX_SHOWN = 80
"""Longest part of the line sample_rate that an error message shows."""
RATE = re.compile(r"^\s*sample_rate\s*=\s*([^#\n]*)", re.IGNORECASE | re.MULTILINE)


class Options(Section):
    sampling_rate_hz: Positive | None = None
    spike_times: str = "auto"


def can_read(path: Path) -> bool:
    return detect_reader(path) == "phy"


def takes(path: Path) -> bool:
    return is_output_of(path, "phy")


def files_of(path: Path) -> list[Path]:
    """Without the raw recording and the features, which may be a hundred gigabytes."""
    arrays = [p for name in ARRAYS if (p := path / name).is_file()]
    return arrays + [p for p in aligned_time_files(path) if p not in arrays] + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in it."""
    notes: list[Finding] = []
    samples, clusters = _spikes(path, notes)
    seconds, rate = _seconds(path, samples, options, notes)
    units = merged_tables(cluster_tables(path, notes), clusters, notes)
    ids = units["unit"].to_numpy()
    last = float(np.nanmax(samples, initial=0)) if seconds is None else None
    grouped = group_times(ids, clusters, samples if seconds is None else seconds, rate)
    del samples, clusters, seconds  # the table of spikes takes their room
    spikes = spike_table(ids, *grouped)
    contents = join_sidecars(path, SortedUnits(units, spikes), path.name, skip=[p.name for p in cluster_files(path)])
    if last is not None:
        notes.extend(clock_notes(path, rate, last, contents.tables.get("trials")))
    units = _with_quality(contents.units, notes)
    return replace(contents, units=units, notes=(*notes, *contents.notes))


def write(recording: Recording, folder: Path) -> Path:
    """Write the arrays, params.py, and cluster_info.tsv with every units column.

    Raises DataError for times off a clock.
    """
    samples, rate = to_samples(recording)
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    clusters = recording.spikes["unit"].to_numpy(dtype=np.int64)
    order = time_order(clusters, samples)
    np.save(path / "spike_times.npy", samples[order])
    np.save(path / "spike_clusters.npy", clusters[order])
    (path / "params.py").write_text(f"dat_path = ''\nsample_rate = {rate}\n", encoding="utf-8")
    info = recording.units.rename(columns={"unit": "cluster_id", "quality": "group"})
    info.to_csv(path / "cluster_info.tsv", sep="\t", index=False)
    write_sidecars(recording, path, units=False)
    return path


def _spikes(path: Path, notes: list[Finding]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Samples (spike,) and clusters (spike,), in the order of the files."""
    wrong: list[Finding] = []
    owners = "spike_clusters.npy" if (path / "spike_clusters.npy").is_file() else "spike_templates.npy"
    if owners == "spike_templates.npy":
        text = "no spike_clusters.npy: units are the templates of spike_templates.npy, as before curation"
        notes.append(Finding.warning("templates-as-units", "spike_clusters.npy", text))
    samples = _whole_numbers(path / "spike_times.npy", "samples", ": are these seconds?", wrong)
    clusters = _whole_numbers(path / owners, "ids of clusters", "", wrong)
    if not wrong and len(samples) != len(clusters):
        wrong.append(
            Finding.error(
                "phy-spikes-and-clusters-differ-in-number",
                "spike_times.npy",
                f"spike_times.npy has {len(samples)} spikes, {owners} has {len(clusters)}",
            )
        )
    if not np.isfinite(clusters).all():
        wrong.append(
            Finding.error(
                "phy-spikes-without-cluster", owners, f"{owners}: expected a cluster for every spike, found NaN"
            )
        )
    raise_errors(path, wrong)
    return samples, clusters if clusters.dtype.kind == "i" else clusters.astype(np.int64)


def _seconds(
    path: Path, samples: NDArray[Any], options: Options, notes: list[Finding]
) -> tuple[NDArray[np.float64] | None, float]:
    """(spike,), seconds, of a file that holds them beside the samples (`adjusted`), and 1; else None and the rate."""
    in_params = _rate_in_params(path)
    known = in_params is not None or options.sampling_rate_hz is not None
    rate = agreed_sampling_rate(path, {"params.py": in_params}, options.sampling_rate_hz) if known else None
    if source := aligned_times(path, options.spike_times, samples, rate, notes):
        return source.times, 1.0
    return None, agreed_sampling_rate(path, {"params.py": in_params}, options.sampling_rate_hz)


def _whole_numbers(file: Path, what: str, hint: str, wrong: list[Finding]) -> NDArray[Any]:
    """(spike,), as the file has them; NaN stays. Pickled arrays are never opened."""
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        first = (str(error).splitlines() or [""])[0]  # numpy goes on with advice that would unpickle the file
        wrong.append(
            Finding.error("phy-array-not-read", file.name, f"{file.name} cannot be read as an array ({first})")
        )
        return np.empty(0)
    if values.dtype.kind not in "iuf" or values.size != max(values.shape, default=1):
        wrong.append(
            Finding.error(
                "phy-array-not-one-number-a-spike",
                file.name,
                f"{file.name}: expected one number a spike, got {values.dtype} of shape {values.shape}",
            )
        )
        return np.empty(0)
    numbers = values.ravel()
    known = numbers[np.isfinite(numbers)] if values.dtype.kind == "f" else np.empty(0)
    if (known != np.rint(known)).any():
        wrong.append(
            Finding.error(
                "phy-array-not-whole",
                file.name,
                f"{file.name}: expected whole numbers ({what}), got {known[known != np.rint(known)][0]}{hint}",
            )
        )
    return numbers


def _rate_in_params(path: Path) -> float | None:
    """The value of `sample_rate` in params.py, without running it; None where there is none."""
    try:
        text = (path / "params.py").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError.of("phy-params-not-read", path / "params.py", f"cannot be read: {error.strerror}") from None
    values = RATE.findall(text)
    if not values:
        return None
    try:
        return float(ast.literal_eval(values[-1].strip()))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = values[-1].strip()
        value = f"{value[:MAX_SHOWN]}..." if len(value) > MAX_SHOWN else value
        raise DataError.of(
            "phy-params-without-rate",
            path / "params.py",
            f"expected sample_rate = a number, got {value!r}; params.py is not run: write the number there",
        ) from None


def _with_quality(units: pd.DataFrame, notes: list[Finding]) -> pd.DataFrame:
    """Units with the column quality for group: the label of each unit that is used, "" where nobody judged."""
    judged = merge_labels({c: label_words(units[c]) for c in find_label_columns(units, always=("group", "quality"))})
    if judged.contradictions:
        text = describe_contradictions(judged.contradictions, [f"cluster {u}" for u in units["unit"]])
        notes.append(Finding.warning("cluster-labels-contradict", "quality", text, NAME_ONE_COLUMN))
    words = [word if canonical_word(word) != "unsorted" else "" for word in judged.labels] or [""] * len(units)
    unjudged = words.count("")
    if 0 < unjudged < len(units):
        notes.append(
            Finding.warning(
                "clusters-without-label",
                "quality",
                f"{unjudged} of {len(units)} clusters have neither a group nor a label: their quality is empty",
            )
        )
    return units.drop(columns="group", errors="ignore").assign(quality=pd.Series(words, dtype="str"))
