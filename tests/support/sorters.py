"""Sorted spikes for the readers of sorters' output, and SpikeInterface as the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge import io
from spikebridge.config import DataConfig
from spikebridge.io.contents import Contents
from spikebridge.io.reader_registry import options_of

Trains = dict[Any, NDArray[np.float64]]


def read(reader: str, path: Path, **options: Any) -> Contents:
    """What a reader finds, with its options given as in params.yaml."""
    module = io.get_reader(reader)
    data = DataConfig(path=str(path), reader=reader, options=options, source=["HC"], target=["PFC"])
    return module.read(path, options_of(module, data))


def trains(contents: Contents, key: str = "unit") -> Trains:
    """Unit, or another column of the units -> its spike times in seconds."""
    of_unit = {u: g["time_s"].to_numpy() for u, g in contents.spikes.groupby("unit")}
    return {row[key]: of_unit.get(row["unit"], np.empty(0)) for row in contents.units.to_dict("records")}


def oracle(sorting: Any, key: str | None = None) -> Trains:
    """The same from an extractor of SpikeInterface; key: a property instead of the unit's id."""
    names = list(sorting.unit_ids) if key is None else list(sorting.get_property(key))
    times = (sorting.get_unit_spike_train(u) / sorting.sampling_frequency for u in sorting.unit_ids)
    return dict(zip(names, times, strict=True))


def same(ours: Trains, theirs: Trains) -> None:
    """The same units with exactly the same times, and spikes at all."""
    assert ours.keys() == theirs.keys()
    for unit, times in theirs.items():
        np.testing.assert_array_equal(ours[unit], times)
    assert sum(map(len, ours.values())) > 0


def random_samples(rng: np.random.Generator, n: int = 200, last: int = 300_000) -> NDArray[np.int64]:
    """(n,) distinct samples, rising."""
    return np.sort(rng.choice(last, n, replace=False)).astype(np.int64)


def write_csv(folder: Path, name: str, **columns: list[Any]) -> None:
    pd.DataFrame(columns).to_csv(folder / name, index=False)
