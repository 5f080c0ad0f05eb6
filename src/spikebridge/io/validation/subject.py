"""What a check looks at: a recording and what params.yaml asks of it, with what several checks need worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import ConfigError, SpikebridgeError
from spikebridge.io.unit_names import named, names_of
from spikebridge.io.validation.clock import why_not_seconds
from spikebridge.io.validation.trains import Trains, trains_of
from spikebridge.trial_table import included, is_absent, trial_labels
from spikebridge.types import Recording


@dataclass(frozen=True)
class Subject:
    recording: Recording
    data: DataConfig
    trials: TrialsConfig

    @cached_property
    def trains(self) -> Trains:
        return trains_of(self.recording.spikes)

    @cached_property
    def not_seconds(self) -> str:
        """What speaks against the spike times being in seconds. The file's own bins need no such look."""
        return "" if self.recording.resolution_s > 0 else why_not_seconds(self.trains)

    @cached_property
    def names(self) -> dict[int, str]:
        """Unit -> what the file calls it; empty where it has no names."""
        return names_of(self.recording.units)

    def called(self, unit: int) -> str:
        return self.names.get(unit, str(unit))

    def units(self, ids: NDArray[np.int64]) -> str:
        """'unit 3' or 'units TT1_c1, TT1_c3': each once, in the order of their numbers."""
        return named(np.unique(ids).tolist(), self.names)

    @property
    def decision(self) -> str:
        """The column with the time of the decision."""
        return self.trials.decision or self.trials.align

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """(trial,): what `trials.include` takes; everything where it cannot be evaluated."""
        try:
            return included(self.recording.trials, self.trials.include, self.recording.name)
        except ConfigError:
            return np.ones(len(self.recording.trials), dtype=bool)

    def times(self, column: str) -> NDArray[np.float64] | None:
        """(trial,), seconds: a column of the trial table; None where it is absent or holds no times."""
        table = self.recording.trials
        if column not in table or not holds_times(table[column]):
            return None
        return table[column].to_numpy(dtype=np.float64, na_value=np.nan)

    @cached_property
    def labels(self) -> NDArray[np.str_] | None:
        """(trial,): the name of each label, "" where there is none; None where they cannot be known."""
        table, label = self.recording.trials, self.trials.label
        try:
            return None if is_absent(label, table) else trial_labels(table, label, self.recording.name, self.asked)
        except SpikebridgeError:  # `check_columns` says so
            return None

    @cached_property
    def usable(self) -> NDArray[np.int64]:
        """Rows of the trials that are asked for and have a label and both times, as far as these columns are there."""
        good = self.asked.copy()
        for column in {self.trials.align, self.decision}:
            times = self.times(column)
            if times is not None:
                good &= np.isfinite(times)
        if self.labels is not None:
            good &= self.labels != ""
        return np.flatnonzero(good)


def holds_times(column: pd.Series) -> bool:
    """True for a column of numbers; false for text, dates, and yes or no."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
