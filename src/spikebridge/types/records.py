"""The few data objects that travel between the rooms. All frozen; arrays are never modified in place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding

Index = Mapping[str, NDArray[np.int64]]
"""Window numbers per recording."""


@dataclass(frozen=True)
class Recording:
    """One day's data of one animal.

    spikes: columns unit (int64), time_s (float64, seconds), sorted by time within each unit.
    units: one row a unit; columns unit (int64, unique), region (str), and whatever the file holds besides.
    trials: one row a trial, in the order of the file; times in seconds on the clock of the spikes.
    behavior: long table; columns series (str), time_s, value.
    observed: (interval, 2), seconds; when spikes were recorded at all. Outside it, data are missing, not zero.
    resolution_s: seconds; width of the bins that the file holds instead of spike times, 0 where it holds times.
    """

    name: str
    animal: str
    spikes: pd.DataFrame
    units: pd.DataFrame
    trials: pd.DataFrame
    behavior: pd.DataFrame
    observed: NDArray[np.float64]
    source_file: str = ""
    warnings: tuple[Finding, ...] = ()
    resolution_s: float = 0.0


@dataclass(frozen=True)
class Windows:
    """Binned counts of one recording, cut into windows of equal length, sorted by start.

    source, target: (window, bin, unit), spikes per bin, the smallest unsigned integer type that holds them.
    start_s: (window,), seconds; a window covers [start_s, start_s + n_bins * bin_s).
    trial: (window,), row of the trial table, or -1 for a window cut from the continuous stream between trials.
    label: (window,), index into classes, or -1 where there is none.
    decision_s: (window,), seconds, time of the decision; NaN for continuous windows.
    source_units, target_units: (unit,), unit ids in the order of the last axis.
    behavior: (window, bin, series), mean of the samples in each bin, in the unit of the series; NaN where none is.
    covariates: (window, covariate), what was known of a trial before its decision besides spikes and behaviour: see
        preprocess.covariates for the names; NaN where unknown, and in continuous windows.
    Both may be left out: then they have no series and no covariate.
    """

    ROWS: ClassVar[tuple[str, ...]] = (
        "source", "target", "start_s", "trial", "label", "decision_s", "behavior", "covariates"
    )  # fmt: skip
    """The arrays that have one row a window."""

    recording: str
    source: NDArray[np.unsignedinteger]
    target: NDArray[np.unsignedinteger]
    start_s: NDArray[np.float64]
    bin_s: float
    trial: NDArray[np.int64]
    label: NDArray[np.int64]
    decision_s: NDArray[np.float64]
    classes: tuple[str, ...]
    source_units: NDArray[np.int64]
    target_units: NDArray[np.int64]
    behavior: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 0), np.float32))
    behavior_names: tuple[str, ...] = ()
    covariates: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    covariate_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.start_s)
        if not self.behavior_names:
            object.__setattr__(self, "behavior", np.empty((n, self.source.shape[1], 0), np.float32))
        if not self.covariate_names:
            object.__setattr__(self, "covariates", np.empty((n, 0)))
        for name in self.ROWS:
            if len(getattr(self, name)) != n:
                raise DataError(
                    f"windows of {self.recording}: expected {n} rows in {name}, got {len(getattr(self, name))}"
                )
        if self.source.shape[:2] != self.target.shape[:2]:
            raise DataError(
                f"windows of {self.recording}: source {self.source.shape} and target {self.target.shape} "
                "must agree in windows and bins"
            )
        for found, wanted in (
            (self.behavior.shape[1:], (self.source.shape[1], len(self.behavior_names))),
            (self.covariates.shape[1:], (len(self.covariate_names),)),
        ):
            if found != wanted:
                raise DataError(
                    f"windows of {self.recording}: expected behaviour or covariates {wanted} as named, got {found}"
                )

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def n_bins(self) -> int:
        return int(self.source.shape[1])

    @property
    def stop_s(self) -> NDArray[np.float64]:
        """(window,), seconds; the end of each window."""
        return self.start_s + self.n_bins * self.bin_s

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(window,), True where the window belongs to a trial with a label."""
        return self.label >= 0

    @property
    def in_trial(self) -> NDArray[np.bool_]:
        """(window,), True where the window lies at its place in a trial, labelled or not."""
        return self.trial >= 0

    def covariate(self, name: str) -> NDArray[np.float64]:
        """(window,), one covariate by name."""
        return self.covariates[:, self.covariate_names.index(name)]

    def select(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Windows:
        """The windows of a subset, in the given order: (window,), window numbers, or True for each window to keep.

        Consecutive windows are views of the arrays, so that counts that are mapped from a file are not read; any other
        subset is a copy.
        """
        numbers = np.arange(len(self))[index]
        consecutive = len(numbers) > 0 and np.array_equal(numbers, np.arange(numbers[0], numbers[0] + len(numbers)))
        rows = slice(int(numbers[0]), int(numbers[0]) + len(numbers)) if consecutive else numbers
        return replace(self, **{name: getattr(self, name)[rows] for name in self.ROWS})

    def digest(self) -> str:
        """SHA-256 over every field: the data hash of this recording. Without behaviour that of a file without."""
        h = hashlib.sha256()
        for f in fields(self):
            value = np.ascontiguousarray(getattr(self, f.name))
            if _has_default(f) and not value.size:
                continue
            h.update(f"{f.name}{value.dtype.str}{value.shape}".encode())
            h.update(value.reshape(-1).view(np.uint8).data)  # no copy: counts may be mapped from a large file
        return h.hexdigest()


def _has_default(field_of: Any) -> bool:
    return field_of.default is not MISSING or field_of.default_factory is not MISSING


@dataclass(frozen=True)
class Partition:
    """Windows to learn from and windows to stop or choose by, per recording."""

    train: Index
    valid: Index


@dataclass(frozen=True)
class Fold:
    """One outer fold. `test` holds labelled trial windows only; nothing in `train` is nearer than the gap to it.

    test_intervals: (interval, 2) per recording, seconds: the time span of the test block, without its gap.
    """

    fold: int
    test: Index
    train: Index
    inner: tuple[Partition, ...]
    test_intervals: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Splits:
    """The one manifest of folds. `full` serves the last fit on everything. gap_s: seconds, per recording.

    data: `Windows.digest` per recording: the data that these window numbers count.
    """

    by: str
    gap_s: Mapping[str, float]
    folds: tuple[Fold, ...]
    full: Partition
    hash: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """What a model says of windows.

    probabilities: (trial, class). rates: (trial, bin, unit), expected target spikes per bin.
    latents: (trial, bin, latent). baseline: as rates, what the model would say without the source, where that is more
    than the mean rate. None where the model has none.
    """

    probabilities: NDArray[np.float64] | None = None
    rates: NDArray[np.float32] | None = None
    latents: NDArray[np.float32] | None = None
    baseline: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Comparison:
    """One row of comparisons.csv. `estimate`: model_a minus model_b. The last four: see evaluation.power."""

    family: str
    model_a: str
    model_b: str
    metric: str
    test: str
    estimate: float
    ci_low: float
    ci_high: float
    p: float
    n: int
    n_clusters: int
    smallest_attainable_p: float
    role: str
    p_holm: float = float("nan")
    verdict: str = ""
    design_effect: float = float("nan")
    effective_n: float = float("nan")
    detectable: float = float("nan")
    clusters_for_power: float = float("nan")


@dataclass(frozen=True)
class History:
    """What happened while fitting: one row an epoch (epoch, and any of train_loss, valid_loss, ...)."""

    rows: Sequence[Mapping[str, float]] = field(default_factory=tuple)

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(list(self.rows))
