"""The data objects that the packages pass to each other. All are frozen; arrays are never modified in place."""

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
    """One day's data of one animal. Times are in seconds on the clock of the spikes.

    Parameters
    ----------
    name : str
        Name of the recording.
    animal : str
        Name of the animal.
    spikes : DataFrame
        Columns unit (int64) and time_s (float64), sorted by time within each unit.
    units : DataFrame
        One row a unit: unit (int64, unique), region (str), and the other columns of the file.
    trials : DataFrame
        One row a trial, in the order of the file.
    behavior : DataFrame
        Long table: series (str), time_s, value.
    observed : NDArray, shape (interval, 2), seconds
        When spikes were recorded at all. Outside it, data are missing, not zero.
    source_file : str
        The file that it was read from.
    warnings : tuple of Finding
        What the checks found.
    resolution_s : float
        Width in seconds of the bins that the file holds instead of spike times; 0 where it holds times.
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

    Parameters
    ----------
    recording : str
        Name of the recording.
    source, target : NDArray, shape (window, bin, unit), spikes per bin
        Of the smallest unsigned integer type that holds them; may be mapped from a file.
    start_s : NDArray, shape (window,), seconds
        A window covers [start_s, start_s + n_bins * bin_s).
    bin_s : float
        Width of a bin, seconds.
    trial : NDArray, shape (window,)
        Row of the trial table, or -1 for a window cut from the continuous recording between trials.
    label : NDArray, shape (window,)
        Index into `classes`, or -1 where there is none.
    decision_s : NDArray, shape (window,), seconds
        Time of the decision; NaN for continuous windows.
    classes : tuple of str
        Names of the classes.
    source_units, target_units : NDArray, shape (unit,)
        Unit ids in the order of the last axis.
    behavior : NDArray, shape (window, bin, series), optional
        Mean of the samples in each bin, in the unit of the series; NaN where there is none.
    behavior_names : tuple of str
        Names of the series.
    covariates : NDArray, shape (window, covariate), optional
        What was known of a trial before its decision besides spikes and behaviour; NaN where unknown, and in continuous
        windows. See types.covariates for the names.
    covariate_names : tuple of str
        Names of the covariates.
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
        for got, expected in (
            (self.behavior.shape[1:], (self.source.shape[1], len(self.behavior_names))),
            (self.covariates.shape[1:], (len(self.covariate_names),)),
        ):
            if got != expected:
                raise DataError(
                    f"windows of {self.recording}: expected behaviour or covariates {expected} as named, got {got}"
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
        """One covariate.

        Parameters
        ----------
        name : str
            One of `covariate_names`.

        Returns
        -------
        NDArray, shape (window,)
            NaN where it is not known.
        """
        return self.covariates[:, self.covariate_names.index(name)]

    def select(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Windows:
        """A subset of the windows.

        Consecutive windows are views of the arrays, so that counts that are mapped from a file are not read; any other
        subset is a copy.

        Parameters
        ----------
        index : NDArray, shape (window,)
            Window numbers, whose order is kept, or True for each window to keep.

        Returns
        -------
        Windows
            Of the same recording.
        """
        numbers = np.arange(len(self))[index]
        consecutive = len(numbers) > 0 and np.array_equal(numbers, np.arange(numbers[0], numbers[0] + len(numbers)))
        rows = slice(int(numbers[0]), int(numbers[0]) + len(numbers)) if consecutive else numbers
        return replace(self, **{name: getattr(self, name)[rows] for name in self.ROWS})

    def digest(self) -> str:
        """SHA-256 over every field: the data hash of this recording.

        Behaviour and covariates count where there are any.

        Returns
        -------
        str
            Hexadecimal digits.
        """
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
    """Windows to train on, and windows for early stopping or model selection.

    Where whole recordings are held out, also what of them may be used: see `adapt` and `test`.

    Parameters
    ----------
    train, valid : mapping of str to NDArray, shape (window,)
        Window numbers by recording.
    adapt : Partition, optional
        Windows of held-out recordings that a fit is adapted to. Their labels must be hidden from the fit.
    test : mapping of str to NDArray, shape (window,)
        Windows of the same held-out recordings that score the fit, later than those of `adapt` by the gap.
    """

    train: Index
    valid: Index
    adapt: Partition | None = None
    test: Index = field(default_factory=dict)


@dataclass(frozen=True)
class Fold:
    """One outer fold. Nothing in `train` is closer than the gap to the test block.

    Parameters
    ----------
    fold : int
        Its number.
    test : mapping of str to NDArray, shape (window,)
        Labelled trial windows by recording.
    train : mapping of str to NDArray, shape (window,)
        Training windows by recording.
    inner : tuple of Partition
        Inner folds within `train`.
    test_intervals : mapping of str to NDArray, shape (interval, 2), seconds
        The time span of the test block by recording, without its gap.
    fit : Partition, optional
        Of the fold's fit where whole recordings are held out; None: the fit uses the first of `inner`.
    """

    fold: int
    test: Index
    train: Index
    inner: tuple[Partition, ...]
    test_intervals: Mapping[str, NDArray[np.float64]]
    fit: Partition | None = None

    def spikes_known(self, recording: str) -> NDArray[np.int64]:
        """The windows of a recording whose spikes a fit may use, with labels or without.

        Parameters
        ----------
        recording : str
            Its name.

        Returns
        -------
        NDArray, shape (window,)
            Training windows, or those to adapt to where the recording is held out.
        """
        none = np.empty(0, dtype=np.int64)
        if recording in self.train or self.fit is None or self.fit.adapt is None:
            return np.asarray(self.train.get(recording, none))
        adapt = self.fit.adapt
        return np.union1d(adapt.train.get(recording, none), adapt.valid.get(recording, none))


@dataclass(frozen=True)
class Splits:
    """All folds.

    Parameters
    ----------
    by : str
        What is held out: block, recording or animal.
    gap_s : mapping of str to float
        Gap around test blocks by recording, seconds.
    folds : tuple of Fold
        The outer folds.
    full : Partition
        For the last fit, on everything.
    hash : str
        SHA-256 of the content; see artifacts.splits.
    data : mapping of str to str
        `Windows.digest` by recording: the windows that the folds number.
    """

    by: str
    gap_s: Mapping[str, float]
    folds: tuple[Fold, ...]
    full: Partition
    hash: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """Predictions of a model for windows. A field is None where the model does not predict it.

    Parameters
    ----------
    probabilities : NDArray, shape (trial, class), optional
        Of the decisions.
    rates : NDArray, shape (trial, bin, unit), optional
        Expected target spikes per bin.
    latents : NDArray, shape (trial, bin, latent), optional
        Latent variables.
    baseline : NDArray, shape (trial, bin, unit), optional
        Rates that the model predicts without the source, where these are more than the mean rate.
    """

    probabilities: NDArray[np.float64] | None = None
    rates: NDArray[np.float32] | None = None
    latents: NDArray[np.float32] | None = None
    baseline: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class History:
    """The course of a fit.

    Parameters
    ----------
    rows : sequence of mappings
        One for each epoch: epoch, and any of train_loss, valid_loss, ...
    """

    rows: Sequence[Mapping[str, float]] = field(default_factory=tuple)

    def frame(self) -> pd.DataFrame:
        """The rows as a table.

        Returns
        -------
        DataFrame
            One row an epoch.
        """
        return pd.DataFrame(list(self.rows))
