"""Crossed recordings: source counts, target counts, labels and times come from the recordings that they should."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from made_windows import windows_of
from studies import as_recording, small_config

from spikebridge.calibration.crossed import cross, crossed_pairs
from spikebridge.config import WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess import make_windows
from spikebridge.simulate import Session, simulate_session
from spikebridge.types import Windows

SETTINGS = small_config()
CLASSES = ("skip", "stay")


def recorded(name: str, trials: int) -> tuple[Session, Windows]:
    """A simulated session and its windows, those between trials included."""
    knobs = SETTINGS.simulate.model_copy(update={"n_trials": trials})
    session = simulate_session(knobs, np.random.default_rng([5, trials]), name, name)
    return session, make_windows(as_recording(session), WindowSections.of(SETTINGS), CLASSES)[0]


@pytest.fixture(scope="module")
def pair() -> tuple[Session, Session, Windows]:
    """Two sessions, of 30 and 24 trials, and the source of the first beside the rest of the second."""
    (first, source), (second, target) = recorded("a", 30), recorded("b", 24)
    return first, second, cross(source, target)


def counted(session: Session, units: np.ndarray, w: Windows) -> np.ndarray:
    """(trial, bin, unit): spikes in the bins of the session's own trials, one comparison at a time."""
    ends = session.trials["decision_time"].to_numpy()[: len(w)]
    edges = ends[:, None] + SETTINGS.trials.window_s[0] + w.bin_s * np.arange(w.n_bins + 1)
    return np.array(
        [
            [[np.sum((session.spikes[u] >= a) & (session.spikes[u] < b)) for u in units] for a, b in pairwise(row)]
            for row in edges
        ]
    )


def test_counts_are_those_of_the_kth_trial_of_each_recording(pair: tuple[Session, Session, Windows]) -> None:
    first, second, w = pair
    assert len(w) == 24
    few = slice(0, 4)
    for session, units, counts in ((first, w.source_units, w.source), (second, w.target_units, w.target)):
        region = {"HC": w.source_units, "PFC": w.target_units}
        assert all(np.isin(u, region[session.regions[u]]) for u in units)
        brute = counted(session, units[few], w)
        assert brute.sum() > 100
        # windows are kept to a nanosecond: a spike on an edge may fall to the next bin
        assert (brute != counts[..., few]).mean() < 1e-3


def test_trials_are_those_of_the_target(pair: tuple[Session, Session, Windows]) -> None:
    _, second, w = pair
    trials = second.trials.iloc[:24]
    assert w.recording == "a_x_b"
    assert [CLASSES[k] for k in w.label] == trials["choice"].tolist()
    np.testing.assert_allclose(w.decision_s, trials["decision_time"], atol=1e-9)
    np.testing.assert_allclose(w.start_s, trials["decision_time"] + SETTINGS.trials.window_s[0], atol=1e-9)
    np.testing.assert_array_equal(w.trial, np.arange(24))
    np.testing.assert_array_equal(w.covariate("column delay_s"), trials["delay_s"])
    assert w.n_bins * w.bin_s == pytest.approx(2.0)


def made(name: str, n: int, **others: object) -> Windows:
    source, target = np.arange(n)[:, None, None] + np.zeros((2, n, 5, 3))
    return windows_of(source, target + 100, recording=name, **others)


def test_windows_between_trials_are_left_out_and_the_shorter_decides() -> None:
    trial = np.array([0, -1, 1, -1, 2, 3])
    w = cross(made("a", 6, trial=trial, label=np.where(trial < 0, -1, 0)), made("b", 3))
    assert w.source[:, 0, 0].tolist() == [0, 2, 4] and w.target[:, 0, 0].tolist() == [100, 101, 102]
    other = cross(made("b", 3), made("a", 6, trial=trial, label=np.where(trial < 0, -1, 0)))
    assert other.source[:, 0, 0].tolist() == [0, 1, 2] and other.target[:, 0, 0].tolist() == [100, 102, 104]
    assert other.trial.tolist() == [0, 1, 2] and other.labelled.all()


def test_all_shifts_together_are_all_pairs_once() -> None:
    names = ["c", "a", "d", "b"]
    every = [pair for shift in (1, 2, 3) for pair in crossed_pairs(names, shift)]
    assert sorted(every) == sorted((a, b) for a in names for b in names if a != b)
    assert crossed_pairs(names, 1) == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    for pairs in (crossed_pairs(names, shift) for shift in (1, 2, 3)):
        assert {a for a, _ in pairs} == {b for _, b in pairs} == set(names)


def test_what_cannot_be_crossed_is_refused() -> None:
    for shift in (0, 3, -1):
        with pytest.raises(ConfigError, match=f"a shift from 1 to 2 of 3 recordings, got {shift}"):
            crossed_pairs(["a", "b", "c"], shift)
    with pytest.raises(DataError, match="a_x_a: expected two recordings"):
        cross(made("a", 3), made("a", 4))
    with pytest.raises(DataError, match=r"a_x_b: expected windows of the same bins, got 5 of 0.1 s and 5 of 0.2 s"):
        cross(made("a", 3), replace(made("b", 3), bin_s=0.2))
