"""MClust: a folder with one .t file (or .t32, .t64) a unit, such as TT2_1.t.

A header between %%BEGINHEADER and %%ENDHEADER, then big-endian unsigned integers of 32 or 64 bits in units of 0.1 ms,
but for files whose writer kept the microseconds of Neuralynx: `time_step_us`. Neither the header nor the file says how
many spikes there are: one that is cut short between two of them reads as a unit that fell silent.
MClust 3 wrote 64 bits into plain .t files; they are told by their upper halves, which are zero up to five days.

Read without SpikeInterface, whose extractor calls a unit by the number after the last underscore only, so that TT1_1
and TT2_1 are one unit with the spikes of the later file; it also rounds times to a rate that must be made up.

Units are counted from 0 in the order of the names, TT2 before TT10; `name` is the file's, `tetrode` its number.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.formats.sidecars import write_sidecars
from spikebridge.io.formats.sorting.common import (
    Sorted,
    joined,
    refuse,
    runs_of_regions,
    to_samples,
    with_tables_beside,
)
from spikebridge.io.formats.sorting.kinds import files_in, kind_of, sidecar_files, t_files_in
from spikebridge.suggest import listed
from spikebridge.types import Recording

FORMAT = "MClust .t files in a folder"
TIME_STEP_S = 1e-4
CLOCK_HZ = 10000.0
TETRODE = re.compile(r"(?:TT|ST|SE|Sc|tetrode)[ _-]?(\d+)|(\d+)_\d+$", re.IGNORECASE)


class Options(Section):
    """tetrode_regions: number of a tetrode -> region. time_step_us: microseconds of one step of the times."""

    tetrode_regions: dict[int, str] = {}
    time_step_us: Positive = 100.0


def can_read(path: Path) -> bool:
    return kind_of(path) == "mclust"


def takes(path: Path) -> bool:
    """Named by the user: files without a header are read as well."""
    try:
        return path.is_dir() and len(t_files_in(path)) > 0
    except OSError:
        return False


def files_of(path: Path) -> list[Path]:
    return t_files_in(path) + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in it."""
    files = t_files_in(path)
    wrong = [f"unit {s} is in several files" for s in _twice([f.stem for f in files])]
    per_s = 1e6 / options.time_step_us  # divided by, not multiplied with: 10000 is exact, 1e-4 is not
    trains = [_steps(file, wrong) / per_s for file in files]
    refuse(path, wrong)
    ids = np.arange(len(files), dtype=np.int64)
    units = pd.DataFrame({"unit": ids, "name": [f.stem for f in files]})
    units["tetrode"] = _tetrodes(units["name"])
    notes = []
    if units["tetrode"].isna().any():
        notes.append(f"no tetrode in the names of {listed(units['name'][units['tetrode'].isna()], 5)}")
    aside = len([p for p in files_in(path) if p.suffix == "._t"])
    if aside:
        notes.append(f"{aside} files ._t, clusters set aside in MClust, are not read")
    found = Sorted(
        units, joined(ids, trains), tuple(notes), regions_by=("tetrode", "tetrode_regions", options.tetrode_regions)
    )
    return with_tables_beside(path, found, path.name)


def write(recording: Recording, folder: Path) -> Path:
    """Write one .t file a unit, and units.csv by name.

    Raises DataError for times that are negative or no whole multiple of 0.1 ms.
    """
    samples, _ = to_samples(recording, (CLOCK_HZ,))
    if len(samples) and not 0 <= samples.min() <= samples.max() < 2**32:
        raise DataError(f"{recording.name}: MClust holds times from 0 to {2**32 / CLOCK_HZ:g} s only")
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    owner = recording.spikes["unit"].to_numpy()
    tetrode = runs_of_regions(recording.units)
    cell = pd.Series(tetrode).groupby(tetrode).cumcount() + 1
    names = [f"TT{t}_{c}" for t, c in zip(tetrode, cell, strict=True)]
    for name, unit in zip(names, recording.units["unit"], strict=True):
        train = samples[owner == unit].astype(">u4")
        (path / f"{name}.t").write_bytes(b"%%BEGINHEADER\n%%ENDHEADER\n" + train.tobytes())
    recording.units.assign(unit=names).to_csv(path / "units.csv", index=False)
    write_sidecars(recording, path, units=False)
    return path


def _twice(names: list[str]) -> list[str]:
    return sorted({n for n in names if names.count(n) > 1})


def _tetrodes(names: pd.Series) -> pd.Series:
    found = [TETRODE.search(name) for name in names]
    numbers = [int(m[1] or m[2]) if m else None for m in found]
    return pd.Series(numbers, dtype="float64" if None in numbers else "int64")


def _steps(file: Path, wrong: list[str]) -> NDArray[np.float64]:
    """(spike,), whole steps, of one file."""
    try:
        content = file.read_bytes()
    except OSError as error:
        wrong.append(f"{file.name} cannot be read: {error.strerror}")
        return np.empty(0)
    if content[:13].upper() == b"%%BEGINHEADER":
        end = re.search(rb"%%ENDHEADER[ \t]*\r?\n", content, re.IGNORECASE)
        if end is None:
            wrong.append(f"{file.name}: expected %%ENDHEADER after %%BEGINHEADER, found none")
            return np.empty(0)
        content = content[end.end() :]
    width = _width(file, content)
    if len(content) % width:
        wrong.append(f"{file.name}: expected whole numbers of {width * 8} bits, found {len(content)} bytes: cut short?")
        return np.empty(0)
    return np.frombuffer(content, dtype=f">u{width}").astype(np.float64)


def _width(file: Path, content: bytes) -> int:
    """Bytes a time."""
    suffix = file.suffix.lower()
    if suffix != ".t":
        return 8 if suffix == ".t64" else 4
    upper = np.frombuffer(content[: len(content) // 8 * 8], dtype=">u4")[::2]
    return 8 if len(upper) and len(content) % 8 == 0 and not upper.any() else 4
