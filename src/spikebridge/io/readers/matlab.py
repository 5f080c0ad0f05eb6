"""MATLAB files of version 5 to 7.3 with any content: data.options say which field is what. See docs/matlab.md.

Without options only a file is read whose variables are called as `write` calls them: spikes (cell array, one vector a
unit), units (struct of columns, one of them unit), and perhaps trials (struct of columns), behavior (struct array with
name, time and value), animal and observed. Of any other file, the error shows what it holds and proposes options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationInfo, field_validator, model_validator

from spikebridge.config import Positive, Section
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats import ReadLog, Sidecars, read_sidecars, with_sidecars
from spikebridge.io.formats.binned import holds_counts
from spikebridge.io.formats.frank import belongs_to_layout, is_stray_file
from spikebridge.io.formats.mat import list_contents, load_mat, mat_version, propose_options, save_mat
from spikebridge.io.formats.mat.fields import (
    FieldReader,
    behavior_field,
    interval_table_field,
    observed_field,
    text_field,
)
from spikebridge.io.formats.mat.propose import options_yaml
from spikebridge.io.formats.mat.units import SpikePaths, spikes_and_units
from spikebridge.io.formats.mat.values import to_cell, to_struct
from spikebridge.io.formats.table import TimeUnit
from spikebridge.types import Recording

FORMAT = "MATLAB .mat (v5 to v7.3), fields named in data.options"
LIBRARIES = ("scipy.io", "h5py")
TICKS_PER_S = {"s": 1.0, "ms": 1e3, "us": 1e6}
Unit = Literal["s", "ms", "us", "samples"]


class SeriesPaths(Section):
    """Paths of one behavioural series: two vectors of one length; value may have several columns."""

    time: str
    value: str


class Options(Section):
    """Every value is the path of a field in the file, such as session.units.spike_times, unless it says otherwise.

    spikes: cell array, or field of a struct array: one vector of spike times a unit. Or spike_times and spike_units:
    two vectors, one value a spike. unit_id, region: one value a unit. units: further columns, or a struct of columns.
    trials: columns (start_time, stop_time, ...), or a struct of them, or a struct array. tables: further interval
    tables, like trials. behavior: series, or a struct of them, or a struct array with name, time, value. animal: a
    text in the file. observed: (interval, 2).

    time_unit: of the spikes, and of all else but where trial_time_unit (trials, tables) or behavior_time_unit say
    otherwise; sampling_rate_hz: of "samples"; time_columns: columns of interval tables that hold times though their
    names do not end in _time.
    """

    spikes: str | None = None
    spike_times: str | None = None
    spike_units: str | None = None
    unit_id: str | None = None
    region: str | None = None
    units: str | dict[str, str] = {}
    trials: str | dict[str, str] = {}
    tables: dict[str, str | dict[str, str]] = {}
    behavior: str | dict[str, SeriesPaths] = {}
    animal: str | None = None
    observed: str | None = None
    time_unit: Unit | None = None
    trial_time_unit: Unit | None = None
    behavior_time_unit: Unit | None = None
    sampling_rate_hz: Positive | None = None
    time_columns: list[str] = []

    @field_validator("units", "trials", "behavior", mode="before")
    @classmethod
    def _path_or_paths(cls, value: Any, info: ValidationInfo) -> Any:
        """One plain message instead of one for each kind that it might have been."""
        kind, words = (dict, "{time: path, value: path}") if info.field_name == "behavior" else (str, "path")
        if isinstance(value, str) or (isinstance(value, dict) and all(isinstance(v, kind) for v in value.values())):
            return value
        raise ValueError(f"must be the path of a struct, or {{name: {words}, ...}}")

    @model_validator(mode="after")
    def _check_together(self) -> Options:
        if (self.spike_times is None) != (self.spike_units is None):
            raise ValueError("spike_times and spike_units need each other")
        if self.spikes is not None and self.spike_times is not None:
            raise ValueError("expected either spikes or spike_times with spike_units, got both")
        units = {self.time_unit, self.trial_time_unit, self.behavior_time_unit}
        if ("samples" in units) != (self.sampling_rate_hz is not None):
            raise ValueError("a time unit of samples and sampling_rate_hz need each other")
        return self

    @property
    def spike_paths(self) -> SpikePaths:
        return SpikePaths(self.spikes, self.spike_times, self.spike_units, self.unit_id, self.region, self.units)

    @property
    def names_spikes(self) -> bool:
        return self.spikes is not None or self.spike_times is not None

    def clock(self, unit: Unit | None) -> TimeUnit:
        unit = unit or self.time_unit or "s"
        return TimeUnit(unit, float(TICKS_PER_S.get(unit) or self.sampling_rate_hz or 1.0), tuple(self.time_columns))


def can_read(path: Path) -> bool:
    if not takes(path):
        return False
    return not (belongs_to_layout(path) or _of_cell_explorer(path) or is_stray_file(path) or _holds_counts(path))


def takes(path: Path) -> bool:
    return path.suffix.lower() == ".mat" and bool(mat_version(path))


def _holds_counts(path: Path) -> bool:
    """Counts in bins, by the name of their array: those are for the reader `binned`."""
    try:
        return holds_counts(path)
    except DataError:
        return False


def _of_cell_explorer(path: Path) -> bool:
    """Files of one session are called <session>.<what>.mat; one of them is <session>.spikes.cellinfo.mat."""
    parts = path.name.split(".")
    sessions = (".".join(parts[:k]) for k in range(1, len(parts) - 1))
    return any(path.with_name(f"{s}.spikes.cellinfo.mat").is_file() for s in sessions)


def read(path: Path, options: Options) -> Contents:
    """Read one file. Raises DataError with every path that is missing or of the wrong kind, and what the file holds."""
    log = ReadLog()
    if not options.names_spikes:
        options = _own_layout(path, options, log)
        log.raise_errors(path)
    fields = FieldReader(path, log)
    units, spikes = spikes_and_units(
        fields, options.spike_paths, options.clock(None), unit_is_given=options.time_unit is not None
    )
    trial_clock = options.clock(options.trial_time_unit)
    asked = {"trials": options.trials, **options.tables} if options.trials else options.tables
    tables = {name: interval_table_field(fields, name, paths, trial_clock) for name, paths in asked.items()}
    behavior = behavior_field(fields, options.behavior, options.clock(options.behavior_time_unit))
    observed = observed_field(fields, options.observed, options.clock(None))
    animal = text_field(fields, "animal", options.animal)
    fields.raise_errors()
    sidecars = read_sidecars(path)
    contents = Contents(
        name=path.stem,
        animal=animal or "unknown",
        spikes=spikes,
        units=units,
        tables=tables,
        behavior=no_behavior() if len(sidecars.behavior) else behavior,
        observed=observed,
        source_file=path.name,
        notes=(*log.notes, *_replaced_notes(sidecars, tables, behavior)),
    )
    return with_sidecars(contents, sidecars, path)


def _replaced_notes(sidecars: Sidecars, tables: dict[str, pd.DataFrame], behavior: pd.DataFrame) -> list[Finding]:
    twice = [n for n in tables if n in sidecars.tables]
    twice += ["behavior"] if len(sidecars.behavior) and len(behavior) else []
    texts = {name: f"{name} is in the file and in a table beside it; the table beside it is taken" for name in twice}
    return [Finding.warning("replaced-by-table-beside", name, text) for name, text in texts.items()]


def _own_layout(path: Path, options: Options, log: ReadLog) -> Options:
    """The options for a file as `write` makes it; else the log says what the file holds."""
    variables = load_mat(path, values=False)
    proposal = propose_options(variables)
    if proposal.get("spikes") == "spikes" and proposal.get("unit_id") == "units.unit":
        own = {"spikes": "spikes", "unit_id": "units.unit", "units": "units"}
        own |= {n: n for n in ("trials", "behavior", "animal", "observed") if n in variables}
        return options.model_copy(update={n: v for n, v in own.items() if not getattr(options, n)})
    proposal |= options.model_dump(exclude_unset=True) if proposal else {}  # what the user said stays
    seems = f"As far as can be told from names and sizes:\n{options_yaml(proposal)}" if proposal else ""
    log.errors.append(
        Finding.error(
            "matlab-spikes-not-named",
            "data.options",
            "data.options must name where the spikes lie: spikes (a cell array with one vector a unit), or spike_times "
            "and spike_units; docs/matlab.md has examples (counts in bins are read by data.reader: binned, "
            f"docs/binned.md). {seems}\nThe file holds:\n{list_contents(variables)}",
        )
    )
    return options


def write(recording: Recording, folder: Path) -> Path:
    """Write a MATLAB 5 file that is read back without options."""
    path = Path(folder) / f"{recording.name}.mat"
    trains = {u: t.to_numpy() for u, t in recording.spikes.groupby("unit", sort=False)["time_s"]}
    cells = [trains.get(u, np.zeros(0)).reshape(-1, 1) for u in recording.units["unit"]]
    variables = {"spikes": to_cell(cells), "units": to_struct(recording.units), "observed": recording.observed}
    variables |= {"trials": to_struct(recording.trials)} if len(recording.trials.columns) else {}
    save_mat(path, variables | {"behavior": _struct_array(recording.behavior), "animal": recording.animal})
    return path


def _struct_array(behavior: pd.DataFrame) -> np.ndarray:
    groups = list(behavior.groupby("series", sort=False))
    array = np.empty((1, len(groups)), dtype=[(n, object) for n in ("name", "time", "value")])
    for k, (name, series) in enumerate(groups):
        array[0, k] = (str(name), *(series[c].to_numpy().reshape(-1, 1) for c in ("time_s", "value")))
    return array
