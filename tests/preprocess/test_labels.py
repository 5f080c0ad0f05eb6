"""Labels that are expressions over several columns, from params.yaml to windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spikebridge.config import Config, TrialsConfig, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.labels.trial_labels import columns_of_label, label_text, trial_labels
from spikebridge.preprocess import classes_of, make_windows, select_trials
from spikebridge.preprocess.trials import Dropped
from spikebridge.types import Recording

Make = Callable[..., Recording]
Settings = Callable[..., Config]
GO = [5.0 + 3.0 * k for k in range(6)]
FLAGS = {
    "HitR": [1, 0, 0, 0, 0, 0],
    "HitL": [0, 1, 0, 0, 0, 0],
    "ErrR": [0, 0, 1, 0, 0, 0],
    "ErrL": [0, 0, 0, 1, 1, 0],
}
CHOICE = {"right": "HitR or ErrL", "left": "HitL or ErrR"}
OBSERVED = [[0.0, 40.0]]


@pytest.fixture
def recording(make_recording: Make) -> Recording:
    return make_recording(GO, ["a"] * 6, observed=OBSERVED, **FLAGS)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (CHOICE, ["right", "left", "left", "right", "right", ""]),
        ({"hit": "HitR or HitL", "err": "ErrR + ErrL == 1"}, ["hit", "hit", "err", "err", "err", ""]),
        ("HitR or ErrL", ["True", "False", "False", "True", "True", "False"]),
        ("HitR + 2 * HitL", ["1", "2", "0", "0", "0", "0"]),
        ("ErrL", ["0", "0", "0", "1", "1", "0"]),
        ({"r": "HitR", "l": "HitL"}, ["r", "l", "", "", "", ""]),
    ],
)
def test_the_class_of_each_trial(recording: Recording, label: Any, expected: list[str]) -> None:
    assert trial_labels(recording.trials, label, "day").tolist() == expected


def test_what_is_not_known_is_no_class(make_recording: Make) -> None:
    """A missing value makes neither true nor false, so the trial is of no class, whatever `not` and != would say."""
    table = make_recording(GO, ["left", None, "right", "left", None, "right"], flag=[1, 1, np.nan, 0, 0, 0]).trials
    assert trial_labels(table, "choice == 'left'", "day").tolist() == ["True", "", "False", "True", "", "False"]
    assert trial_labels(table, {"l": "choice == 'left'", "o": "choice != 'left'"}, "day").tolist() == [
        *("l", "", "o", "l", "", "o")
    ]
    assert trial_labels(table, {"y": "flag", "n": "not flag"}, "day").tolist() == ["y", "y", "", "n", "n", "n"]


def test_windows_have_the_classes(recording: Recording, settings: Settings) -> None:
    asked = settings(trials={"label": CHOICE})
    chosen = select_trials(recording, asked.trials)
    assert chosen.label.tolist() == ["right", "left", "left", "right", "right"]
    assert chosen.dropped["trials.label"] == Dropped(1, "no right or left")
    classes = classes_of([recording], asked.trials)
    assert classes == ("left", "right")
    windows, report = make_windows(recording, WindowSections.of(asked), classes)
    assert report["labels"] == {"left": 2, "right": 3}
    assert windows.label[windows.labelled].tolist() == [1, 0, 0, 1, 1]
    back = windows.covariates[windows.labelled][:, windows.covariate_names.index("label 1 back")]
    assert back.tolist() == [-1, 1, 0, 0, 1]


def test_a_trial_of_two_classes_is_an_error(recording: Recording, settings: Settings) -> None:
    label = {"right": "HitR or ErrL", "err": "ErrR or ErrL"}
    message = r"2 trials of small in more than one class \(counted from 0: 3, 4; trial 3 is right and err\)"
    with pytest.raises(DataError, match=message):
        select_trials(recording, settings(trials={"label": label}).trials)
    left_out = settings(trials={"label": label, "include": "not ErrL"}).trials
    assert select_trials(recording, left_out).label.tolist() == ["right", "err"]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (
            {"a": "HitR", "b": "HtiL"},
            r"trials.label.b = 'HtiL': cannot be evaluated.*no column, did you mean HitL",
        ),
        ({"a": "HitR", "b": "go"}, "trials.label.b = 'go': expected true or false for each trial, or 0 and 1"),
        ({"a": "HitR", "b": "HitL = 1"}, "write == to compare"),
        ({"a": "HitR", "b": "choice.to_csv('x')"}, "a dot after a name is not allowed"),
        ("HitR or HtiL", "HtiL is no column, did you mean HitL"),
        ("HitR or", "trials.label = 'HitR or': cannot be evaluated"),
        ("1 > 0", "expected a value for each trial"),
    ],
)
def test_expressions_that_make_no_label(recording: Recording, settings: Settings, label: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        select_trials(recording, settings(trials={"label": label}).trials)


@pytest.mark.parametrize("label", [CHOICE, "HitR or ErrL"])
def test_covariates_must_not_tell_the_label(recording: Recording, settings: Settings, label: Any) -> None:
    asked = settings(trials={"label": label, "covariates": ["HitR"]})
    with pytest.raises(ConfigError, match=r"trials.covariates must not hold HitR: trials.label is made of it"):
        select_trials(recording, asked.trials)


def test_a_column_may_be_called_like_an_expression(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(GO, ["a"] * 6, observed=OBSERVED, **{"hit or miss": ["x", "y"] * 3, "a-b": [1, 2] * 3})
    for name, classes in (("hit or miss", ("x", "y")), ("a-b", ("1", "2"))):
        assert classes_of([recording], settings(trials={"label": name}).trials) == classes
        assert columns_of_label(name, recording.trials) == (name,)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"a": "x"}, "expected at least two classes"),
        ({"": "x", "b": "y"}, "must neither be empty nor begin or end with a blank, got ''"),
        ({" a": "x", "b": "y"}, "got ' a'"),
        ({True: "x", False: "y"}, "put the names of classes in quotes"),
        ({"1": "x", 1: "y"}, "expected at least two classes"),
    ],
)
def test_names_of_classes(label: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrialsConfig(label=label)


def test_how_a_label_is_called() -> None:
    assert TrialsConfig.model_validate({"label": {1: "x", 2.5: "y"}}).label == {"1": "x", "2.5": "y"}
    assert label_text(CHOICE) == "right or left"
    assert label_text("choice") == "choice"
