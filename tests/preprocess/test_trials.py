"""Which trials are used, why others are not, and what the classes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess import classes_of, select_trials
from spikebridge.preprocess.trials import Dropped
from spikebridge.types import Recording

Make = Callable[..., Recording]
Settings = Callable[..., Config]


def test_reasons_are_counted_once_each(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(
        go=[5.0, 3.0, 7.0, np.nan, 9.0, 0.5, 12.0],
        choice=["a", "b", None, "a", "b", "a", "a"],
        observed=[[0.0, 8.2], [8.5, 20.0]],
        good=[True, True, True, True, True, True, False],
    )
    selected = select_trials(recording, settings(trials={"include": "good"}).trials)
    assert selected.trial.tolist() == [1, 0]  # sorted by time
    assert selected.start_s.tolist() == [2.0, 4.0]
    assert selected.label.tolist() == ["b", "a"]
    assert selected.dropped == {
        "trials.include": Dropped(1, "excluded by trials.include"),
        "trials.label": Dropped(1, "no choice"),
        "trials.align": Dropped(1, "no go"),
        "trials.decision": Dropped(0, "no go"),
        "data.observed": Dropped(2, "window outside the observed time"),
    }
    assert selected.total == len(selected.trial) + sum(part.number for part in selected.dropped.values())


def test_windows_may_end_at_the_decision_but_not_after(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(go=[5.0, 8.0], choice=["a", "b"], act=[5.4, 8.3])
    changes = {"decision": "act", "window_s": [-0.6, 0.3]}
    with pytest.raises(DataError, match=r"ends after act in 1 trial, by 0\.1 s in trial 1"):
        select_trials(recording, settings(trials=changes | {"window_s": [-0.6, 0.4]}).trials)
    assert select_trials(recording, settings(trials=changes).trials).decision_s.tolist() == [5.4, 8.3]


def test_rounding_does_not_make_a_window_late(make_recording: Make, settings: Settings) -> None:
    start = 71.202703 + np.arange(50) * 1.1
    recording = make_recording(
        go=start.tolist(), choice=["a", "b"] * 25, end=(start + 0.4).tolist(),
        observed=np.column_stack([start, start + 0.4]).tolist(),
    )  # fmt: skip
    selected = select_trials(recording, settings(trials={"decision": "end", "window_s": [0.0, 0.4]}).trials)
    assert len(selected.trial) == 50


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("goood > 1", r"goood.*columns: go, choice"),
        ("go >", "cannot be evaluated"),
        ("go", "expected true or false for each trial"),
        ("go.sum()", "a dot after a name is not allowed"),
        ("@os.getcwd()", "cannot be evaluated"),
    ],
)
def test_bad_queries(make_recording: Make, settings: Settings, include: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        select_trials(make_recording([5.0, 8.0], ["a", "b"]), settings(trials={"include": include}).trials)


@pytest.mark.parametrize(("include", "kept"), [("choice == 'a'", 2), ("go > 6 and choice in ['a', 'b']", 2)])
def test_queries(make_recording: Make, settings: Settings, include: str, kept: int) -> None:
    recording = make_recording([5.0, 8.0, 11.0], ["a", "b", "a"])
    assert len(select_trials(recording, settings(trials={"include": include}).trials).trial) == kept


def test_absent_column(make_recording: Make, settings: Settings) -> None:
    with pytest.raises(DataError, match="no column 'outcome' in the trial table; columns: go, choice"):
        select_trials(make_recording([5.0], ["a"]), settings(trials={"label": "outcome"}).trials)


def test_no_usable_trial(make_recording: Make, settings: Settings) -> None:
    with pytest.raises(DataError, match=r"no usable trial of 2; dropped: no choice: 2"):
        select_trials(make_recording([5.0, 8.0], [None, None]), settings().trials)


@pytest.mark.parametrize(
    ("choice", "classes"),
    [
        (["stay", "skip"], ("skip", "stay")),
        ([10.0, 9.0], ("9", "10")),
        ([1, -1], ("-1", "1")),
        ([0.5, 1.0], ("0.5", "1")),
        ([True, False], ("False", "True")),
    ],
)
def test_classes(make_recording: Make, settings: Settings, choice: list[Any], classes: tuple[str, ...]) -> None:
    assert classes_of([make_recording([5.0, 8.0], choice)], settings().trials) == classes


def test_classes_over_recordings(make_recording: Make, settings: Settings) -> None:
    recordings = [make_recording([5.0], ["b"]), make_recording([5.0, 6.0], ["a", None])]
    assert classes_of(recordings, settings().trials) == ("a", "b")


@pytest.mark.parametrize("n", [1, 21])
def test_too_few_or_many_classes(make_recording: Make, settings: Settings, n: int) -> None:
    recording = make_recording([2.0 + 0.1 * i for i in range(n)], [float(i) for i in range(n)])
    with pytest.raises(DataError, match=f"expected 2 to 20 classes in column 'choice', got {n}"):
        classes_of([recording], settings().trials)
