"""Leave out units before a recording is checked: the units of `data.exclude_units`, and faulty units that no result
uses.

A unit is used if its region is in source or target and its sorter label is in `quality.sorter_labels`. If an unused
unit has faulty spike times, it is left out, and a note states the unit and the reason. Faulty times of a used unit are
an error of spikebridge.io.validation. Rates are not considered here, because they cannot be computed from faulty times.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, QualityConfig
from spikebridge.duplicates import has_repeated_spikes
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import Contents, format_units, unit_names
from spikebridge.labels.sorter_labels import has_unwanted_label, unit_labels
from spikebridge.types.spike_trains import first_spikes

Times = NDArray[np.float64]


def check_excluded(data: DataConfig, recordings: Collection[str]) -> None:
    """Raise ConfigError if `data.exclude_units` names a recording that does not exist."""
    if isinstance(data.exclude_units, dict):
        for name in data.exclude_units:
            if name not in recordings:
                raise ConfigError(
                    f"data.exclude_units: no recording {name!r}{did_you_mean(name, recordings)} Recordings: "
                    f"{listed(sorted(recordings), 10)}"
                )


def exclude_units_by_name(contents: Contents, data: DataConfig, findings: list[Finding]) -> Contents:
    """The contents without the units of `data.exclude_units`. An unknown unit is a finding."""
    given = data.exclude_units
    asked = given.get(contents.name, []) if isinstance(given, dict) else given
    if not asked:
        return contents
    names, ids = unit_names(contents.units), contents.units["unit"].tolist()
    by_word = {str(unit): unit for unit in ids} | {name: unit for unit, name in names.items()}
    lost = [word for word in asked if str(word) not in by_word]
    if lost:
        hints = [f"{word!r}{did_you_mean(str(word), by_word, '')}" for word in lost]
        here = listed((names.get(unit, str(unit)) for unit in ids), 20)
        findings.append(
            Finding.error(
                "unknown-excluded-unit",
                "data.exclude_units",
                f"data.exclude_units: no unit {listed(hints, 10)} in this recording; units here: {here}.",
                f"To leave out units of some recordings alone, write data.exclude_units: {{{contents.name}: [...]}}",
            )
        )
    out = list(dict.fromkeys(by_word[str(word)] for word in asked if str(word) in by_word))
    if out:
        findings.append(
            Finding.warning(
                "units-excluded",
                "data.exclude_units",
                f"{format_units(out, names)} left out, as data.exclude_units asks",
            )
        )
    return _without(contents, contents.units["unit"].isin(out).to_numpy(), out)


def merge_duplicate_spikes(contents: Contents, data: DataConfig, findings: list[Finding]) -> Contents:
    """The contents without duplicate spikes if `data.duplicates` is "merge". Counts in bins are not changed."""
    if data.duplicates != "merge" or contents.resolution_s > 0:
        return contents
    times, units = contents.spikes["time_s"].to_numpy(), contents.spikes["unit"].to_numpy()
    again = np.flatnonzero((times[1:] == times[:-1]) & (units[1:] == units[:-1])) + 1
    if not len(again):
        return contents
    who = format_units(np.unique(units[again]).tolist(), unit_names(contents.units))
    text = f"{counted(len(again), 'duplicate spike time')} of {who} merged, as data.duplicates asks"
    findings.append(Finding.warning("duplicates-merged", "data.duplicates", text))
    return replace(contents, spikes=contents.spikes.drop(index=contents.spikes.index[again]).reset_index(drop=True))


def unused(
    units: pd.DataFrame, regions: Collection[str], data: DataConfig, quality: QualityConfig, name: str
) -> dict[str, NDArray[np.bool_]]:
    """Reason why a unit is not used -> (unit,), True where the reason applies. regions: (unit,)."""
    asked = [*data.source, *data.target]
    reasons = {"no region of source or target": np.array([region not in asked for region in regions], dtype=bool)}
    if quality.sorter_labels is not None:
        with contextlib.suppress(DataError):  # a missing column: the stage preprocess reports it
            words = unit_labels(units, units, quality.sorter_label_from, name).words
            reasons["quality.sorter_labels"] = has_unwanted_label(words, quality.sorter_labels)
    return reasons


def exclude_faulty_units(
    contents: Contents,
    out: Mapping[str, NDArray[np.bool_]],
    data: DataConfig,
    findings: list[Finding],
) -> Contents:
    """The contents without the unused units that are faulty.

    out: the result of `unused`.
    """
    units, rows = contents.units["unit"].to_numpy(), len(contents.units)
    trains, left = _trains(contents.spikes), np.logical_or.reduce(list(out.values()))
    faults: dict[tuple[str, str], list[int]] = {}
    gone = np.zeros(rows, dtype=bool)
    for unit in pd.unique(units[left]).tolist():
        same_id = units == unit
        if not left[same_id].all():  # a used and an unused unit have the same id: their spikes cannot be separated
            continue
        fault = "an id of several units" if same_id.sum() > 1 else _fault(trains.get(unit, []), contents, data)
        if fault:
            reason = next((k for k, v in out.items() if v[same_id].all()), next(iter(out)))
            faults.setdefault((fault, reason), []).append(unit)
            gone |= same_id
    for (fault, reason), ids in faults.items():
        who = format_units(ids, unit_names(contents.units))
        findings.append(
            Finding.warning("faulty-units-excluded", fault, f"{who} left out: {fault}, and not used anyway ({reason})")
        )
    return _without(contents, gone, units[gone].tolist())


def _fault(parts: list[Times], contents: Contents, data: DataConfig) -> str:
    """Description of the fault in the spike times of one unit; empty if there is none."""
    times = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0), *parts])
    finite = np.isfinite(times)
    if not finite.all():
        return "spike times that are NaN or infinite"
    if (times < 0).any():
        return "spike times below zero"
    steps = np.diff(times)
    if (steps < 0).any():
        return "spike times that fall"
    n_again = np.array([(steps == 0).sum()])
    if (
        data.duplicates == "error"
        and contents.resolution_s == 0
        and has_repeated_spikes(n_again, np.array([len(times)])).any()
    ):
        return "doubled spike times"
    return ""


def _trains(spikes: pd.DataFrame) -> dict[int, list[Times]]:
    """Unit -> views of its spike times: a single one if the spikes are grouped by unit, as readers return them."""
    units, times = spikes["unit"].to_numpy(), spikes["time_s"].to_numpy(dtype=np.float64)
    start = first_spikes(units)
    trains: dict[int, list[Times]] = {}
    for first, stop in zip(start.tolist(), [*start[1:].tolist(), len(units)], strict=False):
        trains.setdefault(int(units[first]), []).append(times[first:stop])
    return trains


def _without(contents: Contents, gone: NDArray[np.bool_], ids: Collection[int]) -> Contents:
    """The contents without the units marked in `gone`, and without the spikes of `ids`."""
    if not gone.any():
        return contents
    kept = np.flatnonzero(~gone)
    of_unit = contents.observed_of_unit
    return replace(
        contents,
        units=contents.units.take(kept).reset_index(drop=True),
        spikes=contents.spikes[~contents.spikes["unit"].isin(list(ids)).to_numpy()].reset_index(drop=True),
        places={name: tuple(per_unit[k] for k in kept) for name, per_unit in contents.places.items()},
        observed_of_unit=None if of_unit is None else tuple(of_unit[k] for k in kept),
    )
