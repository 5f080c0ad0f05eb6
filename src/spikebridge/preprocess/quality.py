"""Which units are good enough to use, and why the others are not.

Every criterion is a limit on one measure of a unit over the whole recording, declared beforehand: a criterion of
recording quality, like those of a spike sorter. It uses no label and no other unit, so it cannot carry the decision
from test to training trials; anything that is LEARNED (scaling, selection by information, PCA) belongs in the models,
inside the outer training set. Units are left out, never changed or merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, QualityConfig
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.labels.sorter_labels import UnitLabels, has_unwanted_label, unit_labels
from spikebridge.labels.trial_labels import label_names
from spikebridge.preprocess.filters import (
    Criterion,
    FilterResult,
    filter_results,
    filter_settings,
    find_column,
    unjudged_filters,
)
from spikebridge.preprocess.trials import Dropped
from spikebridge.preprocess.unit_metrics import (
    MIN_BINS,
    ObservedTrain,
    isi_violations,
    presence_ratio,
    rate_change,
    spike_time_grid_s,
)
from spikebridge.types import Recording
from spikebridge.types.intervals import total_s
from spikebridge.types.spike_trains import spike_trains

ROLES = ("source", "target")
MEASURES = ["n_spikes", "rate_hz", "isi_violations_ratio", "isi_violations_count", "presence_ratio", "rate_change"]
COLUMNS = ["unit", "name", "region", "role", *MEASURES[:-1], "amplitude_cutoff", "sorter_label", "rate_change"]
NOTED_MEASURES = ("isi_violations_ratio", "presence_ratio")
"""Measures that get a note on the whole recording where they could not be taken."""
MAX_ISI_SAMPLED = 200
"""Inter-spike intervals of each unit that are searched for a common time grid."""
MEASURE_NAMES = {
    "rate_hz": ("rate", " Hz"),
    "isi_violations_ratio": ("ISI violations ratio", ""),
    "presence_ratio": ("presence ratio", ""),
    "amplitude_cutoff": ("amplitude cutoff", ""),
    "rate_change": ("rate change", " times"),
}


@dataclass(frozen=True)
class Limit:
    """Lowest and highest good value of a column of the quality table; None is no limit. key: the setting."""

    column: str
    key: str
    low: float | None
    high: float | None

    @property
    def reason(self) -> str:
        name, unit = MEASURE_NAMES[self.column]
        if self.low is not None and self.high is not None:
            return f"{name} outside {self.low:g} to {self.high:g}{unit}"
        return f"{name} below {self.low:g}{unit}" if self.low is not None else f"{name} above {self.high:g}{unit}"

    def criterion(self, table: pd.DataFrame, note: str) -> Criterion:
        """Comparisons with NaN are false: what was not judged does not fail. note: why it was not judged."""
        value = table[self.column].to_numpy(dtype=np.float64)
        low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
        fails, judged = np.asarray((value < low) | (value > high)), np.isfinite(value)
        return Criterion(self.key, self.reason, fails, judged, "" if judged.all() else note)


@dataclass(frozen=True)
class UnitSelection:
    """Units of source and target that are kept.

    kept: {role: (unit,)}, unit ids in rising order. units: {role: {region: {"kept": n, "dropped": n}}}.
    dropped: {role: {criterion: (units, reason)}}, a unit counted under the first criterion that it fails.
    notes: measure -> why it was not judged.
    filters: what each filter did. warnings: labels of sorters that contradict each other or are not used.
    """

    kept: dict[str, NDArray[np.int64]]
    units: dict[str, dict[str, dict[str, int]]]
    dropped: dict[str, dict[str, Dropped]]
    notes: dict[str, str]
    filters: tuple[FilterResult, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True)
class UnitMeasures:
    """Measures of all units. table: one row a unit. notes: column -> why nothing in it could be measured."""

    table: pd.DataFrame
    labels: UnitLabels
    notes: dict[str, str]


def quality_table(recording: Recording, data: DataConfig, quality: QualityConfig) -> pd.DataFrame:
    """Measure the units of source and target, and decide which are kept.

    Parameters
    ----------
    recording : Recording
        The recording.
    data : DataConfig
        Regions of source and target, and the lowest rate.
    quality : QualityConfig
        The limits.

    Returns
    -------
    DataFrame
        One row a unit, by role and unit: unit, name (what the file calls it, else empty), region, role, n_spikes (in
        the observed time), rate_hz, isi_violations_ratio, isi_violations_count, presence_ratio, amplitude_cutoff,
        sorter_label, rate_change, kept, criterion (the setting that drops the unit, the first that applies), reason
        (the words for that criterion), reasons (those for all that apply, joined by "; " for people), not_judged
        (settings of the filters that could not judge the unit). A measure is NaN where it cannot be taken; that is
        never a reason.

    Raises
    ------
    DataError
        See `labels.sorter_labels.unit_labels`.
    """
    measured = _measure_units(recording, data, quality)
    return _with_reasons(measured, _criteria(measured, data, quality))


def select_units(recording: Recording, data: DataConfig, quality: QualityConfig) -> UnitSelection:
    """Select the units of source and target that fail no criterion of `quality` and `data.min_rate_hz`.

    Parameters
    ----------
    recording : Recording
        The recording.
    data : DataConfig
        Regions of source and target, and the lowest rate.
    quality : QualityConfig
        The limits.

    Returns
    -------
    UnitSelection
        Units that are kept, and how many were dropped by which criterion.

    Raises
    ------
    DataError
        Where no unit of a role is left, with how many fail what, and the settings to change.
    """
    measured = _measure_units(recording, data, quality)
    criteria = _criteria(measured, data, quality)
    table = _with_reasons(measured, criteria)
    kept, units, dropped = {}, {}, {}
    for role in ROLES:
        in_role = (table["role"] == role).to_numpy()
        rows = table[in_role]
        if not rows["kept"].any():
            raise _nothing_left(recording.name, role, getattr(data, role), criteria, in_role, rows)
        kept[role] = rows["unit"].to_numpy()[rows["kept"].to_numpy()]
        units[role] = {
            str(region): {"kept": int(flags.sum()), "dropped": int((~flags).sum())}
            for region, flags in rows.groupby("region")["kept"]
        }
        counts = rows["criterion"].value_counts()
        dropped[role] = {c.key: Dropped(int(counts[c.key]), c.reason) for c in criteria if c.key in counts}
    filters = filter_results(criteria, filter_settings(data, quality), len(table))
    notes = {c: measured.notes[c] for c in NOTED_MEASURES if c in measured.notes}
    return UnitSelection(kept, units, dropped, notes, filters, measured.labels.warnings)


def quality_limits(data: DataConfig, quality: QualityConfig) -> list[Limit]:
    """The limits that are set, in the order in which they count."""
    change = quality.max_rate_change
    every = [
        Limit("rate_hz", "data.min_rate_hz", data.min_rate_hz or None, None),
        Limit("isi_violations_ratio", "quality.max_isi_violations", None, quality.max_isi_violations),
        Limit("presence_ratio", "quality.min_presence_ratio", quality.min_presence_ratio, None),
        Limit("amplitude_cutoff", "quality.max_amplitude_cutoff", None, quality.max_amplitude_cutoff),
        Limit("rate_change", "quality.max_rate_change", 1 / change if change else None, change),
    ]
    return [limit for limit in every if (limit.low, limit.high) != (None, None)]


def _with_reasons(measured: UnitMeasures, criteria: Sequence[Criterion]) -> pd.DataFrame:
    n = len(measured.table)
    failed = [[c for c in criteria if c.fails[k]] for k in range(n)]
    return measured.table.assign(
        kept=[not several for several in failed],
        criterion=[several[0].key if several else "" for several in failed],
        reason=[several[0].reason if several else "" for several in failed],
        reasons=["; ".join(c.reason for c in several) for several in failed],
        not_judged=unjudged_filters(criteria, n),
    )


def _measure_units(recording: Recording, data: DataConfig, quality: QualityConfig) -> UnitMeasures:
    units = _units(recording, data)
    labels = unit_labels(recording.units, units, quality.sorter_label_from, recording.name)
    ids, spikes = units["unit"].to_numpy(dtype=np.int64), recording.spikes
    trains = spike_trains(spikes["time_s"].to_numpy(), spikes["unit"].to_numpy(), ids)
    rows, sample = [], [np.empty(0)]
    for train in trains:  # one at a time: the measures take far less memory than the trains
        seen = ObservedTrain.of(train, recording.observed)
        rows.append(_measures(seen, quality))
        sample.append(seen.isi_s[:MAX_ISI_SAMPLED].copy())
    grid = max(recording.resolution_s, spike_time_grid_s(np.concatenate(sample), quality.refractory_s))
    table = pd.concat([units[["unit", "region", "role"]], pd.DataFrame(rows, columns=MEASURES)], axis=1)
    if grid > quality.refractory_s:
        table = table.assign(isi_violations_ratio=np.nan, isi_violations_count=np.nan)
    cutoff = find_column(units, "amplitude_cutoff")
    given = units[cutoff] if cutoff else pd.Series(np.nan, index=units.index)
    table = table.assign(
        name=label_names(units["name"]) if "name" in units else "",
        amplitude_cutoff=pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64),
        sorter_label=list(labels.words),
    )
    only = f"only where column {cutoff} has a number" if cutoff else "no units column amplitude_cutoff"
    notes = {"amplitude_cutoff": only, **_notes(quality, grid, total_s(recording.observed))}
    return UnitMeasures(table[COLUMNS], labels, notes)


def _measures(train: ObservedTrain, quality: QualityConfig) -> dict[str, float]:
    ratio, count = isi_violations(train, quality.refractory_s)
    return {
        "n_spikes": len(train),
        "rate_hz": len(train) / train.total_s if train.total_s else 0.0,
        "isi_violations_ratio": ratio,
        "isi_violations_count": count,
        "presence_ratio": presence_ratio(train, quality.presence_bin_s),
        "rate_change": rate_change(train),
    }


def _units(recording: Recording, data: DataConfig) -> pd.DataFrame:
    """Units of source and target with their role, by role and unit."""
    units = recording.units.sort_values("unit")
    parts = [units[units["region"].isin(getattr(data, role))].assign(role=role) for role in ROLES]
    return pd.concat(parts, ignore_index=True)


def _criteria(measured: UnitMeasures, data: DataConfig, quality: QualityConfig) -> list[Criterion]:
    """In the order in which they count."""
    table, labels = measured.table, measured.labels
    wanted = quality.sorter_labels
    silent = (table["n_spikes"] == 0).to_numpy()
    criteria = [Criterion("data.observed", "no spike in the observed time", silent, np.ones(len(table), dtype=bool))]
    if wanted is not None:
        words = list(table["sorter_label"])
        judged = np.array([word != "" for word in words], dtype=bool)
        reason, note = f"sorter label not {' or '.join(wanted)}", labels.missing or labels.origin
        criteria.append(Criterion("quality.sorter_labels", reason, has_unwanted_label(words, wanted), judged, note))
    limits = quality_limits(data, quality)
    return [*criteria, *(limit.criterion(table, measured.notes.get(limit.column, "")) for limit in limits)]


def _notes(quality: QualityConfig, grid: float, seconds: float) -> dict[str, str]:
    notes = {}
    if quality.max_isi_violations is not None and grid > quality.refractory_s:
        notes["isi_violations_ratio"] = (
            f"spike times lie on a grid of {1000 * grid:.4g} ms, "
            f"coarser than quality.refractory_s = {1000 * quality.refractory_s:g} ms"
        )
    if quality.min_presence_ratio is not None and seconds < MIN_BINS * quality.presence_bin_s * (1 - 1e-9):
        notes["presence_ratio"] = (
            f"{seconds:.4g} s of observed time hold fewer than {MIN_BINS} bins of "
            f"quality.presence_bin_s = {quality.presence_bin_s:g} s"
        )
    return notes


def _nothing_left(
    name: str,
    role: str,
    regions: Sequence[str],
    criteria: Sequence[Criterion],
    in_role: NDArray[np.bool_],
    rows: pd.DataFrame,
) -> DataError:
    failed = [f"{int(c.fails[in_role].sum())} {c.reason} ({c.key})" for c in criteria if c.fails[in_role].any()]
    text = (
        f"none of the {len(rows)} units in {role} {list(regions)} is kept; "
        f"a unit may fail more than once: {'; '.join(failed) or 'no unit lies there'}; "
        f"the highest rate is {rows['rate_hz'].max() if len(rows) else 0.0:.3g} Hz."
    )
    return DataError.of("no-unit-kept", name, text, "Change a limit, or set it to null")


def quality_report(chosen: UnitSelection, data: DataConfig, quality: QualityConfig) -> dict[str, Any]:
    """The part of report.json about quality: units dropped by criterion, limits by column, filters, and notes."""
    ends = {limit.column: [limit.low, limit.high] for limit in quality_limits(data, quality)}
    return {
        "dropped": {
            role: {criterion: asdict(dropped) for criterion, dropped in by_criterion.items()}
            for role, by_criterion in chosen.dropped.items()
        },
        "limits": ends,
        "notes": chosen.notes,
        "filters": [asdict(result) for result in chosen.filters],
        "warnings": [w.as_dict() for w in chosen.warnings],
    }
