"""Parts of models against brute force and other libraries."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge

from spikebridge import models
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig
from spikebridge.models.dnn import Perceptron
from spikebridge.models.parts.features import class_shares, join, recent_mean, segment_means, segment_sums
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.parts.readout import SUMMARIES, fit_readout, fit_readouts
from spikebridge.models.seq2seq.initialization import read_in_directions
from spikebridge.types import Windows


@pytest.mark.parametrize(("bins", "segments"), [(20, 4), (7, 3), (3, 8), (1, 1)])
def test_segments_against_a_loop(bins: int, segments: int) -> None:
    x = np.random.default_rng(0).poisson(2.0, (5, bins, 3))
    n = min(bins, segments)
    edges = [round(i * bins / n) for i in range(n + 1)]
    sums = np.concatenate([x[:, a:b].sum(axis=1) for a, b in pairwise(edges)], axis=1)
    means = np.concatenate([x[:, a:b].mean(axis=1) for a, b in pairwise(edges)], axis=1)
    np.testing.assert_allclose(segment_sums(x, segments), sums)
    np.testing.assert_allclose(segment_means(x, segments), means, rtol=1e-6)


def test_join_keeps_every_window_in_time_order(windows: list[Windows]) -> None:
    w = windows[0]
    rng = np.random.default_rng(0)
    first = rng.random(len(w)) < 0.5
    both = join(w.select(~first), w.select(first))
    np.testing.assert_array_equal(both.start_s, w.start_s)
    np.testing.assert_array_equal(both.source, w.source)
    assert join(w, None) is w


def test_class_shares() -> None:
    np.testing.assert_allclose(class_shares(np.array([0, 0, 1, -1]), 3), [3 / 6, 2 / 6, 1 / 6])


def test_recent_mean_is_a_leaky_integrator() -> None:
    z = np.random.default_rng(0).normal(size=(3, 12, 2))
    state, weight = np.zeros((3, 2)), 0.0
    for b in range(12):  # one time constant is a quarter of the window: three bins
        state, weight = state * np.exp(-1 / 3) + z[:, b], weight * np.exp(-1 / 3) + 1
    np.testing.assert_allclose(recent_mean(z, 1 / 4), state / weight, rtol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_readout_is_scikit_learns_logistic_regression(n_classes: int, strength: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (120, 4)) * [1, 2, 3, 0.1]
    label = (x @ rng.normal(size=(4, n_classes)) + rng.normal(size=(120, n_classes))).argmax(axis=1)
    readout = fit_readout(x, label, n_classes, strength)
    z = (x - x.mean(axis=0)) / (x - x.mean(axis=0)).std()
    exact = {"max_iter": 1000, "tol": 1e-10, "solver": "newton-cg"}
    alike = LogisticRegression(C=strength, class_weight="balanced", **exact).fit(z, label).predict_proba(z)
    oracle = alike * (np.bincount(label, minlength=n_classes) + 1)[np.unique(label)]
    oracle /= oracle.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(readout.probabilities(x)[:, np.unique(label)], oracle, atol=1e-6)


def test_readout_with_missing_classes() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    readout = fit_readout(x, np.ones(30, dtype=int), 2, 1.0)
    np.testing.assert_allclose(readout.probabilities(x), np.tile([1 / 32, 31 / 32], (30, 1)))
    two = fit_readout(x, np.where(x[:, 0] > 0, 2, 0), 3, 1.0)
    assert two.probabilities(x)[:, 1].max() < 0.05
    assert (two.probabilities(x).argmax(axis=1) == np.where(x[:, 0] > 0, 2, 0)).mean() > 0.9


@pytest.mark.parametrize(("informative", "expected"), [("late", "recent"), ("mean", "mean"), ("early", "parts")])
def test_readouts_look_where_the_decision_is(informative: str, expected: str) -> None:
    """Two recordings whose latents tell the label at the end of the window, all along, or at its start only."""
    rng = np.random.default_rng(1)
    labels = {r: rng.integers(0, 2, 100) for r in "ab"}
    when = {"late": np.arange(24) >= 21, "mean": np.ones(24, bool), "early": np.arange(24) < 6}[informative]
    size = {"late": 1.5, "mean": 0.25, "early": 0.6}[informative]
    latents = {
        r: rng.normal(size=(100, 24, 2)) + size * when[:, None] * (2 * labels[r][:, None, None] - 1) for r in "ab"
    }
    summary, readouts = fit_readouts(latents, labels, 2)
    assert summary.startswith(expected)
    x = SUMMARIES[summary](latents["a"])
    assert (readouts["a"].probabilities(x).argmax(axis=1) == labels["a"]).mean() > 0.8


def test_ridge_is_scikit_learns_ridge(halves: tuple[list[Windows], list[Windows]]) -> None:
    train, test = halves[0][0], halves[1][0]
    no_terms = Baselines(BaselineConfig(psth=False, drift=False))
    model = models.create("ridge", {"smoothing_s": 0.1, "max_lag_s": 0.2, "penalty": 0.3}, baselines=no_terms)
    model.fit([train], [], np.random.default_rng(0))

    def predictors(w: Windows) -> np.ndarray:
        """Smoothing and lags by hand, bin by bin: at 0.1 s bins the kernel has an SD of one bin."""
        kernel = np.exp(-0.5 * np.arange(-4, 5) ** 2.0)
        kernel /= kernel.sum()
        n = w.n_bins
        at = np.clip(np.arange(n)[:, None] + np.arange(-4, 5), 0, n - 1)
        smooth = np.einsum("wtku,k->wtu", w.source.astype(float)[:, at], kernel)
        lagged = [smooth[:, np.clip(np.arange(n) - lag, 0, n - 1)] for lag in (-2, -1, 0, 1, 2)]
        return np.concatenate(lagged, axis=2).reshape(-1, 5 * w.source.shape[2])

    x, y = predictors(train), train.target.reshape(-1, train.target.shape[2])
    oracle = SklearnRidge(alpha=0.3 * np.var(x, axis=0).mean() * len(x)).fit(x, y)
    expected = np.maximum(oracle.predict(predictors(test)), 0.05 * y.mean(axis=0)).reshape(test.target.shape)
    np.testing.assert_allclose(model.predict(test).rates, expected, rtol=1e-4, atol=1e-6)


def test_linear_initialization_finds_the_shared_subspace_and_is_reduced_rank_ridge_regression() -> None:
    """Noisy linear source and target of rank two: the first two directions span the source's true read-out."""
    rng = np.random.default_rng(0)
    latent = np.repeat(rng.normal(size=(200, 4, 2)), 5, axis=1)
    load_in, load_out = rng.normal(size=(2, 15)), rng.normal(size=(2, 9))
    x = latent @ load_in + 0.5 * rng.normal(size=(200, 20, 15))
    y = latent @ load_out + 0.5 * rng.normal(size=(200, 20, 9))
    flat, smooth = x.reshape(-1, 15), gaussian_filter1d(y, 1.0, axis=1, mode="nearest").reshape(-1, 9)
    directions, weights = read_in_directions(flat.T @ flat / len(flat), flat.T @ smooth / len(flat), 12, penalty=0.1)
    assert directions.shape == (15, 12) and weights.shape == (12, 9)
    assert np.all(directions[:, 9:] == 0) and np.all(weights[9:] == 0)
    np.testing.assert_allclose(np.mean((x @ directions[:, :9]) ** 2, axis=(0, 1)), 1.0)
    recovered, truth = (x @ directions[:, :2]).reshape(-1, 2), latent.reshape(-1, 2)
    slope, *_ = np.linalg.lstsq(recovered, truth, rcond=None)
    assert 1 - np.var(truth - recovered @ slope) / np.var(truth) > 0.95

    # At full rank it is ridge regression; at rank two, its best approximation of that rank (singular values).
    strength = 0.1 * np.mean(flat**2, axis=0).mean() * len(flat)
    full = SklearnRidge(alpha=strength, fit_intercept=False).fit(flat, smooth).predict(flat)
    np.testing.assert_allclose(flat @ directions @ weights, full, atol=1e-8)
    u, s, v = np.linalg.svd(full, full_matrices=False)
    np.testing.assert_allclose(flat @ directions[:, :2] @ weights[:2], (u[:, :2] * s[:2]) @ v[:2], atol=1e-8)


def test_loop_stops_early_and_keeps_the_best() -> None:
    network = torch.nn.Linear(1, 1)
    scores = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    kept: list[torch.Tensor] = []

    def score() -> dict[str, float]:
        kept.append(network.weight.detach().clone())
        return {"valid_loss": next(scores)}

    told: list[dict[str, float]] = []
    fit_network(
        network, lambda: [None], 1, lambda _: (network.weight - 3).square().sum(), score,
        Schedule(max_epochs=6, learning_rate=0.1, weight_decay=0.0, patience=2), told.append,
    )  # fmt: skip
    assert [row["valid_loss"] for row in told] == [3.0, 1.0, 2.0, 2.0, 2.0]
    assert torch.equal(network.weight, kept[1])


def test_loop_learns_to_classify() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 5, generator=generator)
    y = (x[:, 0] * x[:, 1] > 0).long()  # not linear
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Perceptron(5, 32, 2)
    schedule = Schedule(max_epochs=150, learning_rate=0.01, weight_decay=0.0, patience=150)

    def loss(_: object) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(network(x), y)

    fit_network(network, lambda: [None], 1, loss, None, schedule, lambda _: None)
    assert (network(x).argmax(dim=1) == y).float().mean() > 0.95


def test_a_read_out_of_rare_decisions_is_moved_to_their_shares() -> None:
    """Without information it gives the shares; with some, the ratio to the shares parts the classes at one half."""
    rng = np.random.default_rng(4)
    label = (rng.random(400) < 0.15).astype(np.int64)
    blind = fit_readout(rng.normal(size=(400, 3)) * 1e-9, label, 2, 0.01).probabilities(np.zeros((1, 3)))
    share = (label.sum() + 1) / 402
    assert blind[0, 1] == pytest.approx(share, abs=1e-3)
    x = rng.normal(size=(400, 3)) + label[:, None]
    p = fit_readout(x, label, 2, 0.1).probabilities(x)
    evidence = p / np.array([1 - share, share])
    recall = [(evidence.argmax(axis=1) == label)[label == c].mean() for c in (0, 1)]
    assert min(recall) > 0.7
    assert (p.argmax(axis=1) == label)[label == 1].mean() < min(recall)
