"""pynapple objects in and out, made by pynapple itself."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge import io
from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.io.pynapple import from_pynapple, to_pynapple
from spikebridge.types import Recording

nap = pytest.importorskip("pynapple", reason="the extra pynapple is not installed")


@pytest.fixture
def recording() -> Recording:
    """Two units at k / 30000 s, observed with a gap; three trials apart; two series."""
    rng = np.random.default_rng(1)
    times = [
        np.sort(np.r_[rng.choice(29_000_000, n, False), 32_000_000 + rng.choice(10**8, n, False)]) for n in (900, 4)
    ]
    trials = {"start_time": [1.0, 1 / 3 + 4, 7.0], "stop_time": [2.0, 5.0, 8.1], "choice": ["stay", "skip", "stay"]}
    behavior = {
        "series": ["x"] * 3 + ["lick"] * 2,
        "time_s": [0.0, 0.1, 0.2, 1 / 7, 2.0],
        "value": [1, 2, np.nan, 4, 5],
    }
    return Recording(
        name="day1",
        animal="R2",
        spikes=pd.DataFrame({"unit": np.repeat([3, 8], [1800, 8]), "time_s": np.concatenate(times) / 30000}),
        units=pd.DataFrame({"unit": [3, 8], "region": ["HC", "PFC"], "depth": [0.1, 0.2]}),
        trials=pd.DataFrame(trials),
        behavior=pd.DataFrame(behavior).astype({"series": "str", "value": float}),
        observed=np.array([[0.0, 29_000_000 / 30000], [1000.0 + 1 / 3, 5000.5]]),
    )


def same(read_back: Recording, written: Recording) -> None:
    for name in ("spikes", "units", "trials", "behavior"):
        pd.testing.assert_frame_equal(getattr(read_back, name), getattr(written, name), check_exact=True)
    np.testing.assert_array_equal(read_back.observed, written.observed)
    assert (read_back.name, read_back.animal) == (written.name, written.animal)


def back(recording: Recording, **changes: Any) -> Recording:
    out = to_pynapple(recording)
    given = {"units": out.units, "trials": out.trials, "behavior": out.behavior, **changes}
    return from_pynapple(**given, name=recording.name, animal=recording.animal)


def test_round_trip_is_exact_and_silent(recording: Recording) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = to_pynapple(recording)
    assert isinstance(out.units, nap.TsGroup)
    assert list(out.units.index) == [3, 8]
    assert out.units["region"].tolist() == ["HC", "PFC"]
    np.testing.assert_array_equal(out.units[3].t, recording.spikes["time_s"][:1800])
    same(back(recording), recording)
    intervals = back(recording, trials=out.trial_intervals)
    pd.testing.assert_frame_equal(intervals.trials.drop(columns="trial"), recording.trials, check_exact=True)


def test_what_pynapple_makes_of_its_own_objects() -> None:
    units = nap.TsGroup(
        {5: nap.Ts(np.array([3.0, 9.0])), 2: nap.Ts(np.array([1 / 3]))},
        time_support=nap.IntervalSet([0.0, 8.0], [5.0, 10.0]),
        metadata={"brain_area": ["PFC", "HC"], "depth": [1, 2]},
    )
    frame = nap.TsdFrame(t=[0.0, 0.5], d=np.array([[1, 2], [3, 4]]), columns=["x", "y"])
    trials = nap.IntervalSet([1, 4], [2, 6], metadata={"choice": ["a", "b"]})
    converted = from_pynapple(units, trials, {"pos": frame}, name="n", region="brain_area")
    assert converted.units.to_dict("list") == {
        "unit": [2, 5], "brain_area": ["HC", "PFC"], "depth": [2, 1], "region": ["HC", "PFC"],
    }  # fmt: skip
    assert converted.spikes.to_dict("list") == {"unit": [2, 5, 5], "time_s": [1 / 3, 3.0, 9.0]}
    assert converted.trials.to_dict("list") == {"start_time": [1, 4], "stop_time": [2, 6], "choice": ["a", "b"]}
    assert converted.behavior["series"].tolist() == ["pos_x", "pos_x", "pos_y", "pos_y"]
    assert converted.behavior["value"].tolist() == [1, 3, 2, 4]
    assert converted.observed.tolist() == [[0, 5], [8, 10]]
    given = from_pynapple(units, trials, name="n", region=["A", "B"], observed=nap.IntervalSet(0, 20), animal="R")
    assert (given.units["region"].tolist(), given.observed.tolist(), len(given.behavior)) == (["A", "B"], [[0, 20]], 0)


def test_overlapping_trials_are_never_joined(recording: Recording) -> None:
    recording = replace(recording, trials=recording.trials.assign(stop_time=[5.0, 6.0, 8.0]))
    with pytest.warns(UserWarning, match="trials overlap, and pynapple would join them"):
        out = to_pynapple(recording)
    assert out.trial_intervals is None
    pd.testing.assert_frame_equal(out.trials, recording.trials)


def test_touching_trials_are_a_microsecond_apart_and_it_says_so(recording: Recording) -> None:
    trials = pd.DataFrame({"start_time": [4.0, 1.0], "stop_time": [5.0, 4.0], "choice": ["b", "a"]})
    with pytest.warns(UserWarning, match="a microsecond early"):
        intervals = to_pynapple(replace(recording, trials=trials)).trial_intervals
    assert intervals["choice"].tolist() == ["a", "b"]
    assert intervals["trial"].tolist() == [1, 0]
    np.testing.assert_allclose(intervals.end, [4.0, 5.0], atol=2e-6)


@pytest.mark.parametrize("trials", [{"stop_time": [2.0, np.nan, 8.0]}, {"stop_time": [0.5, 5.0, 8.0]}])
def test_trials_that_pynapple_would_drop(recording: Recording, trials: dict[str, list[float]]) -> None:
    with pytest.warns(UserWarning, match="no trial_intervals"):
        out = to_pynapple(replace(recording, trials=recording.trials.assign(**trials)))
    assert out.trial_intervals is None
    assert len(out.trials) == 3


def test_whatever_is_lost_is_said(recording: Recording) -> None:
    odd = replace(
        recording,
        spikes=pd.DataFrame({"unit": [3, 3, 3, 8], "time_s": [2.0, 1.0, np.nan, 980.0]}),
        units=recording.units.assign(rate=[1.0, 2.0]),
        trials=pd.DataFrame(),
        behavior=pd.DataFrame({"series": ["x"] * 3, "time_s": [2.0, 1.0, np.nan], "value": [20.0, 10.0, 0.0]}),
        observed=np.array([[0.0, 5.0], [5.0, 900.0]]),
    )
    with pytest.warns(UserWarning) as caught:
        out = to_pynapple(odd)
    messages = " ".join(str(w.message) for w in caught)
    for part in (
        "2 of 4 spikes lie outside", "sorted in units [3]", "column rate", "no trials", "intervals that touch",
        "1 samples without a time", "samples are sorted",
    ):  # fmt: skip
        assert part in messages
    assert out.units[3].t.tolist() == [1.0, 2.0]
    assert len(out.units[8]) == 0
    assert (out.behavior["x"].t.tolist(), out.behavior["x"].d.tolist()) == ([1.0, 2.0], [10.0, 20.0])


def test_what_is_refused_on_the_way_out(recording: Recording) -> None:
    bad = replace(recording, units=recording.units.assign(unit=[3, 3]), observed=np.zeros((0, 2)))
    with pytest.raises(DataError) as caught:
        to_pynapple(bad)
    for part in (
        "unit ids must be unique, found 2 units and 1 ids",
        "not in the units table",
        "expected observed time",
    ):
        assert part in str(caught.value)


def test_what_is_refused_on_the_way_in() -> None:
    units = nap.TsGroup({1: nap.Ts(np.array([1.0, 2.0]))})
    with pytest.raises(DataError, match="units: expected a pynapple TsGroup, got dict"):
        from_pynapple({}, None, name="n")
    with pytest.raises(DataError) as caught:
        from_pynapple(units, [1], {"x": units[1]}, name="n", observed=[[0, 1]])
    for part in (
        "expected metadata 'region' with the region of each unit, found none; name it in region=",
        "trials: expected an IntervalSet or a DataFrame, got list",
        "behavior x: expected a Tsd or TsdFrame, got Ts",
        "observed: expected an IntervalSet, got list",
    ):
        assert part in str(caught.value)
    with pytest.raises(DataError) as caught:
        from_pynapple(units, pd.DataFrame({"begin": [1]}), name="n", region=["a", "b"])
    assert "expected one for each of 1 units, got 2" in str(caught.value)
    assert "expected columns start_time and stop_time (or start and end), found begin" in str(caught.value)


def test_without_pynapple(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynapple", None)
    with pytest.raises(DataError, match=r"pip install 'spikebridge\[pynapple\]'"):
        to_pynapple(recording)
    with pytest.raises(DataError, match=r"pip install 'spikebridge\[pynapple\]'"):
        from_pynapple(None, None, name="n")


@pytest.mark.slow
def test_a_real_recording_as_pynapple_reads_it(real_folder: Path) -> None:
    path = real_folder / "lederberg_2017-12-05.nwb"
    data = nap.load_file(str(path))
    converted = from_pynapple(data["units"], data["trials"], name=path.stem, region="brain_area")
    choice = DataConfig(path=str(path), source=["CA1"], target=["ACA"], observed="trials")
    ours = io.choose(io.read_contents(path, choice), choice, TrialsConfig()).recording
    pd.testing.assert_frame_equal(converted.spikes, ours.spikes.sort_values("unit", kind="stable", ignore_index=True))
    assert converted.units["region"].tolist() == ours.units["region"].tolist()
    columns = ["start_time", "stop_time", "stimulus_time", "contrast_left"]
    pd.testing.assert_frame_equal(converted.trials[columns], ours.trials[columns])
    assert converted.trials["outcome"].tolist() == ours.trials["outcome"].tolist()
    same(back(converted), converted)
