"""pynapple objects -> recordings, and back: `from_pynapple` and `to_pynapple`.

pynapple changes some data silently. It sorts times, but the times of a Tsd without its values. It drops spikes outside
the time support, including NaN. It joins overlapping intervals, and if an interval begins at the end of the previous
one, it ends the previous one a microsecond earlier. If two units have the same id, it keeps one. This module avoids
each of these changes, or warns of it. Times keep all digits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.types import Recording

__all__ = ["PynappleRecording", "from_pynapple", "to_pynapple"]

Array = NDArray[np.float64]
INTERVAL = {"start": "start_time", "end": "stop_time"}


@dataclass(frozen=True)
class PlainTables:
    """spikes, units, trials, behavior and observed as in spikebridge.types.Recording."""

    spikes: pd.DataFrame
    units: pd.DataFrame
    trials: pd.DataFrame
    behavior: pd.DataFrame
    observed: Array


@dataclass(frozen=True)
class PynappleRecording:
    """A recording as pynapple objects.

    Parameters
    ----------
    units : TsGroup
        The spikes, with the columns of the units table as metadata.
    trials : DataFrame
        The trial table, unchanged.
    trial_intervals : IntervalSet or None
        The trials with the trial table as metadata, sorted by start, with their rows in `trial`; None if trials overlap
        or lack a time.
    behavior : dict of str to Tsd
        One for each series.
    observed : IntervalSet
        The time support of the units, seconds.
    """

    units: Any
    trials: pd.DataFrame
    trial_intervals: Any
    behavior: dict[str, Any]
    observed: Any


def from_pynapple(
    units: Any,
    trials: Any,
    behavior: Mapping[str, Any] | None = None,
    *,
    name: str,
    animal: str = "unknown",
    region: str | Sequence[str] = "region",
    observed: Any = None,
) -> Recording:
    """A recording from pynapple objects. Nothing is checked or repaired; see spikebridge.io.validation.

    Parameters
    ----------
    units : TsGroup
        The spikes; its metadata become columns of the units table.
    trials : DataFrame or IntervalSet
        With start_time and stop_time (or start and end), seconds. pynapple joins overlapping trials when it makes an
        IntervalSet, so give these as a DataFrame.
    behavior : mapping of str to Tsd or TsdFrame, optional
        By name.
    name, animal : str
        Names of the recording and of the animal.
    region : str or sequence of str
        The metadata column with the region of each unit, or the region of each unit.
    observed : IntervalSet, optional
        When spikes were recorded; default: the time support of the units, which pynapple sets to first to last spike if
        none was given.

    Returns
    -------
    Recording
        The recording.

    Raises
    ------
    DataError
        If pynapple is not installed, or with all parts that are not as expected.
    """
    plain = tables_of(units, trials, behavior or {}, region, observed)
    return Recording(
        name, animal, plain.spikes, plain.units, plain.trials, plain.behavior, plain.observed, source_file=name
    )


def to_pynapple(recording: Recording) -> PynappleRecording:
    """A recording as pynapple objects, with a warning (UserWarning) for every difference.

    Parameters
    ----------
    recording : Recording
        The recording.

    Returns
    -------
    PynappleRecording
        Its parts.

    Raises
    ------
    DataError
        If pynapple is not installed, unit ids are duplicate or unknown, or no time is observed.
    """
    tables = (recording.spikes, recording.units, recording.trials, recording.behavior, recording.observed)
    return from_tables(PlainTables(*tables))


def pynapple() -> Any:
    """The package. Raises DataError, which names the extra, if it is not installed."""
    try:
        import pynapple
    except ImportError:
        raise DataError.of(
            "pynapple-not-installed",
            "",
            "pynapple is not installed: pip install 'spikebridge[pynapple]'",
            subject="pynapple",
        ) from None
    return pynapple


def tables_of(
    units: Any, trials: Any, behavior: Mapping[str, Any], region: str | Sequence[str], observed: Any
) -> PlainTables:
    """pynapple objects as tables. See `from_pynapple`.

    Raises DataError with all parts that are not as expected.
    """
    nap = pynapple()
    wrong: list[Finding] = []
    if not isinstance(units, nap.TsGroup):
        raise DataError.of(
            "pynapple-units-not-a-group", "units", f"expected a pynapple TsGroup, got {type(units).__name__}"
        )
    named = {name: list(_series_of(nap, name, thing, wrong)) for name, thing in behavior.items()}
    unit_table = _unit_table(units, region, wrong)
    trial_table = _trial_table(nap, trials, wrong)
    if observed is not None and not isinstance(observed, nap.IntervalSet):
        wrong.append(
            Finding.error(
                "pynapple-observed-not-intervals",
                "observed",
                f"observed: expected an IntervalSet, got {type(observed).__name__}",
            )
        )
    _refuse(wrong)
    times = {int(i): np.asarray(units[i].t, dtype=np.float64) for i in units.index}
    spikes = pd.DataFrame(
        {
            "unit": np.repeat(np.array(list(times), dtype=np.int64), [len(t) for t in times.values()]),
            "time_s": np.concatenate([*times.values(), np.zeros(0)]),
        }
    )
    support = units.time_support if observed is None else observed
    series = [s for group in named.values() for s in group]
    empty = pd.DataFrame({"series": np.array([], dtype=str), "time_s": np.zeros(0), "value": np.zeros(0)})
    return PlainTables(
        spikes=spikes,
        units=unit_table,
        trials=trial_table,
        behavior=pd.concat(series, ignore_index=True) if series else empty,
        observed=np.column_stack([support.start, support.end]).astype(np.float64).reshape(-1, 2),
    )


def _refuse(wrong: list[Finding]) -> None:
    if wrong:
        raise DataError.about("pynapple objects", wrong)


def _unit_table(group: Any, region: str | Sequence[str], wrong: list[Finding]) -> pd.DataFrame:
    held = group.metadata.drop(columns="rate").reset_index(drop=True)
    table = pd.concat([pd.DataFrame({"unit": np.asarray(group.index, dtype=np.int64)}), held], axis=1)
    if not isinstance(region, str):
        if len(region) != len(table):
            wrong.append(
                Finding.error(
                    "pynapple-regions-differ-in-number",
                    "region",
                    f"region: expected one for each of {len(table)} units, got {len(region)}",
                )
            )
            return table
        return table.assign(region=[str(r) for r in region])
    if region not in table:
        has = ", ".join(map(str, held.columns)) or "none"
        wrong.append(
            Finding.error(
                "pynapple-region-metadata-missing",
                "units",
                f"units: expected metadata {region!r} with the region of each unit, found {has}; name it in region=",
            )
        )
        return table
    return table.assign(region=table[region].astype(str))


def _trial_table(nap: Any, trials: Any, wrong: list[Finding]) -> pd.DataFrame:
    if isinstance(trials, nap.IntervalSet):
        trials = trials.as_dataframe()
    if not isinstance(trials, pd.DataFrame):
        wrong.append(
            Finding.error(
                "pynapple-trials-not-a-table",
                "trials",
                f"trials: expected an IntervalSet or a DataFrame, got {type(trials).__name__}",
            )
        )
        return pd.DataFrame()
    names = {old: new for old, new in INTERVAL.items() if new not in trials}
    table = trials.rename(columns=names).reset_index(drop=True)
    if not set(INTERVAL.values()) <= set(table.columns):
        has = ", ".join(map(str, trials.columns))
        wrong.append(
            Finding.error(
                "pynapple-trial-times-missing",
                "trials",
                f"trials: expected columns start_time and stop_time (or start and end), found {has}",
            )
        )
    return table


def _series_of(nap: Any, name: str, data: Any, wrong: list[Finding]) -> Iterator[pd.DataFrame]:
    """One long table per series; the columns of a TsdFrame become name_column."""
    if isinstance(data, nap.Tsd):
        columns = {name: data.d}
    elif isinstance(data, nap.TsdFrame):
        columns = {f"{name}_{column}": data.d[:, k] for k, column in enumerate(data.columns)}
    else:
        wrong.append(
            Finding.error(
                "pynapple-behavior-not-a-series",
                f"behavior {name}",
                f"behavior {name}: expected a Tsd or TsdFrame, got {type(data).__name__}",
            )
        )
        return
    for series, values in columns.items():
        yield pd.DataFrame({"series": str(series), "time_s": data.t, "value": np.asarray(values, dtype=np.float64)})


def from_tables(plain: PlainTables) -> PynappleRecording:
    """Tables as pynapple objects, with a warning (UserWarning) for every difference.

    Raises DataError for duplicate or unknown unit ids, and if no time is observed.
    """
    nap = pynapple()
    ids = plain.units["unit"].to_numpy()
    unknown = sorted(set(plain.spikes["unit"].unique()) - set(ids))
    wrong: list[Finding] = []
    if len(set(ids)) < len(ids):
        text = f"unit ids must be unique, found {len(ids)} units and {len(set(ids))} ids"
        wrong.append(Finding.error("pynapple-unit-ids-repeated", "units", text))
    if unknown:
        text = f"spikes of units that are not in the units table: {unknown[:10]}"
        wrong.append(Finding.error("pynapple-spikes-of-unknown-units", "spikes", text))
    if not len(plain.observed):
        wrong.append(Finding.error("pynapple-no-observed-time", "observed", "expected observed time, found none"))
    _refuse(wrong)
    changes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warnings below replace those of pynapple
        observed = nap.IntervalSet(plain.observed[:, 0], plain.observed[:, 1])
        units = _group(nap, plain, observed, changes)
        behavior = {
            str(n): _tsd(nap, str(n), rows, changes) for n, rows in plain.behavior.groupby("series", sort=False)
        }
        intervals = _intervals(nap, plain.trials, changes)
    if not np.array_equal(np.column_stack([observed.start, observed.end]), plain.observed):
        changes.append("observed: pynapple changed intervals that touch or overlap")
    for text in changes:
        warnings.warn(f"to_pynapple: {text}", UserWarning, stacklevel=3)
    return PynappleRecording(units, plain.trials.copy(), intervals, behavior, observed)


def _group(nap: Any, plain: PlainTables, observed: Any, changes: list[str]) -> Any:
    table = plain.units.sort_values("unit").set_index("unit")
    trains = {int(unit): np.zeros(0) for unit in table.index}
    trains |= {int(u): t.to_numpy(dtype=np.float64) for u, t in plain.spikes.groupby("unit")["time_s"]}
    unsorted = [unit for unit, times in trains.items() if (np.diff(times) < 0).any()]
    metadata = table.drop(columns="rate", errors="ignore")
    group = nap.TsGroup(
        {unit: nap.Ts(np.sort(times[np.isfinite(times)])) for unit, times in trains.items()},
        time_support=observed,
        metadata=metadata if len(metadata.columns) else None,
    )
    left = len(plain.spikes) - sum(len(group[unit]) for unit in trains)
    if left:
        changes.append(f"{left} of {len(plain.spikes)} spikes lie outside the observed time and are left out")
    if unsorted:
        changes.append(f"spike times are sorted in units {unsorted[:10]}")
    if "rate" in table:
        changes.append("the units column rate is left out: pynapple computes one of that name")
    return group


def _tsd(nap: Any, name: str, rows: pd.DataFrame, changes: list[str]) -> Any:
    """A Tsd, sorted here, because pynapple would sort the times without the values."""
    times, values = rows["time_s"].to_numpy(dtype=np.float64), rows["value"].to_numpy(dtype=np.float64)
    known = np.isfinite(times)
    if not known.all():
        changes.append(f"behavior {name}: {int((~known).sum())} samples without a time are left out")
    order = np.argsort(times[known], kind="stable")
    if (np.diff(order) < 0).any():
        changes.append(f"behavior {name}: samples are sorted by time")
    return nap.Tsd(times[known][order], values[known][order])


def _intervals(nap: Any, trials: pd.DataFrame, changes: list[str]) -> Any:
    """IntervalSet of the trials; None if pynapple would join or drop some of them."""
    if not set(INTERVAL.values()) <= set(trials.columns) or not len(trials):
        changes.append("no trial_intervals: there are no trials with start_time and stop_time")
        return None
    table = trials.rename(columns={new: old for old, new in INTERVAL.items()}).astype({"start": float, "end": float})
    table = table.assign(trial=np.arange(len(table))) if "trial" not in table else table
    table = table.sort_values("start", kind="stable").reset_index(drop=True)
    start, end = table["start"].to_numpy(), table["end"].to_numpy()
    if not (np.isfinite(start) & np.isfinite(end) & (start < end)).all():
        changes.append("no trial_intervals: trials without a time, or that end before they begin, which pynapple drops")
        return None
    if (start[1:] < end[:-1]).any():
        changes.append("no trial_intervals: trials overlap, and pynapple would join them; use trials")
        return None
    if (start[1:] == end[:-1]).any():
        changes.append(
            "trial_intervals: pynapple ends a trial a microsecond early where the next one begins at its end"
        )
    return nap.IntervalSet(start, end, metadata=table.drop(columns=["start", "end"]))
