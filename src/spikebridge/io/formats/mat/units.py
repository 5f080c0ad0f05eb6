"""Parts of the MATLAB reader: units and their spikes, from one train a unit or from times with their units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.formats.mat.fields import FieldReader, columns_field, to_seconds
from spikebridge.io.formats.mat.paths import NoSuchPathError
from spikebridge.io.formats.mat.values import as_column, as_trains, as_vector
from spikebridge.io.formats.spike_trains import group_by_unit, integer_ids
from spikebridge.io.formats.table import TimeUnit

MIN_WHOLE_TIMES = 20
"""From this number of spike times, times that are all whole numbers are not taken for seconds."""
MAX_ID = float(2**62)
UNWRAPPED = "unwrapped_times"


@dataclass(frozen=True)
class SpikePaths:
    """Paths of the spikes and units in a file, as `data.options` of the reader `matlab` names them."""

    spikes: str | None = None
    spike_times: str | None = None
    spike_units: str | None = None
    unit_id: str | None = None
    region: str | None = None
    units: str | Mapping[str, str] = field(default_factory=dict)


def spikes_and_units(
    fields: FieldReader, paths: SpikePaths, clock: TimeUnit, unit_is_given: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units, and spikes in seconds grouped by unit; both empty where the log says what is wrong."""
    nothing = pd.DataFrame({"unit": []}, dtype=np.int64), pd.DataFrame({"unit": [], "time_s": []})
    n_wrong = len(fields.log.errors)
    given = fields.get("unit_id", paths.unit_id, as_column)
    region = fields.get("region", paths.region, as_column)
    skip = paths.spikes.rpartition(".")[2:] if paths.spikes else ()  # in a struct array of units, beside the columns
    more = columns_field(fields, "units", paths.units, skip) if paths.units else None
    columns = {n: c for n, c in (("unit_id", given), ("region", region)) if c is not None}
    columns |= {} if more is None else {f"units.{name}": more[name] for name in more}
    rows = (
        _from_trains(fields, paths, columns) if paths.spikes is not None else _from_spike_list(fields, paths, columns)
    )
    if rows is None or len(fields.log.errors) > n_wrong:
        return nothing
    ids, owner, raw = rows
    number, names = _integer_ids(ids)
    units = pd.DataFrame({"unit": number} | ({} if names is None else {"name": pd.Series(names, dtype="str")}))
    for name, values in columns.items():
        if name != "unit_id" and name.removeprefix("units.") not in units:
            units[name.removeprefix("units.")] = _integers_if_whole(values)
    if not unit_is_given:
        _check_unit_of_time(fields, raw)
    return units, group_by_unit(number, number[owner], to_seconds(fields, raw, "spike times", clock))


UnitRows = tuple[pd.Series, NDArray[np.int64], NDArray[Any]]
"""Id of each unit; of each spike, the row of its unit and its time."""


def _from_trains(fields: FieldReader, paths: SpikePaths, columns: dict[str, pd.Series]) -> UnitRows | None:
    """Units from one train each."""
    held = fields.get("spikes", paths.spikes, as_trains)
    if held is None:
        return None
    wrong = [f"{name} {len(values)}" for name, values in columns.items() if len(values) != len(held)]
    if wrong:
        fields.log.errors.append(
            Finding.error(
                "matlab-unit-values-differ-in-number",
                "data.options",
                f"data.options: expected one value for each of {len(held)} units, found {listed(wrong)}",
            )
        )
        return None
    ids = columns.get("unit_id", pd.Series(np.arange(1, len(held) + 1)))
    raw = np.concatenate(held) if held else np.zeros(0)
    return ids, np.repeat(np.arange(len(held)), [len(t) for t in held]), raw


def _from_spike_list(fields: FieldReader, paths: SpikePaths, columns: dict[str, pd.Series]) -> UnitRows | None:
    """Units from the vector of the units of all spikes."""
    raw = fields.get("spike_times", paths.spike_times, as_vector)
    owner = fields.get("spike_units", paths.spike_units, as_column)
    if raw is None or owner is None or _counts_from_trials(fields, str(paths.spike_times), raw):
        return None
    if len(raw) != len(owner):
        fields.log.errors.append(
            Finding.error(
                "matlab-spikes-and-units-differ-in-number",
                "data.options",
                f"data.options: {len(raw)} spike_times, but {len(owner)} spike_units",
            )
        )
        return None
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = listed(f"{name} {n}" for name, n in lengths.items())
        fields.log.errors.append(
            Finding.error(
                "matlab-unit-columns-differ-in-length",
                "data.options",
                f"data.options: expected one value a unit, found columns of different length: {counts}",
            )
        )
        return None
    ids = columns.get("unit_id")
    if ids is None:  # a column without ids is in MATLAB's count: row k is unit k
        ids = pd.Series(np.arange(1, lengths.popitem()[1] + 1) if lengths else np.unique(owner))
    rows = pd.Index(ids).get_indexer_for(owner) if ids.is_unique else np.full(len(owner), -1)
    strange = owner[rows < 0].unique()
    if not ids.is_unique:
        fields.log.errors.append(
            Finding.error(
                "matlab-unit-ids-repeated",
                "data.options.unit_id",
                f"data.options.unit_id: ids must be unique, found {listed(map(str, ids), 10)}",
            )
        )
    elif len(strange):
        named = (
            "data.options.unit_id" if "unit_id" in columns else f"1 to {len(ids)} (without unit_id, row k is unit k)"
        )
        fields.log.errors.append(
            Finding.error(
                "matlab-spikes-of-unknown-units",
                "spikes",
                f"spikes of units that are not in {named}: {listed(map(str, strange), 10)}",
            )
        )
    return None if not ids.is_unique or len(strange) else (ids, rows.astype(np.int64), raw)


def _counts_from_trials(fields: FieldReader, path: str, raw: NDArray[Any]) -> bool:
    """Whether these are UltraMegaSort's spiketimes, which count from the start of each trial; then the log says so."""
    place, _, name = path.rpartition(".")
    if name.lower() != "spiketimes" or not place:
        return False
    try:
        whole = np.ravel(fields.node(f"{place}.{UNWRAPPED}"))
    except NoSuchPathError:
        return False
    if len(whole) != len(raw) or np.allclose(whole.astype(float), raw.astype(float), rtol=1e-6, equal_nan=True):
        return False
    fields.log.errors.append(
        Finding.error(
            "matlab-times-from-trial-start",
            "data.options.spike_times",
            f"data.options.spike_times: {path} counts from the start of each trial, since {place}.{UNWRAPPED} holds "
            f"other times of the same spikes: set spike_times: {place}.{UNWRAPPED}",
        )
    )
    return True


def _integer_ids(ids: pd.Series) -> tuple[NDArray[np.int64], list[str] | None]:
    """Ids as integers, and their names where they are none: then units are counted from 0."""
    values = ids.to_numpy()
    if values.dtype.kind in "iuf" and bool(np.all((values == np.floor(values)) & (np.abs(values) < MAX_ID))):
        return values.astype(np.int64), None
    return integer_ids(list(values))


def _integers_if_whole(values: pd.Series) -> pd.Series:
    """Codes such as 1.0, MATLAB's doubles, as integers where all of them are whole."""
    numbers = values.to_numpy()
    whole = numbers.dtype.kind == "f" and bool(np.all((numbers == np.floor(numbers)) & (np.abs(numbers) < MAX_ID)))
    return values.astype(np.int64) if whole and len(values) else values


def _check_unit_of_time(fields: FieldReader, raw: NDArray[Any]) -> None:
    """Whole numbers may be samples, ms or us: an error asks for the unit."""
    known = raw[np.isfinite(raw)]
    integers = raw.dtype.kind in "iu" and len(raw) > 0
    if integers or (len(known) >= MIN_WHOLE_TIMES and bool(np.all(known == np.floor(known)))):
        span = f"{known.min():g} to {known.max():g}"
        fields.log.errors.append(
            Finding.error(
                "matlab-time-unit-unknown",
                "data.options.time_unit",
                f"spike times are whole numbers ({span}): say what they count with data.options.time_unit: s, ms, us, "
                "or samples (then sampling_rate_hz as well)",
            )
        )
