"""The contents of a recording from its reader, before any selection, and the names of its units in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.labels.trial_labels import label_names

NO_REGIONS = "no-column-names-regions"
"""The code of the finding that no units column contains regions."""


@dataclass(frozen=True)
class Contents:
    """The contents of one recording, as in the file: nothing is sorted, repaired or left out without a note.

    Parameters
    ----------
    name : str
        The name of the recording.
    animal : str
        The name of the animal; "unknown" if the file has none.
    spikes : DataFrame
        Columns unit (int64) and time_s (float64, seconds), grouped by unit, in the order of the file.
    units : DataFrame
        One row per unit; column unit (int64), and every column of the file with one value per unit.
    tables : mapping of str to DataFrame
        Interval tables; start_time, stop_time and all other times in seconds on the clock of the spikes.
    behavior : DataFrame
        Long table; columns series (str), time_s (seconds), value. Every series keeps its own clock.
    places : mapping of str to tuple
        Name -> one tuple of places per unit, for files in which a unit has several electrodes
        ("electrodes.location": (("CA1", "CA1"), ("PL",))).
    observed : NDArray, shape (interval, 2), seconds, optional
        When the whole recording was observed; None if the file has no such intervals.
    observed_of_unit : tuple of NDArray, shape (interval, 2), seconds, optional
        When each unit was observed; None if the file has no such intervals.
    resolution_s : float
        Width of the bins if the file has spike counts in bins, seconds; 0 if it has spike times.
    source_file : str
        The file or folder, for messages.
    notes : tuple of Finding
        What the reader found unusual.
    time_unit_options : bool
        Whether `data.options` of this reader can set the unit of its times.
    """

    name: str
    animal: str
    spikes: pd.DataFrame
    units: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    behavior: pd.DataFrame
    places: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    observed: NDArray[np.float64] | None = None
    observed_of_unit: tuple[NDArray[np.float64], ...] | None = None
    resolution_s: float = 0.0
    source_file: str = ""
    notes: tuple[Finding, ...] = ()
    time_unit_options: bool = False


def no_behavior() -> pd.DataFrame:
    """An empty table of behaviour."""
    return pd.DataFrame(
        {"series": pd.Series(dtype="str"), "time_s": pd.Series(dtype=float), "value": pd.Series(dtype=float)}
    )


NAME = "name"
"""The units column with the names of the units in the file, from readers that number the units."""


def unit_names(units: pd.DataFrame) -> dict[int, str]:
    """Unit -> its name; empty if a unit has no name, or if names or ids are not unique."""
    if NAME not in units or not units["unit"].is_unique:
        return {}
    names = label_names(units[NAME]).tolist()
    if "" in names or len(set(names)) < len(names):
        return {}
    return dict(zip(units["unit"].tolist(), names, strict=True))


def format_units(ids: Iterable[int], names: Mapping[int, str], most: int = 10) -> str:
    """'unit 3', 'units 3, 5', or with their names; the order is kept."""
    called = [names.get(unit, str(unit)) for unit in ids]
    return ("unit " if len(called) == 1 else "units ") + listed(called, most)
