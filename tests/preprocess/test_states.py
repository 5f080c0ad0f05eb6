"""Bins of states, against loops over bins; and the errors for states that cannot be computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_windows import windows_of

from spikebridge.artifacts.recordings import IntervalTables
from spikebridge.config import StateConfig, TrialsConfig
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess.binning import held_values
from spikebridge.preprocess.states import StateBins, Timeline, find_states
from spikebridge.types import Windows

BIN_S = 0.1  # of windows_of
TRIALS = TrialsConfig(label="choice")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(17)


@pytest.fixture
def w(rng: np.random.Generator) -> Windows:
    """Thirty windows of ten bins, back to back but for a pause after the tenth."""
    made = windows_of(*rng.poisson(1.0, (2, 30, 10, 3)), recording="day1")
    start = made.start_s + np.where(np.arange(30) >= 10, 7.3, 0.0)
    return windows_of(made.source, made.target, recording="day1", start_s=start)


def series(name: str, time: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"series": name, "time_s": time, "value": value})


def states_in(
    w: Windows, *behavior: pd.DataFrame, tables: dict[str, Any] | None = None, **states: dict[str, str]
) -> dict[str, StateBins]:
    """State -> its bins in the one recording."""
    joined = pd.concat(behavior) if behavior else pd.DataFrame({"series": [], "time_s": [], "value": []})
    timeline = Timeline("day1", joined, IntervalTables(tables or {}, {"odd": "of two kinds"}))
    asked = {name: StateConfig(**state) for name, state in states.items()}
    bins_of_states = find_states(asked, TRIALS, [timeline], {"day1": w})
    return {name: each["day1"] for name, each in bins_of_states.items()}


def intervals(*pairs: tuple[float, float], **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"start_time": [p[0] for p in pairs], "stop_time": [p[1] for p in pairs]} | columns)


def test_bins_of_which_half_lies_in_the_intervals(w: Windows, rng: np.random.Generator) -> None:
    start = np.sort(rng.uniform(0, 36, 60))
    pairs = list(zip(start, start + rng.gamma(2.0, 0.1, 60), strict=True))  # some overlap
    bins_of_states = states_in(w, tables={"ripples": intervals(*pairs)}, ripple={"intervals": "ripples"})
    grid = np.arange(0, 40, 1e-3) + 5e-4
    covered = np.zeros(len(grid), dtype=bool)
    for a, b in pairs:
        covered |= (grid >= a) & (grid < b)
    share = np.array([
        [covered[(grid >= s + b * BIN_S) & (grid < s + (b + 1) * BIN_S)].mean() for b in range(10)] for s in w.start_s
    ])  # fmt: skip
    clear = np.abs(share - 0.5) > 0.02
    assert clear.mean() > 0.95
    assert list(bins_of_states) == ["ripple", "outside ripple"]
    np.testing.assert_array_equal(bins_of_states["ripple"].inside[clear], (share > 0.5)[clear])
    np.testing.assert_array_equal(bins_of_states["outside ripple"].inside, ~bins_of_states["ripple"].inside)


def test_rows_of_a_table_and_a_condition(w: Windows) -> None:
    epochs = intervals((0.0, 2.0), (2.0, 4.0), (4.0, 6.0), kind=["sws", "run", "sws"], score=[1.0, 1.0, np.nan])
    speed = series("speed", np.arange(0, 40, 0.05), np.arange(0, 40, 0.05))  # the time itself
    bins_of_states = states_in(
        w,
        speed,
        tables={"epochs": epochs},
        sws={"intervals": "epochs", "rows": "kind == 'sws'"},
        known={"intervals": "epochs", "rows": "score > 0"},
        both={"intervals": "epochs", "rows": "kind == 'sws'", "where": "speed > 5"},
    )
    middle = w.start_s[:, None] + (np.arange(10) + 0.5) * BIN_S
    sws = (middle < 2) | ((middle > 4) & (middle < 6))
    np.testing.assert_array_equal(bins_of_states["sws"].inside, sws)
    np.testing.assert_array_equal(bins_of_states["known"].inside, middle < 4)
    np.testing.assert_array_equal(bins_of_states["both"].inside, sws & (middle > 5))
    assert set(bins_of_states) == {"sws", "known", "both"}, "more than one state: no outside is added"


def test_every_series_keeps_its_clock_and_the_unknown_is_in_no_state(w: Windows) -> None:
    """theta has a sample in every fifth bin, speed two a bin, with a gap and a lost stretch."""
    fast = np.arange(0, 40, 0.05)
    fast = fast[(fast < 0.98) | (fast > 1.52)]
    speed = series("speed", fast, np.where((fast > 2.02) & (fast < 2.28), np.nan, 10.0))
    theta = series("theta power", np.arange(0.02, 40, 0.5), 1.0 - np.arange(80) % 2)
    bins_of_states = states_in(w, speed, theta, run={"where": "speed > 5 and `theta power` > 0.5"})
    inside, outside = bins_of_states["run"].inside.ravel()[:40], bins_of_states["outside run"].inside.ravel()[:40]
    high = np.floor((np.arange(1, 41) * BIN_S - 0.02 - 1e-9) / 0.5) % 2 == 0
    # the sample at 0.95 s holds for two intervals of 0.05 s, so in bin 10 as well; nothing holds a lost sample
    unknown = np.isin(np.arange(40), [11, 12, 13, 14, 21, 22])
    np.testing.assert_array_equal(inside, high & ~unknown)
    np.testing.assert_array_equal(outside, ~high)  # a condition with a false part is known, whatever the other is
    assert (high & unknown).any()


def test_held_values_against_a_loop(rng: np.random.Generator) -> None:
    time = np.sort(rng.uniform(0, 20, 25))
    value = np.where(rng.random(25) < 0.2, np.nan, rng.normal(size=25))
    start = np.array([12.0, 3.0])
    held = held_values(time[::-1], value[::-1], start, 30, 0.25)
    longest = 2 * np.median(np.diff(time))
    for i, s in enumerate(start):
        for b in range(30):
            a = s + 0.25 * b
            own = (time >= a) & (time < a + 0.25)
            before = np.flatnonzero(time < a)
            if own.any():
                wanted = np.nanmean(value[own]) if np.isfinite(value[own]).any() else np.nan
            elif len(before) and a - time[before[-1]] <= longest:
                wanted = value[before[-1]]
            else:
                wanted = np.nan
            assert held[i, b] == pytest.approx(wanted, rel=1e-5, nan_ok=True)
    assert np.isnan(held).any() and np.isfinite(held).sum() > 10


def test_a_state_that_one_recording_lacks(w: Windows) -> None:
    """The other recordings keep it; the reason says what is missing where."""
    with_table = Timeline("day1", pd.DataFrame(), IntervalTables({"ripples": intervals((0.0, 1.0))}))
    without = Timeline("day2", pd.DataFrame(), IntervalTables({"rippels": intervals((0.0, 1.0))}))
    windows = {"day1": w, "day2": w}
    bins_of_states = find_states({"ripple": StateConfig(intervals="ripples")}, TRIALS, [with_table, without], windows)
    assert bins_of_states["ripple"]["day1"].missing == "" and bins_of_states["ripple"]["day1"].inside.any()
    for name in ("ripple", "outside ripple"):
        lacking: StateBins = bins_of_states[name]["day2"]
        assert lacking.missing == "no interval table 'ripples', did you mean rippels? Tables: rippels"
        assert not lacking.inside.any()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"intervals": "riples"}, r"x: day1 has no interval table 'riples', did you mean ripples\? Tables: rip"),
        ({"intervals": "odd"}, r"x: day1 has an interval table 'odd' that could not be stored \(of two kinds\)"),
        ({"where": "sped > 5"}, r"x: day1 has no behaviour series 'sped', did you mean speed\? Series: speed"),
        ({"where": "speed >"}, r"x.where = 'speed >': cannot be evaluated \(invalid syntax"),
        ({"where": "speed = 5"}, r"x.where = 'speed = 5': .*write == to compare"),
        ({"where": "speed"}, r"x.where = 'speed': expected true or false, such as"),
        ({"where": "speed > 'fast'"}, r"x.where = .* over the bins of day1 .*holds numbers"),
        ({"intervals": "ripples", "rows": "power > 3"}, r"x.rows = .* the table ripples of day1 \(power is no column"),
        ({"intervals": "ripples", "rows": "size"}, r"x.rows = 'size': expected true or false"),
        ({"intervals": "trials", "rows": "choice == 'left'"}, r"x.rows = .*'choice' makes the label"),
    ],
    ids=["table", "not kept", "series", "grammar", "equals", "no truth", "text", "column", "rows", "label"],
)  # fmt: skip
def test_mistakes_are_named(w: Windows, state: dict[str, str], message: str) -> None:
    tables = {
        "ripples": intervals((0.0, 1.0), (2.0, 3.0), size=[2.0, 3.0]),
        "trials": intervals((0.0, 1.0), (2.0, 3.0), choice=["left", "right"], block=[0, 1]),
    }
    speed = series("speed", np.arange(0, 40, 0.05), np.arange(0, 40, 0.05))
    with pytest.raises(ConfigError, match=f"analysis.states.{message}"):
        states_in(w, speed, tables=tables, x=state)
    assert states_in(w, tables=tables, x={"intervals": "trials", "rows": "block == 1"})["x"].inside.any()


@pytest.mark.parametrize("pair", [(3.0, 2.5), (3.0, np.nan)])
def test_intervals_without_an_end_are_refused(w: Windows, pair: tuple[float, float]) -> None:
    tables = {"ripples": intervals((0.0, 1.0), pair, (4.0, 4.0), size=[1, 2, 1])}
    with pytest.raises(DataError, match=r"day1: .*end after they start, got 1 row of 3 .*row 1 counted from 0: 3 to"):
        states_in(w, tables=tables, x={"intervals": "ripples"})
    chosen = states_in(w, tables=tables, x={"intervals": "ripples", "rows": "size == 1"})
    assert chosen["x"].inside.sum() == 10


def test_a_table_without_times_is_refused(w: Windows) -> None:
    with pytest.raises(DataError, match=r"day1: .*numbers in start_time and stop_time .*got the columns onset"):
        states_in(w, tables={"ripples": pd.DataFrame({"onset": [1.0]})}, x={"intervals": "ripples"})
