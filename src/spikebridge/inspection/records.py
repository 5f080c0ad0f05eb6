"""The results of an inspection, as plain records. `to_dict` prepares them for JSON; its keys are the field names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spikebridge.errors.findings import Finding, Refusal

INCOMPLETE_PROPOSAL = "incomplete-proposal"
"""The code of problems that are in `Proposal.missing`."""
UNREADABLE_RECORDINGS = "unreadable-recordings"


@dataclass(frozen=True)
class RegionSummary:
    """Units of one region. rate_hz: quartiles over units, spikes per observed second.

    contaminated: units with too many spikes within the refractory period to be one neuron; None where the spike times
    are too coarse to count these. few_spikes: units with fewer than `regions.FEW_SPIKES`. rate_change: median over
    units of the rate in the last third of the observed time divided by the rate in the first third.
    """

    name: str
    units: int
    rate_hz: tuple[float, float, float]
    contaminated: int | None
    few_spikes: int
    rate_change: float


@dataclass(frozen=True)
class ColumnSummary:
    """One column of an interval table.

    kind: time (on the clock of the recording), relative (seconds after another time of the row), number, flag or text.
    low, high: of numbers and times. classes: value -> rows, where there are at most `tables.MAX_CLASSES`; else empty.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    low: float | None
    high: float | None
    classes: Mapping[str, int]


@dataclass(frozen=True)
class LabelCandidate:
    """A possible trials.label: a column, or class -> expression over several columns.

    classes: class -> trials. columns: those that it uses. missing: trials without a class. guess: an assumption that
    the user should check, or empty.
    """

    label: str | Mapping[str, str]
    classes: Mapping[str, int]
    columns: tuple[str, ...]
    missing: int = 0
    guess: str = ""


@dataclass(frozen=True)
class TableSummary:
    """One interval table.

    label_candidates: possible values of trials.label, best first. align_columns: columns that may be trials.align, best
    first.
    """

    name: str
    rows: int
    start_s: float | None
    stop_s: float | None
    columns: tuple[ColumnSummary, ...]
    label_candidates: tuple[LabelCandidate, ...]
    align_columns: tuple[str, ...]

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The label candidates that are single columns, best first."""
        return tuple(c.label for c in self.label_candidates if isinstance(c.label, str))


@dataclass(frozen=True)
class SeriesSummary:
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
class SpikeSummary:
    """The spikes of a recording.

    resolution_s: the step of the spike times where it is too coarse to count refractory violations; else 0.
    observed_from: the source of the observed time: "file", "units", "spikes" (first to last spike), or the name of the
    interval table that contains all spikes. observed: (start, stop), seconds. silent_intervals: parts of the observed
    time in which no unit fires. enclosing_table: the interval table that contains all spikes though the file declares
    more observed time; else "".
    """

    count: int
    first_s: float | None
    last_s: float | None
    resolution_s: float
    observed_from: str
    observed_s: float
    observed: tuple[tuple[float, float], ...]
    silent_intervals: tuple[tuple[float, float], ...]
    enclosing_table: str = ""

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last spike."""
        return 0.0 if self.first_s is None or self.last_s is None else self.last_s - self.first_s


@dataclass(frozen=True)
class RecordingSource:
    """Where a recording was read from. format: for people, such as "NWB (HDF5)"; reader: as in `data.reader`."""

    path: str
    format: str
    reader: str


@dataclass(frozen=True)
class RecordingSummary:
    """One recording; where it cannot be read, `error` says why and the rest is empty.

    regions: value of `data.region_from` -> its regions, those with most units first.
    """

    name: str
    source: RecordingSource
    error: Refusal | None = None
    animal: str = ""
    units: int = 0
    spikes: SpikeSummary | None = None
    regions: Mapping[str, tuple[RegionSummary, ...]] = field(default_factory=dict)
    tables: tuple[TableSummary, ...] = ()
    behavior: tuple[SeriesSummary, ...] = ()
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """Proposed sections of params.yaml.

    Parameters
    ----------
    data, trials, bins : Mapping
        The sections, key -> value.
    comments : Mapping
        "section.key" -> why this value is a guess.
    region_column : Mapping
        Recording -> the column of its units (or property of its electrodes) that gives the regions.
    missing : Mapping
        What could not be proposed ("regions", "table", "label", "align") -> why. The proposal does not run while
        anything is missing.
    translator : Mapping
        Settings of models.seq2seq that depend on the recordings; empty while the windows are not known.
    reasons : Mapping
        Setting of `translator` -> why it has this value.
    """

    data: Mapping[str, Any]
    trials: Mapping[str, Any]
    bins: Mapping[str, Any]
    comments: Mapping[str, str]
    region_column: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)
    translator: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DryRun:
    """The result of running the first stages with a proposal.

    Parameters
    ----------
    runs : bool
        False where a stage refuses the proposal, or where a recording cannot be read.
    stages : tuple of str
        The stages that were run, of ingest, preprocess and split.
    problems : tuple of Finding
        Why the proposal does not run.
    trials_used : Mapping
        Recording -> (trials used, all trials).
    class_counts : Mapping
        Class -> trials, over the recordings.
    units_used : Mapping
        "source", "target" -> (units used, all units), over the recordings.
    filters : tuple of str
        One line for each filter of units, over the recordings.
    unreadable : tuple of str
        Recordings that cannot be read. Only the others were run and counted.
    """

    runs: bool
    stages: tuple[str, ...] = ()
    problems: tuple[Finding, ...] = ()
    trials_used: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    class_counts: Mapping[str, int] = field(default_factory=dict)
    units_used: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """Everything that was found at a path.

    Parameters
    ----------
    path : str
        The inspected file or folder.
    recordings : tuple of RecordingSummary
        Every recording, in the order of their names.
    regions : tuple of RegionSummary
        Over all recordings, as the proposal reads them.
    tables : tuple of TableSummary
        Interval tables; those of the same name are taken together over the recordings.
    not_read : tuple of str
        Names of files and folders that are not recordings.
    warnings : tuple of Finding
        About the recordings as a group; each recording has its own beside these.
    proposal : Proposal
        Parameters for these recordings.
    dry_run : DryRun
        The result of running the proposal.
    proposed_yaml : str
        The proposal as sections of params.yaml.
    """

    path: str
    recordings: tuple[RecordingSummary, ...]
    regions: tuple[RegionSummary, ...]
    tables: tuple[TableSummary, ...]
    not_read: tuple[str, ...]
    warnings: tuple[Finding, ...]
    proposal: Proposal
    dry_run: DryRun
    proposed_yaml: str


def to_dict(inspection: Inspection) -> dict[str, Any]:
    """Convert an inspection into plain objects for JSON.

    Parameters
    ----------
    inspection : Inspection
        The result of `inspect`.

    Returns
    -------
    dict
        Only objects, lists, text, numbers, true, false and null; NaN and infinity become null.
    """
    plain: dict[str, Any] = _plain(asdict(inspection))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
