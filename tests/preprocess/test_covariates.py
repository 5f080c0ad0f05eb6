"""What was known of a trial before its decision: earlier labels by brute force, columns of the trial table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spikebridge import preprocess
from spikebridge.config import Config, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.types import Recording, Windows

Make = Callable[..., Recording]
Settings = Callable[..., Config]


def trials_of(recording: Recording, config: Config) -> Windows:
    w, _ = preprocess.make_windows(recording, WindowSections.of(config), ("a", "b"))
    assert np.isnan(w.covariates[~w.in_trial]).all()
    return w.select(w.in_trial)


def test_earlier_labels_are_those_decided_before(make_recording: Make, settings: Settings) -> None:
    """The table is out of order, a label is missing, a trial is not used, and two decisions fall together."""
    go = [9.0, 3.0, 5.0, 7.0, 11.0, 11.0, 0.2, 15.0]
    choice = ["a", "b", None, "a", "b", "a", "b", "a"]  # the window of the trial at 0.2 s is not all observed
    w = trials_of(make_recording(go=go, choice=choice), settings())
    index = {"a": 0, "b": 1}
    for row in range(len(w)):
        i = int(w.trial[row])
        before = sorted((j for j in range(8) if choice[j] and go[j] < go[i]), key=lambda j: go[j])[::-1][:3]
        labels = [index[str(choice[j])] for j in before] + [-1] * (3 - len(before))
        numbers = [j if j != 6 else -1 for j in before] + [-1] * (3 - len(before))
        assert [w.covariate(f"label {k} back")[row] for k in (1, 2, 3)] == labels
        assert [w.covariate(f"trial {k} back")[row] for k in (1, 2, 3)] == numbers


@pytest.mark.parametrize("other", range(6))
def test_a_label_reaches_later_trials_alone(make_recording: Make, settings: Settings, other: int) -> None:
    go = [3.0 + 2.0 * i for i in range(6)]
    choice = ["a", "b", "a", "a", "b", "b"]
    changed = ["ab"["ba".index(c)] if i == other else c for i, c in enumerate(choice)]
    plain, with_change = (trials_of(make_recording(go=go, choice=c), settings()) for c in (choice, changed))
    same = (plain.covariates == with_change.covariates).all(axis=1)
    assert np.flatnonzero(~same).tolist() == [t for t in range(6) if 1 <= t - other <= 3]


def test_columns_as_numbers_and_words(make_recording: Make, settings: Settings) -> None:
    columns: dict[str, list[Any]] = {
        "contrast": [0.5, np.nan, 1.0],
        "rewarded": [True, False, True],
        "odour": ["rose", None, "lemon"],
    }
    recording = make_recording(go=[3.0, 5.0, 7.0], choice=["a", "b", "a"], **columns)
    w = trials_of(recording, settings(trials={"covariates": ["contrast", "odour", "rewarded"]}))
    assert w.covariate_names[6:] == (
        "column contrast",
        "column odour = lemon",
        "column odour = rose",
        "column rewarded",
    )
    expected = [[0.5, 0, 1, 1], [np.nan, np.nan, np.nan, 0], [1, 1, 0, 1]]
    np.testing.assert_array_equal(w.covariates[:, 6:], expected)


def test_columns_that_are_not_there_are_named_at_once(make_recording: Make, settings: Settings) -> None:
    recording = make_recording(go=[3.0, 5.0], choice=["a", "b"], contrast=[0.0, 1.0])
    with pytest.raises(DataError, match="no column 'contrsat' in the trial table, did you mean contrast") as caught:
        trials_of(recording, settings(trials={"covariates": ["contrsat", "zzz"]}))
    assert "'zzz' in the trial table; columns: go, choice, contrast" in str(caught.value)


def test_words_of_too_many_kinds(make_recording: Make, settings: Settings) -> None:
    go = [1.5 + 0.5 * i for i in range(30)]
    recording = make_recording(go=go, choice=["a", "b"] * 15, note=[f"n{i}" for i in range(30)])
    with pytest.raises(DataError, match="at most 20 different words in column 'note', got 30"):
        trials_of(recording, settings(trials={"covariates": ["note"]}))


@pytest.mark.parametrize(
    ("covariates", "message"), [(["choice"], "must not hold the label 'choice'"), (["x", "x"], "names a column twice")]
)
def test_the_label_is_no_covariate(settings: Settings, covariates: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(trials={"covariates": covariates})
