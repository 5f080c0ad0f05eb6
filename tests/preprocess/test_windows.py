"""Windows around trials and between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebridge import io, preprocess
from spikebridge.artifacts.windows import load_animals, load_recording_windows, load_windows, save_windows
from spikebridge.config import Config, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess.windows import continuous_starts, count_bins
from spikebridge.types import Recording
from spikebridge.types.intervals import inside_intervals, intersect_intervals, total_s

Make = Callable[..., Recording]
Settings = Callable[..., Config]


def test_windows_of_a_recording(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(
        go=[8.0, 5.0], choice=["b", "a"], observed=[[0.0, 10.0]], spikes={4: [7.3], 9: [4.0, 4.2, 4.99, 5.0, 9.9]}
    )
    w, report = preprocess.make_windows(recording, WindowSections.of(settings()), ("a", "b"))
    assert w.start_s.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert w.trial.tolist() == [-1, -1, -1, -1, 1, -1, -1, 0, -1, -1]
    assert w.label.tolist() == [-1, -1, -1, -1, 0, -1, -1, 1, -1, -1]
    assert w.decision_s[[4, 7]].tolist() == [5.0, 8.0]
    assert np.isnan(w.decision_s[w.trial < 0]).all()
    assert w.source_units.tolist() == [4]
    assert w.source[7, :, 0].tolist() == [0, 1, 0, 0]
    assert w.target[4, :, 0].tolist() == [2, 0, 0, 1]  # the spike at the decision belongs to the next window
    assert w.target.sum() == 5
    assert report["windows"] == {"trial": 2, "continuous": 8, "bins": 4}
    assert report["units"]["target"] == {"PFC": {"kept": 1, "dropped": 0}}
    assert report["labels"] == {"a": 1, "b": 1}


def test_missing_time_gives_no_window(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(go=[5.0, 8.0], choice=["a", "b"], observed=[[4.0, 5.0], [5.5, 6.4], [7.0, 8.0]])
    w, _ = preprocess.make_windows(recording, WindowSections.of(settings()), ("a", "b"))
    assert w.start_s.tolist() == [4.0, 7.0]
    assert (w.trial >= 0).all()


def test_time_of_unlabelled_trials_is_continuous(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(go=[5.0, 8.0, 9.0], choice=["a", None, "b"], observed=[[4.0, 9.0]])
    w, report = preprocess.make_windows(recording, WindowSections.of(settings()), ("a", "b"))
    assert w.trial.tolist() == [0, -1, -1, -1, 2]
    assert report["trials"]["dropped"]["trials.label"] == {"number": 1, "text": "no choice"}


def test_overlapping_trials_keep_their_own_counts(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(go=[5.0, 5.5], choice=["a", "b"], spikes={0: [4.75], 1: [1.0]})
    w, _ = preprocess.make_windows(recording, WindowSections.of(settings()), ("a", "b"))
    assert w.select(w.trial >= 0).source[:, :, 0].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)).map(lambda p: (p[0], p[0] + p[1])), max_size=5),
    st.lists(st.floats(0, 100), max_size=6),
    st.sampled_from([0.4, 1.0, 3.3]),
)
def test_continuous_windows_are_observed_and_touch_nothing(
    observed: list[tuple[float, float]], trials: list[float], length: float
) -> None:
    starts = continuous_starts(np.array(observed).reshape(-1, 2), np.array(trials), length)
    spans = np.column_stack([starts, starts + length])
    assert inside_intervals(spans[:, 0], spans[:, 1], observed).all()
    trial_spans = np.column_stack([trials, np.array(trials) + length])
    assert total_s(intersect_intervals([spans, trial_spans])) < 1e-5
    assert total_s(spans) == pytest.approx(length * len(starts))


@pytest.mark.parametrize(("length", "width", "n"), [(2.0, 0.05, 40), (0.4, 0.02, 20), (0.3, 0.1, 3), (1.0, 1.0, 1)])
def test_whole_bins(length: float, width: float, n: int) -> None:
    assert count_bins(length, width) == n


@pytest.mark.parametrize(("length", "width", "message"), [(1.0, 0.3, "0.25 and 0.333333"), (1.0, 0.9, "0.5 and 1")])
def test_broken_bins_name_widths_that_fit(length: float, width: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        count_bins(length, width)


def test_write_and_load(make_recording: Make, settings: Settings, tmp_path: Path) -> None:
    first = make_recording(go=[5.0, 8.0], choice=["b", "b"])
    second = replace(make_recording(go=[5.0, 8.0], choice=["a", "a"]), name="other", animal="cat")
    for recording in (first, second):
        io.save_ingested(recording, tmp_path / "in" / recording.name)
    preprocess.write_windows(
        io.IngestedRecordings(tmp_path / "in"), preprocess.PreprocessSections.of(settings()), tmp_path / "w"
    )
    loaded = load_windows(tmp_path / "w")
    assert [w.recording for w in loaded] == ["other", "small"]
    assert all(w.classes == ("a", "b") for w in loaded)
    assert loaded[1].digest() == preprocess.make_windows(first, WindowSections.of(settings()), ("a", "b"))[0].digest()
    assert load_animals(tmp_path / "w") == {"other": "cat", "small": "rat"}
    assert json.loads((tmp_path / "w" / "report.json").read_text())["classes"] == ["a", "b"]


def test_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected windows"):
        load_windows(tmp_path)


def test_windows_files_are_the_same_each_time(make_recording: Make, settings: Settings, tmp_path: Path) -> None:
    w, _ = preprocess.make_windows(make_recording([5.0, 8.0], ["a", "b"]), WindowSections.of(settings()), ("a", "b"))
    first_folder, second_folder = (save_windows(w, tmp_path / name) for name in ("one", "two"))
    assert {p.name: p.read_bytes() for p in first_folder.iterdir()} == {
        p.name: p.read_bytes() for p in second_folder.iterdir()
    }
    assert load_recording_windows(tmp_path / "one", w.recording).digest() == w.digest()
