"""The forest of the decision read-out: what it finds, and pooling with the logistic part."""

from __future__ import annotations

import numpy as np

from spikebridge.models.parts.readout import fit_readout
from spikebridge.models.seq2seq.decision_readout import (
    MIN_PROBABILITY,
    forest_features,
    grow_forest,
    pool_with_forest,
)

NONE = np.empty((240, 0))


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
