"""Unit selection by rate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spikebridge.errors import DataError
from spikebridge.preprocess import select_units
from spikebridge.types import Recording

SPIKES = {9: [1.0, 2.0, 3.0, 4.0], 2: [1.0], 5: [50.0], 7: [1.0], 1: []}
REGIONS = ("CA1", "CA1", "CA3", "PFC", "CA3")


@pytest.mark.parametrize(
    ("min_rate", "kept", "report"),
    [
        (0.0, [2, 9], {"CA1": {"kept": 2, "dropped": 0}, "CA3": {"kept": 0, "dropped": 2}}),
        (0.4, [9], {"CA1": {"kept": 1, "dropped": 1}, "CA3": {"kept": 0, "dropped": 2}}),
    ],
)
def test_rate_counts_observed_time_only(
    make_recording: Callable[..., Recording], min_rate: float, kept: list[int], report: dict[str, dict[str, int]]
) -> None:
    """Unit 5 fires outside the observed time, unit 1 never: neither has a rate."""
    recording = make_recording([5.0], ["a"], spikes=SPIKES, regions=REGIONS, observed=[[0.0, 4.5], [6.0, 11.5]])
    found = select_units(recording, ["CA1", "CA3"], min_rate)
    assert found.kept.tolist() == kept
    assert found.report == report


def test_no_unit_left(make_recording: Callable[..., Recording]) -> None:
    recording = make_recording([5.0], ["a"], spikes=SPIKES, regions=REGIONS, observed=[[0.0, 10.0]])
    with pytest.raises(DataError, match=r"small: none of the 2 units in \['CA1'\] reaches .* highest rate is 0\.4 Hz"):
        select_units(recording, ["CA1"], 1.0)
