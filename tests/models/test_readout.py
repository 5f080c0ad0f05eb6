"""The choice of summary and penalty of the read-outs against a scikit-learn fit for every fold and penalty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from spikebridge.models.parts.readout import INVERSE_PENALTIES, SUMMARIES, fit_readouts


@pytest.mark.parametrize(("classes", "signal"), [(2, 0.0), (2, 0.3), (2, 1.0), (3, 0.5)])
@pytest.mark.quick_cases(1)
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
        for strength in INVERSE_PENALTIES
    }
    expected, strength = min(losses, key=lambda choice: losses[choice])
    summary, readouts = fit_readouts(latents, labels, classes)
    assert summary == expected
    x = SUMMARIES[summary](latents["a"])
    z = (x - x.mean(axis=0)) / (x - x.mean(axis=0)).std()
    oracle = scikit_learns(z, labels["a"], strength)
    weights = readouts["a"].weights if classes > 2 else readouts["a"].weights[:, 1:]
    np.testing.assert_allclose(weights.T, oracle.coef_, atol=1e-4)


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
