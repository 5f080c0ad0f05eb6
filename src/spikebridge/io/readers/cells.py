"""One file a cell: a folder with cell_01.txt, cell_02.txt, ... (or .csv, .mat), each a list of spike times.

A file of text has one number a line, perhaps below a heading; a .mat file has one variable, a vector. Every name has a
number; some differ in it alone (HC_1, HC_2), or hold a word such as cell, unit or TT; none says lick, ttl, trial or the
like. Regions, trials and behaviour come from tables beside them.

Units are counted from 0 in the order of the names, cell2 before cell10; `name` is the file's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import ReadLog, concatenate_trains, join_units, write_sidecars
from spikebridge.io.formats.mat import mat_arrays
from spikebridge.io.formats.mat.files import single_vector
from spikebridge.io.formats.sidecars import TABLE_NAMES, collect_sidecars
from spikebridge.io.formats.sorting import detect_reader
from spikebridge.io.formats.sorting.detection import sidecar_files, visible_files
from spikebridge.io.formats.table.text import unterminated_line_note
from spikebridge.io.readers.tables import Options
from spikebridge.types import Recording

__all__ = ["FORMAT", "Options", "can_read", "files_of", "read", "write"]

FORMAT = "one file a cell (.txt, .csv, .mat) in a folder"
SUFFIXES = (".txt", ".csv", ".mat")
MIN_CELLS = 2
WORD = re.compile(r"(?<![a-z])(cell|unit|neuron|clu(ster)?|sig|spk|spikes?|tt|tetrode)(?![a-z])", re.IGNORECASE)
NUMBER = re.compile(r"\d+[a-z]?(?![a-z])", re.IGNORECASE)
NOT_CELL = re.compile(
    r"ttl|event|lick|stim|sync|trial|reward|pos|speed|lever|poke|frame|video|camera|lfp|eeg|log|ripple|epoch|param|rate",
    re.IGNORECASE,
)
MAX_HEAD_LINES = 20
"""Lines that are looked at before a file is taken for a list of numbers."""
MAX_CHARACTERS = 10**7


def can_read(path: Path) -> bool:
    return bool(_cells(path)) and not detect_reader(path)


def files_of(path: Path) -> list[Path]:
    return sorted({*_cells(path), *sidecar_files(path)})


def read(path: Path, options: Options) -> Contents:
    """Read one folder. Raises DataError naming everything that is wrong in any of its files."""
    files = _cells(path)
    log, clock = ReadLog(), options.clock()
    trains = [clock.seconds(_times(file, log)) for file in files]
    names = [f.stem for f in files]
    skip = [f.name for f in visible_files(path) if f.suffix.lower() in SUFFIXES and f.stem.lower() not in TABLE_NAMES]
    tables = [n for n in skip if n not in {f.name for f in files} and _is_interval_table(path / n)]
    trial_clock, behavior_clock = options.clock(options.trial_time_unit), options.clock(options.behavior_time_unit)
    sidecars = collect_sidecars(path, [n for n in skip if n not in tables], log, clock, trial_clock, behavior_clock)
    log.raise_errors(path)
    others = [n for n in skip if n not in {f.name for f in files} and n not in tables]
    notes: list[Finding] = []
    if others:
        text = f"files that are no cells by their names or contents are not read: {listed(others, 8)}"
        notes.append(Finding.warning("files-that-are-no-cells", "files", text))
    ids = np.arange(len(files), dtype=np.int64)
    units = join_units(pd.DataFrame({"unit": ids, "name": names}), sidecars.units, path, notes)
    return Contents(
        name=path.name,
        animal=sidecars.animal,
        spikes=concatenate_trains(ids, trains),
        units=units,
        tables=sidecars.tables,
        behavior=sidecars.behavior,
        observed=sidecars.observed,
        source_file=path.name,
        notes=tuple(dict.fromkeys([*notes, *log.notes, *sidecars.notes])),
    )


def write(recording: Recording, folder: Path) -> Path:
    """Write one .txt file a unit, with every digit of its times, and units.csv by name."""
    path = Path(folder) / recording.name
    path.mkdir(parents=True, exist_ok=True)
    owner, times = recording.spikes["unit"].to_numpy(), recording.spikes["time_s"].to_numpy(dtype=np.float64)
    names = [f"cell_{unit}" for unit in recording.units["unit"]]
    for name, unit in zip(names, recording.units["unit"], strict=True):
        lines = "".join(f"{t!r}\n" for t in times[owner == unit].tolist())
        (path / f"{name}.txt").write_text(lines, encoding="utf-8")
    write_sidecars(recording, path, unit_names=names)
    return path


def _cells(path: Path) -> list[Path]:
    """The files of cells, in the order of their names; none where the folder is no such recording. Never raises."""
    try:
        if not path.is_dir():
            return []
        here = visible_files(path)
        if any(f.stem.lower() == "spikes" for f in here):
            return []
        files = [f for f in here if f.suffix.lower() in SUFFIXES and f.stem.lower() not in TABLE_NAMES]
        suffix = Counter(f.suffix.lower() for f in files if NUMBER.search(f.stem)).most_common(1)
        files = [f for f in files if suffix and f.suffix.lower() == suffix[0][0]]
        files = [f for f in files if NUMBER.search(f.stem) and not NOT_CELL.search(f.stem)]
        patterns = Counter(NUMBER.sub("#", f.stem) for f in files)
        lists = [f for f in files if _is_list(f)]
        named = [f for f in files if _is_name_of_cell(f.stem, patterns)]
        if len(lists) < MIN_CELLS or not named or not set(named) <= set(lists):
            return []
    except (OSError, DataError):
        return []
    return sorted(lists, key=lambda f: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", f.stem)])


def _is_name_of_cell(stem: str, patterns: Counter[str]) -> bool:
    """Whether the name is that of a cell: others differ from it in the number alone, or it holds a word like unit."""
    return patterns[NUMBER.sub("#", stem)] >= MIN_CELLS or bool(WORD.search(re.sub(r"[\d_]+", " ", stem)))


def _is_list(file: Path) -> bool:
    """Whether a file holds a list of numbers and nothing else, by its first lines."""
    if file.suffix.lower() == ".mat":
        return bool(single_vector(file))
    with open(file, encoding="utf-8-sig", errors="replace") as handle:
        lines = [handle.readline(MAX_CHARACTERS) for _ in range(MAX_HEAD_LINES)]
    content = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", "%"))]
    rows = [_numbers_of(line) for line in content]
    if len(rows) == 1:
        return rows[0] is not None
    rows = rows[1:] if rows and rows[0] is None else rows  # a heading
    return all(row is not None and len(row) == 1 for row in rows)


def _numbers_of(line: str) -> list[float] | None:
    """The numbers of a line; None where it is empty, a comment, or holds something else."""
    words = re.split(r"[\s,;]+", line.strip().strip(",;"))
    try:
        return [float(w) for w in words] if words != [""] else None
    except ValueError:
        return None


def _times(file: Path, log: ReadLog) -> NDArray[np.float64]:
    """(spike,), in the unit of the file."""
    if file.suffix.lower() == ".mat":
        try:
            return np.asarray(mat_arrays(file)[single_vector(file)], dtype=np.float64).ravel()
        except DataError as error:
            log.add_refusal(error)
            return np.empty(0)
    raw = file.read_bytes()
    log.notes.extend(unterminated_line_note(file.name, raw))
    lines = raw.decode("utf-8-sig", errors="replace").splitlines()
    kept = [(k + 1, line) for k, line in enumerate(lines) if line.strip() and not line.lstrip().startswith(("#", "%"))]
    first = _numbers_of(kept[0][1]) if kept else None
    if len(kept) == 1 and first is not None:
        return np.array(first, dtype=np.float64)
    return _one_a_line(file, kept[1:] if kept and first is None else kept, log)


def _one_a_line(file: Path, lines: Sequence[tuple[int, str]], log: ReadLog) -> NDArray[np.float64]:
    rows = [(k, line, _numbers_of(line)) for k, line in lines]
    bad = [f"{line.strip()[:30]!r} in line {k}" for k, line, row in rows if row is None or len(row) != 1]
    if bad:
        log.add_error("not-one-time-a-line", file, f"expected one spike time a line, found {listed(bad, 5)}")
        return np.empty(0)
    return np.array([row[0] for _, _, row in rows if row], dtype=np.float64)


def _is_interval_table(file: Path) -> bool:
    if file.suffix.lower() != ".csv":
        return False
    with open(file, encoding="utf-8-sig", errors="replace") as handle:
        return {"start_time", "stop_time"} <= set(re.split(r"[,;\t]", handle.readline().strip()))
