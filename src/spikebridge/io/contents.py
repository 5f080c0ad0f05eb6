"""What a reader finds in a recording, before anything is chosen from it, and what messages call its units."""

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
"""The code of the finding that no column of the units names regions."""


@dataclass(frozen=True)
class Contents:
    """Everything of one recording, as the file has it: nothing sorted, repaired or left out without a note.

    Parameters
    ----------
    name : str
        The name of the recording.
    animal : str
        The name of the animal; "unknown" where the file does not say.
    spikes : DataFrame
        Columns unit (int64) and time_s (float64, seconds), grouped by unit, in the order of the file.
    units : DataFrame
        One row a unit; column unit (int64), and every column of the file that holds one value a unit.
    tables : mapping of str to DataFrame
        Interval tables; start_time, stop_time and all other times in seconds on the clock of the spikes.
    behavior : DataFrame
        Long table; columns series (str), time_s (seconds), value. Every series keeps its own clock.
    places : mapping of str to tuple
        Name -> one tuple of places a unit, for files in which a unit lies on several electrodes
        ("electrodes.location": (("CA1", "CA1"), ("PL",))).
    observed : NDArray, shape (interval, 2), seconds, optional
        When the whole recording was observed; None where the file does not say.
    observed_of_unit : tuple of NDArray, shape (interval, 2), seconds, optional
        One a unit; None where the file does not say.
    resolution_s : float
        Width of the bins that the file holds instead of spike times, seconds; 0 where it holds times.
    source_file : str
        The file or folder, for messages.
    notes : tuple of Finding or str
        What the reader found or did; a plain sentence is a finding of its own kind.
    time_unit_options : bool
        Whether `data.options` may say the unit of the times of this reader.
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
    notes: tuple[Finding | str, ...] = ()
    time_unit_options: bool = False


def no_behavior() -> pd.DataFrame:
    """An empty table of behaviour."""
    return pd.DataFrame(
        {"series": pd.Series(dtype="str"), "time_s": pd.Series(dtype=float), "value": pd.Series(dtype=float)}
    )


NAME = "name"
"""The column of the units table in which readers that number units keep what the file calls them."""


def unit_names(units: pd.DataFrame) -> dict[int, str]:
    """Unit -> its name; empty where not every unit has a name of its own, or ids are there twice."""
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
