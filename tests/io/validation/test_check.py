"""What `check` makes of findings: errors all at once, warnings in order. The messages: tests/io/catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io import check
from spikebridge.io.contents import no_behavior
from spikebridge.io.validation import CHECKS
from spikebridge.types import Recording

Settings = Callable[..., Config]


def spikes(*rows: tuple[int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["unit", "time_s"])


def units(ids: list[int], regions: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"unit": ids, "region": regions})


def trials(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"start_time": [1.0, 4.0], "stop_time": [2.0, 5.0], "choice": ["a", "b"]} | columns)


FOUR = pd.DataFrame(
    {"start_time": [1.0, 3.0, 5.0, 7.0], "stop_time": [2.0, 4.0, 6.0, 8.0], "choice": ["a", "b", "a", "b"]}
)
FROM_READER = Finding.note("reader", "file", "from the reader")
SOUND = spikes((0, 0.5), (0, 9.0), (1, 1.5), (1, 7.5))


def test_a_sound_recording_has_no_warning(recording: Recording, settings: Settings) -> None:
    config = settings()
    assert check(replace(recording, trials=FOUR), config.data, config.trials) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spikes": spikes((0, 0.5), (0, np.nan), (1, 7.5))}, "1 spike time NaN or infinite, in unit 0"),
        ({"spikes": spikes((0, 0.5), (1, -2.0), (1, 7.5))}, "1 spike time below zero, in unit 1"),
        ({"spikes": spikes((0, 5.5), (0, 0.5), (1, 7.5))}, "they fall in unit 0"),
        ({"spikes": spikes()}, "expected spikes, found none"),
        ({"spikes": spikes((0, 0.5), (5, 7.5))}, "units that the units table does not have: 5"),
        ({"units": units([1, 1], ["HC", "PFC"])}, r"found more than once: 1 \(2 rows\)"),
        ({"units": units([0, 1], ["HCx", "PFC"])}, r"no unit in a region of data.source = 'HC', did you mean HCx\?"),
        (
            {"units": units([0, 1], ["HC", "V1"])},
            r"data.target = 'PFC'; regions here: 'HC' \(1 unit\), 'V1' \(1 unit\)",
        ),
        ({"observed": np.empty((0, 2))}, "expected observed time"),
        ({"trials": trials().iloc[:0]}, "expected trials in table 'trials', found none"),
        ({"trials": trials().drop(columns="choice")}, "trials.label: no column 'choice'"),
        ({"trials": trials().rename(columns={"stop_time": "stop_tim"})}, r"'stop_time'.*did you mean stop_tim\?"),
        ({"trials": trials(stop_time=["x", "y"])[["stop_time", "choice"]]}, "expected times in seconds"),
        ({"trials": trials(stop_time=[2.0, 3.0])}, "stop_time before start_time in trial 1"),
        ({"trials": trials(choice=[None, None])}, "'choice' holds no value"),
        ({"trials": trials(start_time=[1e6, 2e6], stop_time=[1e6, 2e6])}, "every trial .* lies outside the spikes"),
    ],
)
def test_wrong(recording: Recording, settings: Settings, change: dict[str, Any], message: str) -> None:
    config = settings()
    with pytest.raises(DataError, match=r"small\.nwb:(?s:.*)" + message):
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
    ("change", "message"),
    [
        ({"spikes": spikes((0, 0.5), (0, 0.5), (1, 7.5))}, "1 duplicate spike time, in unit 0"),
        ({"spikes": spikes((0, 0.5), (1, 7.5), (1, 3.6e6))}, "a recording of 1000 hours"),
        ({"spikes": spikes((0, 0.5), (1, 7.5), (1, 11.0))}, "1 of 3 spikes outside the observed time"),
        ({"units": units([0, 1, 2], ["HC", "PFC", "PFC"])}, "1 of 3 units without any spike: 2"),
        ({"trials": trials(stop_time=[2.0, np.nan])}, "1 of 2 trials without stop_time"),
        ({"trials": trials(choice=["a", None])}, "1 of 2 trials without choice"),
        ({"trials": trials(start_time=[1.0, 1.5])}, "1 trial begins before an earlier one has ended"),
        ({"trials": FOUR.assign(stop_time=[2.0, 5.0, 6.0, 50.0])}, "1 of 4 trials dropped: the window leaves the"),
    ],
)
def test_odd(recording: Recording, settings: Settings, change: dict[str, Any], message: str) -> None:
    config = settings()
    changed = replace(recording, **{"spikes": SOUND, "warnings": (FROM_READER,)} | change)
    warnings = check(changed, config.data, config.trials)
    assert warnings[0] == FROM_READER
    assert any(message in str(w) for w in warnings), warnings


def test_one_of_several_source_regions_is_enough(recording: Recording, settings: Settings) -> None:
    config = settings(data={"source": ["HC", "CA2"]})
    warnings = check(replace(recording, trials=FOUR), config.data, config.trials)
    assert tuple(map(str, warnings)) == ("no unit in data.source region CA2; the others of source are here",)


def test_earlier_findings_come_first_and_missing_parts_are_not_checked(
    recording: Recording, settings: Settings
) -> None:
    config = settings(data={"target": ["V1"]}, trials={"align": "go"})
    empty = replace(recording, trials=pd.DataFrame(), observed=np.empty((0, 2)))
    with pytest.raises(DataError) as caught:
        check(
            empty, config.data, config.trials, [Finding.error("no-table", "trials", "no table")], {"trials", "observed"}
        )
    assert str(caught.value).splitlines()[:2] == ["small.nwb:", "  - no table"]
    assert str(caught.value).count("\n") == 2  # and the region


@pytest.mark.parametrize("options", [True, False])
def test_options_that_name_units_of_time_are_part_of_a_remedy(
    recording: Recording, settings: Settings, options: bool
) -> None:
    """Only where the reader takes such options."""
    config = settings()
    speed = pd.DataFrame({"series": "speed", "time_s": np.linspace(0, 1000, 30), "value": 1.0})
    slow = replace(recording, spikes=SOUND, trials=FOUR, behavior=speed)
    (finding,) = check(slow, config.data, config.trials, time_unit_options=options)
    assert (finding.code, finding.subject) == ("behavior-not-in-seconds", "behavior")
    assert finding.text.endswith("speed (0 to 1000 s); is it in seconds?")
    named = "If not, set data.options: {behavior_time_unit: ms} (or us, samples)"
    assert finding.remedy == (named if options else "")


@pytest.mark.parametrize(
    ("times", "named"),
    [(np.arange(40.0), True), (np.sort(np.r_[0.1, np.linspace(0, 0.05, 200)]), False)],
)
def test_the_remedy_for_spikes_names_the_options_once(
    recording: Recording, settings: Settings, times: np.ndarray, named: bool
) -> None:
    """A remedy that speaks of data.options already is left as it is."""
    config = settings()
    table = pd.DataFrame({"unit": np.repeat([0, 1], len(times)), "time_s": np.tile(times, 2)})
    changed = replace(recording, spikes=table, trials=FOUR)
    with pytest.raises(DataError, match="spike times are not in seconds") as caught:
        check(changed, config.data, config.trials, time_unit_options=True)
    assert ("set data.options: {time_unit: ms}" in str(caught.value)) is named
    assert "data.options" in str(caught.value)


def test_every_check_names_a_part(recording: Recording, settings: Settings) -> None:
    assert set(CHECKS.values()) <= {"spikes", "regions", "observed", "trials", "behavior"}
    assert len({check_function.__name__ for check_function in CHECKS}) == len(CHECKS)


def test_an_empty_recording_is_refused_in_words(recording: Recording, settings: Settings) -> None:
    """No check may stumble over what another one is there to find."""
    config = settings()
    nothing = replace(
        recording, spikes=spikes(), units=units([], []), trials=trials().iloc[:0], behavior=no_behavior(),
        observed=np.empty((0, 2)),
    )  # fmt: skip
    with pytest.raises(DataError, match="expected units, found none") as caught:
        check(nothing, config.data, config.trials)
    assert "expected spikes, found none" in str(caught.value)


def test_binned_recordings_may_repeat_a_time(recording: Recording, settings: Settings) -> None:
    """Counts of a bin all carry its time, and whole seconds are no samples."""
    config = settings()
    times = np.repeat(np.arange(10.0), 4)
    table = pd.DataFrame({"unit": np.repeat([0, 1], [len(times), 20]), "time_s": np.r_[times, times[:20] + 3.0]})
    assert check(replace(recording, spikes=table, trials=FOUR, resolution_s=1.0), config.data, config.trials) == ()
    with pytest.raises(DataError, match="whole numbers"):
        check(replace(recording, spikes=table, trials=FOUR), config.data, config.trials)
