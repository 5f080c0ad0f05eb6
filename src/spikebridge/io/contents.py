"""What a reader finds in a recording, before anything is chosen from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding

NO_REGIONS = "no-column-names-regions"
"""The code of the finding that no column of the units names regions."""


@dataclass(frozen=True)
class Contents:
    """Everything of one recording, as the file has it: nothing sorted, repaired or left out without a note.

    spikes: columns unit (int64) and time_s (float64, seconds), grouped by unit, in the order of the file.
    units: one row a unit; column unit (int64), and every column of the file that holds one value a unit.
    tables: interval tables by name; start_time, stop_time and all other times in seconds on the clock of the spikes.
    behavior: long table; columns series (str), time_s, value. Every series keeps its own clock.
    places: name -> one tuple of places a unit, for files in which a unit lies on several electrodes
        ("electrodes.location": (("CA1", "CA1"), ("PL",))).
    observed: (interval, 2), seconds, when the whole recording was observed; None where the file does not say.
    observed_of_unit: one (interval, 2) a unit; None where the file does not say.
    resolution_s: width of the bins that the file holds instead of spike times; 0 where it holds times.
    notes: what the reader found or did; a plain sentence is a finding that is the same only letter by letter.
    time_unit_options: whether `data.options` may say the unit of its times; see `time_units`.
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
