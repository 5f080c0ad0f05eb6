"""What a check looks at: a recording and what params.yaml asks of it, with what several checks need worked out once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import ConfigError, SpikebridgeError
from spikebridge.errors.findings import Finding
from spikebridge.io.contents import format_units, unit_names
from spikebridge.io.offsets import Offset, offset_of
from spikebridge.io.validation.relative_times import TrialTimes, in_no_order, starts_at_once
from spikebridge.io.validation.time_unit import why_not_seconds
from spikebridge.labels.trial_labels import included_trials, is_missing_column, trial_labels
from spikebridge.types import Recording
from spikebridge.types.spike_trains import SpikeTrains

WORDS_OF_YAML = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True)
class CheckedRecording:
    """What a check looks at.

    unused: ids of units that no result uses (see spikebridge.io.excluded_units); checks that judge all units by their
    rates or compare units with each other leave them out, unless there are no others.

    time_unit_options: whether `data.options` may say the unit of times; then remedies name these options.
    """

    recording: Recording
    data: DataConfig
    trials: TrialsConfig
    unused: frozenset[int] = frozenset()
    time_unit_options: bool = False

    @cached_property
    def trains(self) -> SpikeTrains:
        return SpikeTrains.from_table(self.recording.spikes)

    @cached_property
    def used_trains(self) -> SpikeTrains:
        """The trains of used units; all of them where no unit is used."""
        used = ~np.isin(self.trains.unit, list(self.unused))
        return self.trains.only(used) if used.any() else self.trains

    @cached_property
    def not_seconds(self) -> Finding | None:
        """Why the spike times cannot be seconds. The file's own bins need no such check."""
        return None if self.recording.resolution_s > 0 else why_not_seconds(self.used_trains)

    @cached_property
    def names(self) -> dict[int, str]:
        """Unit -> what the file calls it; empty where it has no names."""
        return unit_names(self.recording.units)

    def called(self, unit: int) -> str:
        return self.names.get(unit, str(unit))

    def units(self, ids: NDArray[np.int64]) -> str:
        """'unit 3' or 'units TT1_c1, TT1_c3': each once, in the order of their numbers."""
        return format_units(np.unique(ids).tolist(), self.names)

    def without(self, ids: Iterable[int]) -> str:
        """The setting that leaves these units out, as it stands in params.yaml."""
        units = ", ".join(in_yaml(self.called(unit)) for unit in dict.fromkeys(ids))
        return f"data.exclude_units: {{{in_yaml(self.recording.name)}: [{units}]}}"

    @property
    def decision(self) -> str:
        """The column with the time of the decision."""
        return self.trials.decision or self.trials.align

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """(trial,): what `trials.include` takes; everything where it cannot be evaluated."""
        try:
            return included_trials(self.recording.trials, self.trials.include, self.recording.name)
        except ConfigError:
            return np.ones(len(self.recording.trials), dtype=bool)

    def times(self, column: str) -> NDArray[np.float64] | None:
        """(trial,), seconds: a column of the trial table; None where it is absent or holds no times."""
        table = self.recording.trials
        if column not in table or not holds_times(table[column]):
            return None
        return table[column].to_numpy(dtype=np.float64, na_value=np.nan)

    @cached_property
    def trial_times(self) -> TrialTimes | None:
        """Times of the trials that are asked for; None where there is nothing to align to."""
        align, start, stop = (self.times(c) for c in (self.trials.align, "start_time", "stop_time"))
        if align is None:
            return None
        asked = self.asked
        return TrialTimes(align[asked], None if start is None else start[asked], None if stop is None else stop[asked])

    @cached_property
    def own_start(self) -> bool:
        """Whether the times of the trials count from the start of each."""
        return self.trial_times is not None and (starts_at_once(self.trial_times) or in_no_order(self.trial_times))

    @cached_property
    def offset(self) -> Offset:
        """What was added to the times of this recording."""
        return offset_of(self.data, self.recording.name)

    @cached_property
    def labels(self) -> NDArray[np.str_] | None:
        """(trial,): the name of each label, "" where there is none; None where they cannot be known."""
        table, label = self.recording.trials, self.trials.label
        try:
            return (
                None if is_missing_column(label, table) else trial_labels(table, label, self.recording.name, self.asked)
            )
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


def in_yaml(word: str) -> str:
    """A word as it stands in a list of params.yaml: bare where every reader of YAML takes it for itself."""
    bare = re.fullmatch(r"-?[1-9][0-9]*|0|[A-Za-z][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*", word)
    return word if bare and word.lower() not in WORDS_OF_YAML else json.dumps(word, ensure_ascii=False)
