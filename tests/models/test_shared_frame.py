"""The read-out that recordings share: what labels weigh in it, and its files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latent_courses import courses, trials
from safetensors.numpy import load_file, save_file

from spikebridge.errors import DataError
from spikebridge.metrics import balanced_accuracy
from spikebridge.models.parts.shared_frame import (
    FRAME,
    FRAME_ARRAYS,
    PRIOR_TRIALS,
    Aligned,
    SharedFrame,
    fit_frame,
    load_frame,
)
from spikebridge.types import Windows


def labelled(seed: int, n: int = 120) -> tuple[np.ndarray, Windows]:
    """Latents, mixed as no other recording's, and trials whose label is the sign of the ramp, with some noise."""
    w = trials(n, seed)
    z = courses(w, seed)
    score = z[:, -6:, 0].mean(axis=1) + 0.1 * np.random.default_rng([seed, 2]).normal(size=n)
    mixing = np.random.default_rng([seed, 3]).normal(size=(3, 3))
    return z @ mixing, replace(w, label=(score > 0).astype(np.int64))


@pytest.fixture(scope="module")
def frame() -> SharedFrame:
    parts = {f"rec{k}": labelled(k) for k in (0, 1, 2)}
    return fit_frame({name: z for name, (z, _) in parts.items()}, {name: w for name, (_, w) in parts.items()})


def right(frame: SharedFrame, part: Aligned, z: np.ndarray, w: Windows) -> float:
    return balanced_accuracy(w.label, (frame.probabilities(part, z) / frame.shares).argmax(axis=1))


def test_a_new_recording_is_decided_without_its_labels(frame: SharedFrame) -> None:
    z, w = labelled(7)
    part = frame.align(z, w)
    assert right(frame, part, z, w) > 0.85
    foreign = [right(frame, frame.align(*labelled(k)), z, w) for k in range(8, 18)]
    assert np.mean(foreign) < 0.7  # with the axes of other recordings it is not
    with pytest.raises(DataError, match="rec7: expected at least 10 trials to align by, got 9"):
        frame.align(z[:9], w.select(np.arange(9)))


def test_labels_of_the_recording_weigh_as_many_trials_as_they_are(frame: SharedFrame) -> None:
    z, w = labelled(7)
    part = frame.align(z, w)
    flipped = 1 - w.label
    with_few, shares = frame.with_labels(part, z[:5], flipped[:5])
    assert right(frame, with_few, z, w) > 0.7
    counts = np.bincount(flipped[:5], minlength=2)
    np.testing.assert_allclose(shares, (PRIOR_TRIALS * frame.shares + counts) / (PRIOR_TRIALS + 5))
    with_all, _ = frame.with_labels(part, z, flipped)
    assert right(frame, with_all, z, w) < 0.3
    assert np.array_equal(part.readout.weights, frame.readout.weights)


def test_it_comes_back_from_disk(frame: SharedFrame, tmp_path: Path) -> None:
    z, w = labelled(7)
    part = frame.align(z, w)
    frame.save(tmp_path, {"rec7": part})
    again, aligned = load_frame(tmp_path, 2, 3, {"rec7": None})
    assert again.terms == frame.terms and again.summary == frame.summary
    assert np.array_equal(again.probabilities(aligned["rec7"], z), frame.probabilities(part, z))
    both = again.with_labels(aligned["rec7"], z, w.label)[0], frame.with_labels(part, z, w.label)[0]
    assert np.array_equal(both[0].readout.weights, both[1].readout.weights)


def edit(change: dict[str, Any]) -> Any:
    def spoil(folder: Path) -> None:
        content = json.loads((folder / FRAME).read_text()) | change
        (folder / FRAME).write_text(json.dumps(content))

    return spoil


def array(name: str, value: np.ndarray) -> Any:
    def spoil(folder: Path) -> None:
        save_file({**load_file(folder / FRAME_ARRAYS), name: value}, folder / FRAME_ARRAYS)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (edit({"summary": "median"}), "expected terms, aligned, and summary as one of mean, parts"),
        (edit({"summary": ["mean"]}), "expected terms, aligned, and summary as one of mean, parts"),
        (edit({"aligned": ["rec9"]}), "expected aligned as recordings of model.json"),
        (edit({"terms": [{"covariate": "a"}]}), "expected terms with covariate, value, mean and sd"),
        (edit({"terms": 3}), "expected terms with covariate, value, mean and sd"),
        (edit({"terms": [{"covariate": "a", "value": None, "mean": 0, "sd": 0}]}), "an sd greater than zero"),
        (array("common", np.zeros(3)), "expected common, features and labels as tables"),
        (array("shares", np.zeros(2)), "greater than zero in 'shares'"),
        (array("labels", np.full(360, 2)), "expected 'labels' as numbers of 2 classes"),
        (array("0.axes.mean", np.zeros(4)), "expected '0.axes.mean' as float64"),
        (array("more", np.zeros(4)), "an array that the model does not have"),
    ],
)
def test_files_that_do_not_fit_are_refused(frame: SharedFrame, tmp_path: Path, spoil: Any, message: str) -> None:
    frame.save(tmp_path, {"rec7": frame.align(*labelled(7))})
    spoil(tmp_path)
    with pytest.raises(DataError, match=message):
        load_frame(tmp_path, 2, 3, {"rec7": None})


def test_without_a_labelled_trial_there_is_no_read_out() -> None:
    with pytest.raises(DataError, match="expected labelled trials"):
        fit_frame({}, {})
