"""MClust: a folder with one .t file (or .t32, .t64, .raw32, .raw64) a unit, such as TT2_1.t.

A header between %%BEGINHEADER and %%ENDHEADER, then big-endian unsigned integers of 32 or 64 bits in units of 0.1 ms,
but for files whose writer kept the microseconds of Neuralynx: `time_step_us`. Files .raw32 and .raw64 keep whatever
unit MClust was given, and are refused until `time_step_us` says it. Neither the header nor the file says how many
spikes there are: one that is cut short between two of them reads as a unit that fell silent. Some versions write 64
bits into plain .t files. Read as 32 bits these would be pairs of a small number and a spike; all plain files of a
folder together show which it is (see `read_steps`).

Read without SpikeInterface, whose extractor calls a unit by the number after the last underscore only, so that TT1_1
and TT2_1 are one unit with the spikes of the later file; it also rounds times to a rate that must be made up.

Units are counted from 0 in the order of the names, TT2 before TT10; `name` is the file's, `tetrode` its number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import concatenate_trains, raise_errors, write_sidecars
from spikebridge.io.formats.sorting import SortedUnits, detect_reader, join_sidecars, to_samples
from spikebridge.io.formats.sorting.detection import sidecar_files, t_files, visible_files
from spikebridge.io.formats.sorting.sorted_units import region_runs
from spikebridge.types import Recording

FORMAT = "MClust .t files in a folder"
TIME_STEP_S = 1e-4
DEFAULT_STEP_US = 100.0
CLOCK_HZ = 10000.0
TETRODE = re.compile(r"(?:TT|ST|SE|Sc|tetrode)[ _-]?(\d+)|(\d+)_\d+$", re.IGNORECASE)
Order = Literal["big", "little"]
MIN_SPIKES = 8
"""Spikes from which the order of a file's times says how they are stored."""
HEADER_BEGIN = b"%%BEGINHEADER"
HEADER_END = re.compile(rb"%%ENDHEADER[ \t]*\r?\n", re.IGNORECASE)
OTHER_ORDER: dict[Order, Order] = {"big": "little", "little": "big"}


class Options(Section):
    """tetrode_regions: number of a tetrode -> region. time_step_us: microseconds of one step of the times; 100 of .t
    files where it is not given. byte_order: of the integers; MClust writes big-endian ones.
    """

    tetrode_regions: dict[int, str] = {}
    time_step_us: Positive | None = None
    byte_order: Literal["big", "little"] = "big"


def can_read(path: Path) -> bool:
    return detect_reader(path) == "mclust"


def takes(path: Path) -> bool:
    """Named by the user: files without a header are read as well."""
    try:
        return path.is_dir() and len(t_files(path)) > 0
    except OSError:
        return False


def files_of(path: Path) -> list[Path]:
    return t_files(path) + sidecar_files(path)


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in it."""
    notes: list[Finding] = []
    files = _without_raw_twins(t_files(path), notes)
    wrong = [
        Finding.error("mclust-unit-in-several-files", s, f"unit {s} is in several files")
        for s in _duplicates([f.stem for f in files])
    ]
    if options.time_step_us is None:
        wrong += _unknown_step([f for f in files if is_raw(f)])
    per_s = 1e6 / (options.time_step_us or DEFAULT_STEP_US)  # divided by: 10000 is exact, 1e-4 is not
    trains = [steps / per_s for steps in read_steps(files, options.byte_order, wrong)]
    raise_errors(path, wrong)
    ids = np.arange(len(files), dtype=np.int64)
    units = pd.DataFrame({"unit": ids, "name": [f.stem for f in files]})
    units["tetrode"] = _tetrodes(units["name"])
    if units["tetrode"].isna().any():
        text = f"no tetrode in the names of {listed(units['name'][units['tetrode'].isna()], 5)}"
        notes.append(Finding.warning("names-without-tetrode", "tetrode", text))
    aside = len([p for p in visible_files(path) if p.suffix == "._t"])
    if aside:
        notes.append(
            Finding.warning(
                "clusters-set-aside", "files ._t", f"{aside} files ._t, clusters set aside in MClust, are not read"
            )
        )
    output = SortedUnits(
        units,
        concatenate_trains(ids, trains),
        tuple(notes),
        regions_by=("tetrode", "tetrode_regions", options.tetrode_regions),
    )
    return join_sidecars(path, output, path.name)


def write(recording: Recording, folder: Path) -> Path:
    """Write one .t file a unit, and units.csv by name.

    Raises DataError for times that are negative or no whole multiple of 0.1 ms.
    """
    samples, _ = to_samples(recording, (CLOCK_HZ,))
    if len(samples) and not 0 <= samples.min() <= samples.max() < 2**32:
        raise DataError.of(
            "mclust-write-times-out-of-range",
            recording.name,
            f"MClust holds times from 0 to {2**32 / CLOCK_HZ:g} s only",
        )
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    owner = recording.spikes["unit"].to_numpy()
    tetrode = region_runs(recording.units)
    cell = pd.Series(tetrode).groupby(tetrode).cumcount() + 1
    names = [f"TT{t}_{c}" for t, c in zip(tetrode, cell, strict=True)]
    for name, unit in zip(names, recording.units["unit"], strict=True):
        train = samples[owner == unit].astype(">u4")
        (path / f"{name}.t").write_bytes(b"%%BEGINHEADER\n%%ENDHEADER\n" + train.tobytes())
    write_sidecars(recording, path, unit_names=names)
    return path


def _without_raw_twins(files: list[Path], notes: list[Finding]) -> list[Path]:
    """Without the .raw file of a unit that has a .t file as well: that one has a known unit of time."""
    known = {f.stem for f in files if not is_raw(f)}
    twins = [f for f in files if is_raw(f) and f.stem in known]
    if twins:
        text = f"not read, since the same units have .t files: {listed((f.name for f in twins), 5)}"
        notes.append(Finding.warning("raw-files-not-read", "files .raw", text))
    return [f for f in files if f not in twins]


def _unknown_step(raw: list[Path]) -> list[Finding]:
    if not raw:
        return []
    text = (
        f"{listed((f.name for f in raw), 5)}: MClust writes times into .raw files as it was given them, and their unit "
        "is not known:"
    )
    remedy = (
        "set data.options: {time_step_us: 100} where one step is 0.1 ms, 1 where it is a microsecond (Neuralynx), "
        "1000000 where it is a second"
    )
    return [Finding.error("mclust-time-step-unknown", "data.options.time_step_us", text, remedy)]


def _duplicates(names: list[str]) -> list[str]:
    return sorted({n for n in names if names.count(n) > 1})


def _tetrodes(names: pd.Series) -> pd.Series:
    matches = [TETRODE.search(name) for name in names]
    numbers = [int(m[1] or m[2]) if m else None for m in matches]
    return pd.Series(numbers, dtype="float64" if None in numbers else "int64")


def is_raw(file: Path) -> bool:
    return file.suffix.lower().startswith(".raw")


def read_steps(files: Sequence[Path], order: Order, wrong: list[Finding]) -> list[NDArray[np.float64]]:
    """(spike,) of each file, whole steps. What is wrong goes to `wrong`, and such a file has no spikes."""
    contents = [_spike_bytes(file, wrong) for file in files]
    plain = [_width_in_content(c, order) for f, c in zip(files, contents, strict=True) if f.suffix.lower() == ".t"]
    usual = 8 if 8 in plain and 4 not in plain else 4
    return [_train_steps(f, c, order, usual, wrong) for f, c in zip(files, contents, strict=True)]


def _spike_bytes(file: Path, wrong: list[Finding]) -> bytes:
    """What follows the header."""
    try:
        content = file.read_bytes()
    except OSError as error:
        wrong.append(Finding.error("mclust-file-not-read", file.name, f"{file.name} cannot be read: {error.strerror}"))
        return b""
    if content[: len(HEADER_BEGIN)].upper() != HEADER_BEGIN:
        return content
    end = HEADER_END.search(content)
    if end is None:
        wrong.append(
            Finding.error(
                "mclust-header-without-end",
                file.name,
                f"{file.name}: expected %%ENDHEADER after %%BEGINHEADER, found none",
            )
        )
        return b""
    return content[end.end() :]


def _train_steps(file: Path, content: bytes, order: Order, usual: int, wrong: list[Finding]) -> NDArray[np.float64]:
    suffix = file.suffix.lower()
    width = 8 if suffix.endswith("64") else 4 if suffix != ".t" else (_width_in_content(content, order) or usual)
    if len(content) % width:
        wrong.append(
            Finding.error(
                "mclust-file-cut",
                file.name,
                f"{file.name}: expected whole numbers of {width * 8} bits, found {len(content)} bytes: cut short?",
            )
        )
        return np.empty(0)
    times, other = _integers(content, width, order), _integers(content, width, OTHER_ORDER[order])
    if len(times) >= MIN_SPIKES and not _rise(times) and _rise(other):
        wrong.append(
            Finding.error(
                "mclust-byte-order",
                file.name,
                f"{file.name}: times do not rise as {order}-endian integers, and do as {OTHER_ORDER[order]}-endian "
                f"ones ({other[0]} to {other[-1]}): set data.options: {{byte_order: {OTHER_ORDER[order]}}}",
            )
        )
        return np.empty(0)
    return times.astype(np.float64)


def _width_in_content(content: bytes, order: Order) -> int | None:
    """Bytes of an integer by the content of a plain .t file; None where it does not show it."""
    if len(content) % 8:
        return 4
    if not content:
        return None
    times, narrow = _integers(content, 8, order), _integers(content, 4, order)
    upper = times >> np.uint64(32)
    if not upper.any():
        return 8
    if len(narrow) < MIN_SPIKES:
        return None
    repeats = 2 * len(np.unique(upper)) <= len(upper)
    return 8 if not _rise(narrow) and _rise(times) and repeats else 4


def _integers(content: bytes, width: int, order: Order) -> NDArray[Any]:
    return np.frombuffer(content, dtype=f"{'>' if order == 'big' else '<'}u{width}")


def _rise(times: NDArray[Any]) -> bool:
    return bool((times[1:] >= times[:-1]).all())
