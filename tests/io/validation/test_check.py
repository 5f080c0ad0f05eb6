"""Each thing that can be wrong or odd in a recording, alone and all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io import check
from spikebridge.types import Recording

Settings = Callable[..., Config]


def spikes(*rows: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["unit", "time_s"])


def units(ids: list[int], regions: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"unit": ids, "region": regions})


def trials(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"start_time": [1.0, 4.0], "stop_time": [2.0, 5.0], "choice": ["a", "b"]} | columns)


SOUND = spikes((0, 0.5), (0, 9.0), (1, 1.5), (1, 7.5))


def test_a_sound_recording_has_no_warning(recording: Recording, settings: Settings) -> None:
    config = settings()
    assert check(recording, config.data, config.trials) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spikes": spikes((0, 0.5), (0, np.nan), (1, 7.5))}, "1 NaN or infinite spike times, in units 0"),
        ({"spikes": spikes((0, 0.5), (1, -2.0), (1, 7.5))}, "1 negative spike times, in units 1"),
        ({"spikes": spikes((0, 5.5), (0, 0.5), (1, 7.5))}, "they fall in units 0"),
        ({"spikes": spikes()}, "expected spikes, found none"),
        ({"spikes": spikes((0, 0.5), (5, 7.5))}, "not in the units table: 5"),
        ({"units": units([1, 1], ["HC", "PFC"])}, "found more than once: 1"),
        ({"units": units([0, 1], ["HCx", "PFC"])}, r"no unit in any data.source region: 'HC', did you mean HCx\?"),
        ({"units": units([0, 1], ["HC", "V1"])}, r"data.target region: 'PFC'; regions here: HC \(1 units\), V1 \(1"),
        ({"observed": np.empty((0, 2))}, "expected observed time"),
        ({"trials": trials().iloc[:0]}, "expected trials in table 'trials', found none"),
        ({"trials": trials().drop(columns="choice")}, "trials.label: no column 'choice'"),
        ({"trials": trials().rename(columns={"stop_time": "stop_tim"})}, r"'stop_time'.*did you mean stop_tim\?"),
        ({"trials": trials(stop_time=["x", "y"])[["stop_time", "choice"]]}, "expected times in seconds"),
        ({"trials": trials(stop_time=[2.0, 3.0])}, "stop_time before start_time in trials 1"),
        ({"trials": trials(choice=[None, None])}, "'choice' holds no value"),
        ({"trials": trials(start_time=[1e6, 2e6], stop_time=[1e6, 2e6])}, "every trial .* lies outside the spikes"),
    ],
)
def test_wrong(recording: Recording, settings: Settings, change: dict[str, Any], said: str) -> None:
    config = settings()
    with pytest.raises(DataError, match=r"small\.nwb:(?s:.*)" + said):
        check(replace(recording, **change), config.data, config.trials)


def test_everything_wrong_at_once(recording: Recording, settings: Settings) -> None:
    bad = replace(recording, spikes=spikes((0, np.nan), (1, -1.0), (1, 7.5)), trials=trials().drop(columns="choice"))
    config = settings(trials={"decision": "go"})
    with pytest.raises(DataError) as caught:
        check(bad, config.data, config.trials)
    text = str(caught.value)
    assert text.count("\n  - ") == 4
    for part in ("NaN", "negative", "trials.label", "trials.decision: no column 'go'"):
        assert part in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spikes": spikes((0, 0.5), (0, 0.5), (1, 7.5))}, "1 duplicate spike times, in units 0"),
        ({"spikes": spikes((0, 0.5), (1, 7.5), (1, 3.6e6))}, "1000 hours"),
        ({"spikes": spikes((0, 0.5), (1, 7.5), (1, 11.0))}, "1 of 3 spikes lie outside the observed time"),
        ({"units": units([0, 1, 2], ["HC", "PFC", "PFC"])}, "1 of 3 units have no spikes"),
        ({"trials": trials(stop_time=[2.0, np.nan])}, "1 of 2 trials have no stop_time"),
        ({"trials": trials(choice=["a", None])}, "1 of 2 trials have no choice"),
        ({"trials": trials(start_time=[1.0, 1.5])}, "1 trials begin before an earlier one has ended"),
        ({"trials": trials(stop_time=[2.0, 50.0])}, "1 of 2 trials lie outside the time of the spikes"),
    ],
)
def test_odd(recording: Recording, settings: Settings, change: dict[str, Any], said: str) -> None:
    config = settings()
    changed = replace(recording, **{"spikes": SOUND, "warnings": ("from the reader",)} | change)
    warnings = check(changed, config.data, config.trials)
    assert warnings[0] == "from the reader"
    assert any(said in w for w in warnings), warnings


def test_one_of_several_source_regions_is_enough(recording: Recording, settings: Settings) -> None:
    config = settings(data={"source": ["HC", "CA2"]})
    warnings = check(recording, config.data, config.trials)
    assert warnings == ("no unit in data.source region CA2; the others of source are here",)
