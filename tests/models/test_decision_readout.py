"""Label direction and forest of the decision read-out: what they find, cross-fitting, and pooling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from spikebridge import models
from spikebridge.models.parts.readout import fit_readout
from spikebridge.models.seq2seq.decision_readout import (
    MIN_PROBABILITY,
    MIN_SD,
    fit_label_direction,
    forest_features,
    grow_forest,
    pool_with_forest,
)
from spikebridge.types import Windows

NONE = np.empty((240, 0))


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
    found = direction.weights[:, 1] - direction.weights[:, 0]
    assert np.corrcoef(found, oracle)[0, 1] > 0.999


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


def test_the_read_out_takes_it_besides_the_latents(halves: tuple[list[Windows], list[Windows]], tmp_path: Path) -> None:
    predictions = {}
    for switch in (False, True):
        model = models.create("seq2seq", {"max_epochs": 2, "hidden_size": 8, "label_direction": switch})
        model.fit(*halves, np.random.default_rng(0))
        model.save(tmp_path / str(switch))
        w = halves[1][0]
        predictions[switch] = model.predict(w)
        again = models.load(tmp_path / str(switch)).predict(w)
        assert np.array_equal(predictions[switch].probabilities, again.probabilities)
    assert np.array_equal(predictions[False].latents, predictions[True].latents)
    assert np.array_equal(predictions[False].rates, predictions[True].rates)
    assert not np.array_equal(predictions[False].probabilities, predictions[True].probabilities)


def not_linear(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(240, 6 bins, 2 latents) whose class is the first one's distance from zero: not linear."""
    z = rng.normal(0, 1, (240, 1, 2)) + 0.1 * rng.normal(0, 1, (240, 6, 2))
    return z, (np.abs(z[:, :, 0].mean(axis=1)) > 0.67).astype(np.int64)


def test_what_is_not_linear_is_found_by_the_trees() -> None:
    z, label = not_linear(np.random.default_rng(0))
    new, truth = not_linear(np.random.default_rng(1))
    x = forest_features(z, NONE)
    logistic = fit_readout(x, label, 2, 1.0).probabilities(forest_features(new, NONE))
    forest = grow_forest(x, label, 100, 0)
    both = pool_with_forest(forest, forest_features(new, NONE), np.array([0.5, 0.5]), logistic)
    assert (logistic.argmax(axis=1) == truth).mean() < 0.65
    assert (both.argmax(axis=1) == truth).mean() > 0.75
    np.testing.assert_allclose(both.sum(axis=1), 1.0)


def test_pooling_is_the_mean_of_log_odds() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x, share = forest_features(z, NONE), np.array([0.2, 0.8])
    forest = grow_forest(x, label, 50, 0)
    assert forest is not None
    others = np.tile([0.3, 0.7], (len(x), 1))
    own = np.maximum(forest.predict_proba(x), MIN_PROBABILITY)
    expected = 0.5 * (np.log(own[:, 1] / own[:, 0]) + np.log(0.8 / 0.2) + np.log(0.7 / 0.3))
    found = pool_with_forest(forest, x, share, others)
    np.testing.assert_allclose(np.log(found[:, 1] / found[:, 0]), expected, rtol=1e-9)


def test_a_class_that_no_trial_had_keeps_its_probability() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x = forest_features(z, NONE)
    forest = grow_forest(x, label * 2, 50, 0)
    others = np.tile([0.5, 0.1, 0.4], (len(x), 1))
    found = pool_with_forest(forest, x, np.array([0.5, 0.01, 0.49]), others)
    np.testing.assert_allclose(found[:, 1], 0.1)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_one_class_has_no_forest_and_no_trials_are_fine() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x = forest_features(z, NONE)
    assert grow_forest(x, np.zeros_like(label), 10, 0) is None
    forest = grow_forest(x, label, 10, 0)
    assert pool_with_forest(forest, x[:0], np.array([0.5, 0.5]), np.empty((0, 2))).shape == (0, 2)
