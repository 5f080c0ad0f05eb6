"""What `inspect` finds, as plain records. `document` turns them into JSON; its keys are the names of the fields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spikebridge.errors.findings import Finding


@dataclass(frozen=True)
class Region:
    """Units of one region. rate_hz: quartiles over units, spikes / observed seconds.

    violating: units whose spikes come within the refractory period too often to be of one neuron; None where the spike
    times are too coarse to tell. few_spikes: units with fewer than `spiking.FEW_SPIKES`. rate_change: median over units
    of the rate in the last third of the observed time over that in the first.
    """

    name: str
    units: int
    rate_hz: tuple[float, float, float]
    violating: int | None
    few_spikes: int
    rate_change: float


@dataclass(frozen=True)
class Column:
    """One column of an interval table.

    kind: time (on the clock of the recording), relative (seconds after something of its own row), number, flag or text.
    low, high: of numbers and times. classes: value -> rows, where there are at most `columns.MOST_VALUES`; else empty.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    low: float | None
    high: float | None
    classes: Mapping[str, int]


@dataclass(frozen=True)
class Candidate:
    """What may be trials.label: a column, or class -> expression over several.

    classes: class -> trials. columns: those that it is made of. missing: trials without a class. guess: what to check.
    """

    label: str | Mapping[str, str]
    classes: Mapping[str, int]
    columns: tuple[str, ...]
    missing: int = 0
    guess: str = ""


@dataclass(frozen=True)
class Table:
    """One interval table. candidates: what may be trials.label, best first; labels: those that are columns. aligns:
    names of columns that may be trials.align, best first."""

    name: str
    rows: int
    start_s: float | None
    stop_s: float | None
    columns: tuple[Column, ...]
    candidates: tuple[Candidate, ...]
    labels: tuple[str, ...]
    aligns: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """One behavioural series. rate_hz: one over the median step between samples; None where there is one sample."""

    name: str
    samples: int
    missing: int
    rate_hz: float | None
    low: float | None
    high: float | None
    start_s: float | None
    stop_s: float | None


@dataclass(frozen=True)
class Spikes:
    """The spikes of a recording. resolution_s: how exactly their times are known, where that is too coarse to tell
    refractory violations; 0 else.

    observed_from: what says when spikes were recorded: "file", "units", "spikes" (first to last), or the interval table
    that holds all of them. observed: (start, stop), seconds. silences: stretches of the observed time in which no unit
    has a spike. only_inside: the interval table that holds all spikes though the file declares more time; else "".
    """

    number: int
    first_s: float | None
    last_s: float | None
    resolution_s: float
    observed_from: str
    observed_s: float
    observed: tuple[tuple[float, float], ...]
    silences: tuple[tuple[float, float], ...]
    only_inside: str = ""

    @property
    def duration_s(self) -> float:
        return 0.0 if self.first_s is None or self.last_s is None else self.last_s - self.first_s


@dataclass(frozen=True)
class Look:
    """One recording, or in `error` why it cannot be read. regions: `data.region_from` -> regions, by falling units."""

    path: str
    name: str
    format: str
    reader: str
    error: str = ""
    animal: str = ""
    units: int = 0
    spikes: Spikes | None = None
    regions: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    behavior: tuple[Series, ...] = ()
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """Sections of params.yaml. comments: "section.key" -> why, where it is a guess.

    region_column: recording -> where its regions are read from under this proposal. missing: what could not be
    proposed ("regions", "table", "label", "align") -> why; the block does not run as long as anything is in there.
    """

    data: Mapping[str, Any]
    trials: Mapping[str, Any]
    bins: Mapping[str, Any]
    comments: Mapping[str, str]
    region_column: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """What came of trying a proposal. runs: False where a stage refuses it, or a recording is broken.

    problems: why it does not run. broken: recordings that cannot be read; the others alone were tried, and kept, labels
    and units speak of these.
    stages: those that were tried, of ingest, preprocess and split. kept: recording -> trials used, of all.
    labels: class -> trials, over the recordings. units: "source", "target" -> units used, of all, over the recordings.
    filters: one line for each filter of units, over the recordings.
    """

    runs: bool
    stages: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    kept: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """Everything about a path. regions: over all recordings, as the proposal reads them; tables: over all, by name.

    not_read: names of what lies in the folder and is no recording. block: the proposal as YAML.
    """

    path: str
    recordings: tuple[Look, ...]
    regions: tuple[Region, ...]
    tables: tuple[Table, ...]
    not_read: tuple[str, ...]
    warnings: tuple[Finding, ...]
    proposal: Proposal
    trial: Trial
    block: str


def document(found: Inspection) -> dict[str, Any]:
    """For programs: nothing but objects, lists, text, numbers, true, false and null (also for NaN and infinity)."""
    plain: dict[str, Any] = _plain(asdict(found))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
