"""Which units are good enough to use, and why the others are not.

Every criterion is a limit on one measure of a unit over the whole recording, declared beforehand: a criterion of
recording quality, like those of a spike sorter. It sees no label and no other unit, so it cannot carry the decision
from test to training trials; anything that is LEARNED (scaling, selection by information, PCA) belongs in the models,
inside the outer training set. Units are left out, never changed or merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Config, QualityConfig
from spikebridge.errors import DataError
from spikebridge.intervals import total_s
from spikebridge.preprocess.trains import spike_trains
from spikebridge.preprocess.unit_metrics import (
    FEWEST_BINS,
    ObservedTrain,
    grid_s,
    isi_violations,
    presence_ratio,
    rate_change,
)
from spikebridge.sorter_labels import label_column, labels_of, unwanted
from spikebridge.trial_table import label_names
from spikebridge.types import Recording

ROLES = ("source", "target")
MEASURES = ["n_spikes", "rate_hz", "isi_violations_ratio", "isi_violations_count", "presence_ratio", "rate_change"]
COLUMNS = ["unit", "name", "region", "role", *MEASURES[:-1], "amplitude_cutoff", "sorter_label", "rate_change"]
SAMPLED = 200
"""Intervals between spikes of each unit that are looked at for a common grid."""
NAMES = {
    "rate_hz": ("rate", " Hz"),
    "isi_violations_ratio": ("ISI violations ratio", ""),
    "presence_ratio": ("presence ratio", ""),
    "amplitude_cutoff": ("amplitude cutoff", ""),
    "rate_change": ("rate change", " times"),
}


@dataclass(frozen=True)
class Criterion:
    """One reason to leave a unit out. key: the setting that says so. fails: (unit,), True where it applies."""

    key: str
    reason: str
    fails: NDArray[np.bool_]


@dataclass(frozen=True)
class Limit:
    """Lowest and highest good value of a column of the quality table; None is no limit. key: the setting."""

    column: str
    key: str
    low: float | None
    high: float | None

    @property
    def reason(self) -> str:
        name, unit = NAMES[self.column]
        if self.low is not None and self.high is not None:
            return f"{name} outside {self.low:g} to {self.high:g}{unit}"
        return f"{name} below {self.low:g}{unit}" if self.low is not None else f"{name} above {self.high:g}{unit}"

    def fails(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """(unit,). Comparisons with NaN are false: what was not judged does not fail."""
        value = table[self.column].to_numpy(dtype=np.float64)
        low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
        return np.asarray((value < low) | (value > high))


@dataclass(frozen=True)
class UnitSelection:
    """Units of source and target that are kept.

    kept: {role: (unit,)}, unit ids in rising order. units: {role: {region: {"kept": n, "dropped": n}}}.
    dropped: {role: {reason: n}}, a unit counted under the first reason that holds. notes: what could not be judged.
    """

    kept: dict[str, NDArray[np.int64]]
    units: dict[str, dict[str, dict[str, int]]]
    dropped: dict[str, dict[str, int]]
    notes: tuple[str, ...]


def quality_table(recording: Recording, config: Config) -> pd.DataFrame:
    """One row a unit of source and target, by role and unit: its measures, whether it is kept, and the reasons if not.

    Columns: unit, name (what the file calls it, else empty), region, role, n_spikes (in the observed time), rate_hz,
    isi_violations_ratio, isi_violations_count, presence_ratio, amplitude_cutoff, sorter_label, rate_change, kept,
    reasons (all that hold, joined by "; ").
    A measure is NaN where it cannot be judged; that is never a reason. Raises DataError; see `label_column`.
    """
    return _judged(recording, config)[0]


def select_units(recording: Recording, config: Config) -> UnitSelection:
    """The units of source and target that fail none of the criteria of `config.quality` and `data.min_rate_hz`.

    Raises DataError where no unit of a role is left, with how many fail what, and the settings to change.
    """
    table, criteria, notes = _judged(recording, config)
    kept, units, dropped = {}, {}, {}
    for role in ROLES:
        mine = (table["role"] == role).to_numpy()
        here = table[mine]
        first = here["reasons"].str.split("; ").str[0]
        if not here["kept"].any():
            raise DataError(_nothing_left(recording.name, role, getattr(config.data, role), criteria, mine, here))
        kept[role] = here["unit"].to_numpy()[here["kept"].to_numpy()]
        units[role] = {
            str(region): {"kept": int(rows.sum()), "dropped": int((~rows).sum())}
            for region, rows in here.groupby("region")["kept"]
        }
        dropped[role] = {c.reason: int((first == c.reason).sum()) for c in criteria if (first == c.reason).any()}
    return UnitSelection(kept, units, dropped, notes)


def limits(config: Config) -> list[Limit]:
    """The limits that are set, in the order in which they count."""
    q, change = config.quality, config.quality.max_rate_change
    every = [
        Limit("rate_hz", "data.min_rate_hz", config.data.min_rate_hz or None, None),
        Limit("isi_violations_ratio", "quality.max_isi_violations", None, q.max_isi_violations),
        Limit("presence_ratio", "quality.min_presence_ratio", q.min_presence_ratio, None),
        Limit("amplitude_cutoff", "quality.max_amplitude_cutoff", None, q.max_amplitude_cutoff),
        Limit("rate_change", "quality.max_rate_change", 1 / change if change else None, change),
    ]
    return [limit for limit in every if (limit.low, limit.high) != (None, None)]


def _judged(recording: Recording, config: Config) -> tuple[pd.DataFrame, list[Criterion], tuple[str, ...]]:
    table, notes = _measured(recording, config)
    criteria = _criteria(table, config)
    reasons = [[c.reason for c in criteria if c.fails[k]] for k in range(len(table))]
    table = table.assign(kept=[not r for r in reasons], reasons=["; ".join(r) for r in reasons])
    return table, criteria, notes


def _measured(recording: Recording, config: Config) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Everything but the judgement, and notes on what could not be measured."""
    quality, units = config.quality, _units(recording, config)
    label_from = label_column(recording.units, quality.sorter_label_from, recording.name)
    ids, spikes = units["unit"].to_numpy(dtype=np.int64), recording.spikes
    found = spike_trains(spikes["time_s"].to_numpy(), spikes["unit"].to_numpy(), ids)
    rows, sample = [], [np.empty(0)]
    for train in found:  # one at a time: what is measured takes far less room than the trains
        seen = ObservedTrain.of(train, recording.observed)
        rows.append(_measures(seen, quality))
        sample.append(seen.isi_s[:SAMPLED].copy())
    grid = max(recording.resolution_s, grid_s(np.concatenate(sample), quality.refractory_s))
    table = pd.concat([units[["unit", "region", "role"]], pd.DataFrame(rows, columns=MEASURES)], axis=1)
    if grid > quality.refractory_s:
        table = table.assign(isi_violations_ratio=np.nan, isi_violations_count=np.nan)
    cutoff = units.get("amplitude_cutoff", pd.Series(np.nan, index=units.index))
    table = table.assign(
        name=label_names(units["name"]) if "name" in units else "",
        amplitude_cutoff=pd.to_numeric(cutoff, errors="coerce").to_numpy(dtype=np.float64),
        sorter_label=labels_of(units[label_from]) if label_from else "",
    )
    seconds = total_s(recording.observed)
    return table[COLUMNS], tuple(_notes(quality, grid, seconds))


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


def _units(recording: Recording, config: Config) -> pd.DataFrame:
    """Units of source and target with their role, by role and unit."""
    units = recording.units.sort_values("unit")
    parts = [units[units["region"].isin(getattr(config.data, role))].assign(role=role) for role in ROLES]
    return pd.concat(parts, ignore_index=True)


def _criteria(table: pd.DataFrame, config: Config) -> list[Criterion]:
    """In the order in which they count."""
    wanted = config.quality.sorter_labels
    found = [Criterion("data.observed", "no spike in the observed time", (table["n_spikes"] == 0).to_numpy())]
    if wanted is not None:
        fails = unwanted(list(table["sorter_label"]), wanted)
        found.append(Criterion("quality.sorter_labels", f"sorter label not {' or '.join(wanted)}", fails))
    return [*found, *(Criterion(limit.key, limit.reason, limit.fails(table)) for limit in limits(config))]


def _notes(quality: QualityConfig, grid: float, seconds: float) -> list[str]:
    found = []
    if quality.max_isi_violations is not None and grid > quality.refractory_s:
        found.append(
            f"ISI violations are not judged: spike times lie on a grid of {1000 * grid:.4g} ms, "
            f"coarser than quality.refractory_s = {1000 * quality.refractory_s:g} ms"
        )
    if quality.min_presence_ratio is not None and seconds < FEWEST_BINS * quality.presence_bin_s * (1 - 1e-9):
        found.append(
            f"presence is not judged: {seconds:.4g} s of observed time hold fewer than {FEWEST_BINS} bins of "
            f"quality.presence_bin_s = {quality.presence_bin_s:g} s"
        )
    return found


def _nothing_left(
    name: str,
    role: str,
    regions: Sequence[str],
    criteria: Sequence[Criterion],
    mine: NDArray[np.bool_],
    here: pd.DataFrame,
) -> str:
    failed = [f"{int(c.fails[mine].sum())} {c.reason} ({c.key})" for c in criteria if c.fails[mine].any()]
    return (
        f"{name}: none of the {len(here)} units in {role} {list(regions)} is kept; "
        f"a unit may fail more than once: {'; '.join(failed) or 'no unit lies there'}; "
        f"the highest rate is {here['rate_hz'].max() if len(here) else 0.0:.3g} Hz. Change a limit, or set it to null"
    )


def report_of(chosen: UnitSelection, config: Config) -> dict[str, Any]:
    """What report.json says about quality: units dropped by first reason, limits by column, and notes."""
    ends = {limit.column: [limit.low, limit.high] for limit in limits(config)}
    return {"dropped": chosen.dropped, "limits": ends, "notes": list(chosen.notes)}
