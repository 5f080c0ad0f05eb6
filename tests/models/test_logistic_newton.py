"""Logistic regressions solved together, against scikit-learn one by one; and what the read-outs choose with them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from spikebridge.models.parts.logistic_newton import fit_logistic
from spikebridge.models.parts.readout import STRENGTHS, SUMMARIES, fit_readouts


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_every_problem_is_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(90, 6)) * rng.uniform(0.2, 3, 6)
    label = (x @ rng.normal(size=(6, classes)) + rng.normal(size=(90, classes))).argmax(axis=1)
    weight = rng.uniform(0.1, 3, (4, 90))
    weight[1, :20] = weight[2, 50:] = 0.0
    penalty = np.array([0.05, 1.0, 30.0, 2000.0])
    fits = fit_logistic(x, label, weight, penalty)
    for k, log_p in enumerate(fits.log_probabilities(x)):
        oracle = LogisticRegression(C=1 / penalty[k], max_iter=1000, tol=1e-10, solver="newton-cg").fit(
            x, label, weight[k]
        )
        np.testing.assert_allclose(np.exp(log_p), oracle.predict_proba(x), atol=1e-6)
        np.testing.assert_allclose(fits.weights[k].T, oracle.coef_, atol=1e-5)
        np.testing.assert_allclose(fits.bias[k], oracle.intercept_, atol=1e-5)


def test_labels_that_a_plane_parts_are_fitted_too() -> None:
    """Where a full Newton step overshoots: hardly any penalty, and trials far out."""
    rng = np.random.default_rng(0)
    x = 50 * rng.standard_t(2, (60, 3))
    label = (x[:, 0] > 0).astype(np.int64)
    fit = fit_logistic(x, label, np.ones((1, 60)), np.array([1e-6]))
    p = np.exp(fit.log_probabilities(x)[0])
    slope = x.T @ (p[:, 1] - label) + 1e-6 * fit.weights[0, :, 0]
    assert np.abs(slope).max() < 1e-4
    assert (p.argmax(axis=1) == label).all()


@pytest.mark.parametrize(("classes", "signal"), [(2, 0.0), (2, 0.3), (2, 1.0), (3, 0.5)])
def test_read_outs_choose_what_a_fit_for_every_fold_and_strength_would(classes: int, signal: float) -> None:
    rng = np.random.default_rng([classes, int(10 * signal)])
    latents, labels = {}, {}
    for name, n in (("a", 61), ("b", 48)):
        labels[name] = rng.integers(0, classes, n)
        course = np.cumsum(rng.normal(0, 0.3, (n, 20, 3)), axis=1)
        told = signal * rng.normal(size=(classes, 1, 3))[labels[name]] * np.linspace(0, 1, 20)[:, None]
        latents[name] = (course + told).astype(np.float32)
    losses = {
        (summary, strength): sum(slow_loss(SUMMARIES[summary](latents[r]), labels[r], strength) for r in latents)
        for summary in SUMMARIES
        for strength in STRENGTHS
    }
    expected, strength = min(losses, key=lambda choice: losses[choice])
    summary, readouts = fit_readouts(latents, labels, classes)
    assert summary == expected
    x = SUMMARIES[summary](latents["a"])
    z = (x - x.mean(axis=0)) / (x - x.mean(axis=0)).std()
    oracle = scikit_learns(z, labels["a"], strength)
    said = readouts["a"].weights if classes > 2 else readouts["a"].weights[:, 1:]
    np.testing.assert_allclose(said.T, oracle.coef_, atol=1e-4)


def slow_loss(x: np.ndarray, label: np.ndarray, strength: float) -> float:
    """Log loss over five runs of trials, classes alike, by a fit for each."""
    loss = 0.0
    for train, test in KFold(5).split(x):
        mean = x[train].mean(axis=0)
        scale = (x[train] - mean).std()
        p = scikit_learns((x[train] - mean) / scale, label[train], strength).predict_proba((x[test] - mean) / scale)
        weight = len(label) / (len(np.unique(label)) * np.bincount(label)[label[test]])
        loss -= float((weight * np.log(p[np.arange(len(test)), label[test]])).sum())
    return loss


def scikit_learns(x: np.ndarray, label: np.ndarray, strength: float) -> LogisticRegression:
    model = LogisticRegression(C=strength, max_iter=1000, tol=1e-8, solver="newton-cg", class_weight="balanced")
    return model.fit(np.asarray(x, dtype=np.float64), label)
