"""The label direction of the source, and the two translators: one that reads it for decisions, one that does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from spikebridge import models
from spikebridge.errors import DataError
from spikebridge.models import Model
from spikebridge.models.parts.label_direction import DIRECTIONS_FILE, MIN_SD, fit_label_direction
from spikebridge.models.parts.saved_arrays import load_arrays, save_arrays
from spikebridge.models.parts.saved_files import write_manifest
from spikebridge.types import Windows

ALONE, WITH_DIRECTION = "seq2seq", "seq2seq_label_direction"
Halves = tuple[list[Windows], list[Windows]]


def labelled(n: int = 240, classes: int = 2, signal: float = 0.5, seed: int = 0) -> Windows:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, n)
    tuning = rng.normal(0, signal, (classes, 1, 30))
    counts = rng.poisson(0.3 * np.exp(tuning[label]) * np.ones((n, 20, 1))).astype(np.uint8)
    start = 3.0 * np.arange(n)
    names = tuple("abc"[:classes])
    return Windows(
        recording="r", source=counts, target=counts[:, :, :4], start_s=start, bin_s=0.05, trial=np.arange(n),
        label=label, decision_s=start + 1, classes=names, source_units=np.arange(30), target_units=np.arange(4),
    )  # fmt: skip


def test_it_is_the_limit_of_strongly_regularised_logistic_regression() -> None:
    w = labelled()
    direction, _ = fit_label_direction(w, 2)
    x = np.sqrt(w.source.reshape(len(w), 10, 2, 30).sum(axis=2).reshape(len(w), 300).astype(float))
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), MIN_SD)
    oracle = LogisticRegression(C=1e-7, class_weight="balanced", tol=1e-12, max_iter=5000).fit(x, w.label).coef_[0]
    difference = direction.weights[:, 1] - direction.weights[:, 0]
    assert np.corrcoef(difference, oracle)[0, 1] > 0.999


@pytest.mark.parametrize("classes", [2, 3])
def test_it_predicts_held_out_decisions(classes: int) -> None:
    w = labelled(classes=classes)
    direction, crossed = fit_label_direction(w.select(np.arange(160)), classes)
    test = w.select(np.arange(160, 240))
    assert (direction.evidence(test).argmax(axis=1) == test.label).mean() > 1.5 / classes
    assert crossed.std() == pytest.approx(1.0)


def test_the_evidence_of_a_trial_is_cross_fitted() -> None:
    """On labels that mean nothing, evidence of the training trials separates the classes; cross-fitted, it does not."""
    w = labelled(signal=0.0)
    direction, crossed = fit_label_direction(w, 2)
    assert roc_auc_score(w.label, direction.evidence(w)[:, 1]) > 0.8
    assert abs(roc_auc_score(w.label, crossed[:, 1]) - 0.5) < 0.12


def test_one_class_has_no_direction() -> None:
    w = labelled()
    direction, crossed = fit_label_direction(replace(w, label=np.zeros_like(w.label)), 2)
    assert (direction.evidence(w) == 0).all() and (crossed == 0).all()


@pytest.fixture(scope="module")
def both(halves: Halves) -> dict[str, Model]:
    fitted = {name: models.create(name, {"max_epochs": 2, "hidden_size": 8}) for name in (ALONE, WITH_DIRECTION)}
    for model in fitted.values():
        model.fit(*halves, np.random.default_rng(0))
    return fitted


def test_the_translator_is_the_same_and_the_decisions_are_not(both: dict[str, Model], halves: Halves) -> None:
    alone, directed = (both[name].predict(halves[1][0]) for name in (ALONE, WITH_DIRECTION))
    assert np.array_equal(alone.latents, directed.latents)
    assert np.array_equal(alone.rates, directed.rates)
    assert not np.array_equal(alone.probabilities, directed.probabilities)


def test_both_draw_from_the_same_random_streams() -> None:
    assert models.random_stream(WITH_DIRECTION) == models.random_stream(ALONE) == ALONE
    assert models.random_stream("dnn") == "dnn"


@pytest.mark.parametrize(("name", "depends"), [(ALONE, False), (WITH_DIRECTION, True)])
def test_which_of_the_two_decides_from_shared_latents_alone(
    both: dict[str, Model], halves: Halves, monkeypatch: pytest.MonkeyPatch, name: str, depends: bool
) -> None:
    """Other source counts with the same latents: the decision changes only where the source itself is read."""
    model, w = both[name], halves[1][0]
    latents, rates = model.translator.predict(w)

    def translated(_: Windows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return latents, rates

    monkeypatch.setattr(model.translator, "predict", translated)
    known = model.predict(w).probabilities
    other = model.predict(replace(w, source=np.flip(w.source, axis=2))).probabilities
    assert np.array_equal(known, other) != depends


def test_the_decision_of_seq2seq_moves_with_its_latents(
    both: dict[str, Model], halves: Halves, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, w = both[ALONE], halves[1][0]
    latents, rates = model.translator.predict(w)
    known = model.predict(w).probabilities
    monkeypatch.setattr(model.translator, "predict", lambda _: (-latents, rates))
    assert not np.allclose(known, model.predict(w).probabilities)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {k: v for k, v in a.items() if k != "0.sd"}, r"lacks the array '0\.sd'"),
        (lambda a: a | {"0.sd": -a["0.sd"]}, r"expected numbers greater than zero in '0\.sd'"),
        (lambda a: a | {"0.weights": a["0.weights"][1:]}, r"expected '0\.weights' as float64"),
        (lambda a: a | {"7.sd": a["0.sd"]}, r"holds an array that the model does not have: '7\.sd'"),
        (lambda a: {k: v for k, v in a.items() if not k.startswith("0.")}, r"expected 'readout\.0\.mean'"),
    ],
)
def test_a_saved_direction_is_checked(both: dict[str, Model], tmp_path: Path, change: object, message: str) -> None:
    both[WITH_DIRECTION].save(tmp_path)
    path = tmp_path / DIRECTIONS_FILE
    assert callable(change)
    save_arrays(path, change(load_arrays(path)))
    write_manifest(tmp_path)
    with pytest.raises(DataError, match=message):
        models.load(tmp_path)
