"""The cell-array layout of the Frank and Jadhav labs (filter framework): <animal>spikes<day>.mat and files beside it.

spikes{day}{epoch}{tetrode}{cell}.data has the spike times in its first column; a recording is one day. Beside it, each
optional: <animal>cellinfo.mat and <animal>tetinfo.mat (areas), <animal>pos<day>.mat, <animal>task<day>.mat,
<animal>trajinfo<day>.mat and others; see docs/matlab.md. MATLAB files of version 5 to 7.3.

A cell of a tetrode is one unit in all epochs of the day; where an epoch lacks it, it was not recorded then, which is
not silence. Trials come from trajinfo or similar, or from a table beside: <animal>spikes<day>.trials.csv.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Section
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import ReadLog, Sidecars, concatenate_trains, read_sidecars, with_sidecars
from spikebridge.io.formats.frank import files, write_day
from spikebridge.io.formats.frank import tables as day_tables
from spikebridge.io.formats.frank.clock import Epochs, TickRates, choose_tick_rates, epochs_table, find_epochs
from spikebridge.io.formats.frank.files import Structs
from spikebridge.io.formats.frank.trains import EpochTrain, day_units, read_trains
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals, merge_intervals

FORMAT = "Frank/Jadhav lab cell arrays (<animal>spikes<day>.mat)"
LIBRARIES = ("scipy.io", "h5py")
TRIALS = ("trials", "trajinfo", "runtrialbounds", "runtrajbounds")
"""The first of them that is there is the table `trials`, where no table beside has that name."""
REQUIRED_SOUND = ("cellinfo", "tetinfo", "pos", "task")
"""Files that must be sound where they are there; others are left out, with a note."""
INTERVALS = ("sleep", "sws", "rem")


class Options(Section):
    """time_unit: of the spikes; "timestamps" are 1/10000 s. auto: what the files say; an error where they disagree."""

    time_unit: Literal["auto", "s", "ms", "timestamps"] = "auto"


def can_read(path: Path) -> bool:
    return files.is_spikes_file(path)


def name_of(path: Path) -> str:
    """bonspikes03.mat -> bon03."""
    session = files.day_session(path)
    return session.name if session else path.stem


def files_of(path: Path) -> list[Path]:
    """The spikes file, the files of the layout that are read, and the tables beside."""
    session = files.day_session(path)
    of_layout = session.other_files().values() if session else ()
    tables = (p for p in path.parent.iterdir() if p.name.startswith(f"{path.stem}.") and p.is_file())
    return sorted({path, *of_layout, *tables})


@dataclass(frozen=True)
class DayContents:
    """What the files of one day hold, with the clocks that they agree on."""

    trains: list[EpochTrain]
    structs: Mapping[str, Structs]
    pos: list[day_tables.EpochSeries]
    clocks: TickRates
    epochs: Epochs


def read(path: Path, options: Options) -> Contents:
    """Read one day. Raises DataError naming everything that is wrong in it."""
    session, log = files.day_session(path), ReadLog()
    if session is None:
        log.add_error(
            "frank-file-name", path, "expected a file called <animal>spikes<day>.mat, such as bonspikes03.mat"
        )
    log.raise_errors(path)
    assert session is not None  # else the check would have raised
    day = _read_day(session, options, log)
    units = day_units(day.trains, day.structs["cellinfo"], day.structs["tetinfo"], log)
    log.raise_errors(path)
    sidecars = read_sidecars(path)
    tables, behavior = _tables(day, sidecars, log), _behavior(day, sidecars, log)
    of_unit = tuple(day.epochs.of_unit(k) for k in zip(units["tetrode"], units["cell"], strict=True))
    contents = Contents(
        name=session.name,
        animal=session.animal or "unsidecars",
        spikes=_spikes(day, units),
        units=units,
        tables=tables,
        behavior=behavior,
        observed=_observed(day, units, of_unit, log) if sidecars.observed is None else None,
        observed_of_unit=of_unit,
        source_file=path.name,
        notes=tuple(log.notes),
    )
    return with_sidecars(contents, sidecars, path)


def _read_day(session: files.DaySession, options: Options, log: ReadLog) -> DayContents:
    trains = read_trains(session, log)
    if not trains and not log.errors:
        log.add_error(
            "frank-units-missing",
            session.path,
            f"expected units in spikes{{{int(session.day)}}}, found none in any epoch",
        )
    log.raise_errors(session.path)
    structs = _structs(session, log)
    pos = day_tables.pos_series(structs["pos"], log)
    clocks = choose_tick_rates(
        trains, {s.epoch: s.time for s in pos}, _unit_text(structs["pos"]), options.time_unit, log
    )
    log.raise_errors(session.path)
    epochs = find_epochs(trains, {s.epoch: s.time for s in pos}, clocks, log)
    return DayContents(trains, structs, pos, clocks, epochs)


def _structs(session: files.DaySession, log: ReadLog) -> dict[str, Structs]:
    """Kind -> (epoch, ...) -> struct; empty for files that are not there, with a note for those that name regions."""
    depth = {"cellinfo": 3, "tetinfo": 2, "dio": 2}
    files_of_kind = session.other_files()
    structs: dict[str, Structs] = {kind: {} for kind in (*files.OF_ANIMAL, *files.OF_DAY)}
    for kind, path in files_of_kind.items():
        own = log if kind in REQUIRED_SOUND else ReadLog()
        held = files.load_day(path, session, kind, own)
        structs[kind] = dict(files.nested_structs(held, depth.get(kind, 1), f"{path.name}: {kind}", own))
        if own is not log:  # labs have files of these names with other contents
            structs[kind] = {} if own.errors else structs[kind]
            log.notes.extend([_file_not_used(path, own.errors[0].text)] if own.errors else own.notes)
    expected = {"cellinfo": f"{session.animal}cellinfo.mat"} | {
        k: f"{session.animal}{k}{session.day}.mat" for k in ("pos", "task")
    }
    absent = [name for kind, name in expected.items() if kind not in files_of_kind]
    if absent:
        log.notes.append(Finding.warning("files-absent", session.animal, f"not beside it: {listed(absent)}"))
    return structs


def _file_not_used(path: Path, error: str) -> Finding:
    return Finding.warning("file-of-other-content", path.name, f"{path.name} is not used: {error}")


def _unit_text(pos: Structs) -> str:
    return "; ".join(
        {f"{files.joined_text(s.get('fields'))}; {files.joined_text(s.get('descript'))}": None for s in pos.values()}
    )


def _spikes(day: DayContents, units: pd.DataFrame) -> pd.DataFrame:
    """Each unit's spikes, epoch by epoch."""
    ticks = day.clocks.spikes
    of_key: dict[tuple[int, int], list[NDArray[np.float64]]] = {}
    for train in sorted(day.trains, key=lambda t: t.epoch):
        of_key.setdefault(train.key, []).append(train.times if ticks == 1.0 else train.times / ticks)
    keys = zip(units["tetrode"], units["cell"], strict=True)
    return concatenate_trains(units["unit"].to_numpy(), [np.concatenate(of_key[k]) for k in keys])


def _observed(
    day: DayContents, units: pd.DataFrame, of_unit: tuple[NDArray[np.float64], ...], log: ReadLog
) -> NDArray[np.float64] | None:
    """The epochs where all units were recorded in all of them; else None, and the intervals of each unit decide."""
    recorded = sorted({t.epoch for t in day.trains} & set(day.epochs.spans))
    whole = merge_intervals(as_intervals([day.epochs.spans[e] for e in recorded]))
    partly = [str(n) for n, own in zip(units["name"], of_unit, strict=True) if not np.array_equal(own, whole)]
    if not partly:
        return whole
    log.notes.append(
        Finding.warning(
            "units-not-in-every-epoch",
            "units",
            f"{len(partly)} of {len(units)} units were not recorded in every epoch, which counts as missing, not as "
            f"silence: {listed(partly, 10)}",
        )
    )
    return None


def _tables(day: DayContents, sidecars: Sidecars, log: ReadLog) -> dict[str, pd.DataFrame]:
    """epochs, trials and other intervals. A table `trials` beside is used; the layout's own then keeps its name."""
    tables: dict[str, pd.DataFrame] = {}
    for kind in (*TRIALS, *INTERVALS):
        frame = day_tables.epoch_intervals(day.structs[kind], kind, log) if day.structs[kind] else None
        frame = None if frame is None else day_tables.table_in_seconds(frame, day.epochs.spans, kind, log)
        tables |= {} if frame is None else {kind: frame}
    pulses = day_tables.dio_pulses(day.structs["dio"])
    pulses = None if pulses is None else day_tables.table_in_seconds(pulses, day.epochs.spans, "dio", log)
    tables |= {} if pulses is None else {"dio": pulses}
    first = next((kind for kind in TRIALS if kind in tables), None)
    if first and "trials" not in sidecars.tables:
        tables = {("trials" if kind == first else kind): frame for kind, frame in tables.items()}
    return {
        "epochs": epochs_table(day.epochs, day.structs["task"]),
        **tables,
    }


def _behavior(day: DayContents, sidecars: Sidecars, log: ReadLog) -> pd.DataFrame:
    """Positions and events; a series of the table beside replaces one of the layout."""
    kinds = {"pos": day.pos, "linpos": [*day_tables.linpos_series(day.structs["linpos"])]}
    kinds["dio"] = [*day_tables.dio_series(day.structs["dio"])]
    own = pd.concat([day_tables.behavior_in_seconds(s, day.epochs.spans, kind, log) for kind, s in kinds.items()])
    twice = sorted({*own["series"].unique()} & {*sidecars.behavior["series"].unique()})
    if twice:
        text = f"series {listed(twice)} are taken from the table of behaviour beside it"
        log.notes.append(Finding.warning("series-in-table-beside", "behavior", text))
    return own[~own["series"].isin(twice)].reset_index(drop=True)


def write(recording: Recording, folder: Path) -> Path:
    """Write one day: MATLAB 5 files of the layout, and tables beside for what it cannot hold.

    The name must end in digits, the day; "01" is added where it does not.
    """
    return write_day(recording, Path(folder))
