"""Which trials of a recording are used, and the classes of their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import TrialsConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.labels.trial_labels import (
    MAX_CLASSES,
    columns_of_label,
    describe_label,
    included_trials,
    is_column_name,
    label_text,
    spelling_variants,
    trial_labels,
)
from spikebridge.types import Recording
from spikebridge.types.intervals import TOLERANCE_S, inside_intervals


@dataclass(frozen=True)
class Dropped:
    """How many trials, or units, one setting drops, and the reason for people."""

    number: int
    text: str


@dataclass(frozen=True)
class TrialSelection:
    """Usable trials of one recording, sorted by window start.

    trial: (trial,), row of the trial table. start_s, decision_s: (trial,), seconds. label: (trial,), class names.
    total: trials in the table. dropped: {setting: trials that it drops}; a trial counts under the first one.
    """

    trial: NDArray[np.int64]
    start_s: NDArray[np.float64]
    decision_s: NDArray[np.float64]
    label: NDArray[np.str_]
    total: int
    dropped: dict[str, Dropped]


def select_trials(recording: Recording, trials: TrialsConfig) -> TrialSelection:
    """Select the trials that `include` takes and that have a label, both times, and a window inside the observed time.

    Time outside the observed intervals is missing, not silent: a window that touches it is dropped, never filled.

    Parameters
    ----------
    recording : Recording
        Its trial table and observed time are used.
    trials : TrialsConfig
        Which trials, which label, and where the window lies.

    Returns
    -------
    TrialSelection
        The trials, and how many were dropped for which reason.

    Raises
    ------
    ConfigError
        For an expression that cannot be computed.
    DataError
        Where a column is absent, no trial is left, or a window ends after the decision of its trial: the bins of a
        decision lie strictly before it.
    """
    table = recording.trials
    label_sources = columns_of_label(trials.label, table)
    required = [*label_sources] if isinstance(trials.label, str) and label_sources == (trials.label,) else []
    for column in (trials.align, *required, trials.decision or trials.align):
        if column not in table:
            has = listed(map(str, table.columns))
            raise DataError.of(
                "trial-column-missing", recording.name, f"no column {column!r} in the trial table; columns: {has}"
            )
    if both := sorted(set(label_sources) & set(trials.covariates)):
        raise ConfigError(f"trials.covariates must not hold {listed(both)}: trials.label is made of it")
    columns = [str(c) for c in table.columns]
    missing = [
        Finding.error(
            "covariate-missing",
            "trials.covariates",
            f"{recording.name}: trials.covariates: no column {column!r} in the trial table"
            + did_you_mean(column, columns, f"; columns: {listed(columns)}"),
        )
        for column in trials.covariates
        if column not in table
    ]
    if missing:
        raise DataError.about("", missing)
    align = table[trials.align].to_numpy(dtype=np.float64)
    decision = table[trials.decision or trials.align].to_numpy(dtype=np.float64)
    included = included_trials(table, trials.include, recording.name)
    label = trial_labels(table, trials.label, recording.name, included)
    start, stop = align + trials.window_s[0], align + trials.window_s[1]
    reasons = {
        "trials.include": ("excluded by trials.include", ~included),
        "trials.label": (f"no {label_text(trials.label)}", label == ""),
        "trials.align": (f"no {trials.align}", ~np.isfinite(align)),
        "trials.decision": (f"no {trials.decision or trials.align}", ~np.isfinite(decision)),
        "data.observed": ("window outside the observed time", ~inside_intervals(start, stop, recording.observed)),
    }
    kept = np.ones(len(table), dtype=bool)
    dropped: dict[str, Dropped] = {}
    for setting, (text, bad) in reasons.items():
        dropped[setting] = Dropped(int((kept & bad).sum()), text)
        kept &= ~bad
    _refuse_late_bins(recording.name, trials, np.flatnonzero(kept & (stop > decision + TOLERANCE_S)), stop - decision)
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(start[rows], kind="stable")]
    if not len(rows):
        why = ", ".join(f"{part.text}: {part.number}" for part in dropped.values() if part.number)
        raise DataError.of("no-usable-trial", recording.name, f"no usable trial of {len(table)}; dropped: {why}")
    return TrialSelection(rows, start[rows], decision[rows], label[rows], len(table), dropped)


def classes_of(recordings: Iterable[Recording], trials: TrialsConfig) -> tuple[str, ...]:
    """Class names over the usable trials of all recordings.

    Parameters
    ----------
    recordings : iterable of Recording
        Their trial tables and observed times are used.
    trials : TrialsConfig
        See `select_trials`.

    Returns
    -------
    tuple of str
        Sorted; by value where all names are numbers.

    Raises
    ------
    DataError
        Where there are fewer than two classes or more than `MAX_CLASSES`, or two spellings of one class, or with what
        is wrong with the trials of every recording.
    """
    names: set[str] = set()
    wrong: list[Finding] = []
    for recording in recordings:
        try:
            names |= set(select_trials(recording, trials).label.tolist())
        except DataError as error:
            wrong.extend(error.refusal.complete)
    if wrong:
        raise DataError.about("", wrong)
    if not 2 <= len(names) <= MAX_CLASSES:
        shown = listed(sorted(names, key=_sort_key(names)), 5)
        raise DataError.of(
            "number-of-classes",
            "trials.label",
            f"expected 2 to {MAX_CLASSES} classes in {_described(trials)}, got {len(names)} ({shown})",
        )
    if groups := spelling_variants(names):
        several = "; ".join(" and ".join(map(repr, group)) for group in groups)
        raise DataError.of(
            "classes-differ-in-spelling-over-recordings",
            "trials.label",
            f"values of {_described(trials)} differ in spelling alone: {several}",
        )
    return tuple(sorted(names, key=_sort_key(names)))


def _described(trials: TrialsConfig) -> str:
    """A label as classes of several recordings are counted: a plain name is that of a column."""
    label = trials.label
    return describe_label(label, pd.DataFrame(columns=[label] if is_column_name(label) else []))


def _sort_key(names: set[str]) -> Any:
    try:
        {float(n) for n in names}
    except ValueError:
        return str
    return float


def _refuse_late_bins(name: str, trials: TrialsConfig, late: NDArray[np.int64], excess: NDArray[np.float64]) -> None:
    if len(late):
        worst = late[np.argmax(excess[late])]
        raise DataError.of(
            "window-ends-after-decision",
            name,
            f"bins must lie before the decision, but the window ends after {trials.decision or trials.align} "
            f"in {counted(len(late), 'trial')}, by {excess[worst]:.4g} s in trial {worst}: let trials.window_s end "
            "earlier, or leave these trials out by trials.include",
        )
