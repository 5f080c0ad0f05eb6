"""Which units are good enough to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.intervals import merge_intervals, total_s
from spikebridge.types import Recording


@dataclass(frozen=True)
class UnitSelection:
    """kept: (unit,), unit ids in rising order. report: {region: {"kept": n, "dropped": n}}."""

    kept: NDArray[np.int64]
    report: dict[str, dict[str, int]]


def select_units(recording: Recording, regions: Sequence[str], min_rate_hz: float) -> UnitSelection:
    """Units of the regions with at least one spike in the observed time and a mean rate of at least `min_rate_hz`.

    The rate is spikes in the observed time / seconds observed, over the whole recording: a criterion of recording
    quality, like those of a spike sorter, declared beforehand. It sees no label and no other unit, so it cannot carry
    the decision from test to training trials; anything that is LEARNED (scaling, selection by information, PCA) belongs
    in the models, inside the outer training set.

    Raises DataError where no unit is left.
    """
    units = recording.units[recording.units["region"].isin(list(regions))].sort_values("unit")
    ids = units["unit"].to_numpy(dtype=np.int64)
    counts = _observed_counts(recording, ids)
    seconds = total_s(recording.observed)
    good = (counts > 0) & (counts >= min_rate_hz * seconds)
    if not good.any():
        best = counts.max(initial=0) / seconds if seconds else 0.0
        raise DataError(
            f"{recording.name}: none of the {len(ids)} units in {list(regions)} reaches data.min_rate_hz = "
            f"{min_rate_hz:g}; the highest rate is {best:.3g} Hz in {seconds:g} observed seconds"
        )
    report: dict[str, dict[str, Any]] = {}
    for region in sorted(set(units["region"])):
        here = (units["region"] == region).to_numpy()
        report[region] = {"kept": int((here & good).sum()), "dropped": int((here & ~good).sum())}
    return UnitSelection(ids[good], report)


def _observed_counts(recording: Recording, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """(unit,): spikes inside the observed time; ids rise."""
    times = recording.spikes["time_s"].to_numpy()
    units = recording.spikes["unit"].to_numpy()
    edges = merge_intervals(recording.observed).ravel()
    mine = np.isin(units, ids) & (np.searchsorted(edges, times, side="right") % 2 == 1)
    return np.bincount(np.searchsorted(ids, units[mine]), minlength=len(ids))
