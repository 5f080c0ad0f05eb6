"""The read-out of decisions: its views, the trees beside the logistic part, and their pooling."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from spikebridge.models.parts.forest import merged
from spikebridge.models.parts.readout import SUMMARIES, fit_readouts
from spikebridge.models.seq2seq import decision_readout
from spikebridge.models.seq2seq.decision_readout import (
    LEADING,
    MIN_PROBABILITY,
    Decoder,
    fit_decoders,
    grow_forest,
    modes_of_recording,
    n_tree_features,
    pool_with_forest,
    tree_features,
    tree_leading,
    tree_views,
    within_one_sem,
)

NONE = np.empty((240, 0))
SHARE = np.array([0.5, 0.5])


def not_linear(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(240, 6 bins, 2 latents) whose class is the first one's distance from zero: not linear."""
    z = rng.normal(0, 1, (240, 1, 2)) + 0.1 * rng.normal(0, 1, (240, 6, 2))
    return z, (np.abs(z[:, :, 0].mean(axis=1)) > 0.67).astype(np.int64)


def late(rng: np.random.Generator, n: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 8 bins, 6 latents) whose class is the first latent at the end; (n, 8, 5) log rates; and the classes."""
    z = rng.normal(0, 1, (n, 8, 6)) * np.linspace(1, 0.2, 6)
    z[:, 4:, 0] += rng.normal(0, 1, (n, 1))
    log_rates = z @ (rng.normal(0, 1, (6, 5)) * np.linspace(1, 0.1, 6)[:, None])
    return z.astype(np.float32), log_rates.astype(np.float32), (z[:, 4:, 0].mean(axis=1) > 0).astype(np.int64)


def decoder(z: np.ndarray, modes: np.ndarray, label: np.ndarray, n_trees: int, additional: np.ndarray) -> Decoder:
    fitted = fit_decoders({"a": z}, {"a": modes}, {"a": label}, 2, {"a": additional}, n_trees, np.random.default_rng(0))
    return fitted["a"]


def test_the_linear_part_is_the_mean_of_the_log_odds_of_every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_readout, "within_one_sem", lambda losses: np.ones(len(losses), np.bool_))
    rng = np.random.default_rng(0)
    z, log_rates, label = late(rng)
    new, *_ = late(np.random.default_rng(1))
    modes, more = modes_of_recording(z, log_rates), rng.normal(size=(240, 2))
    odds = []
    for n in (*LEADING, None):
        for name, summary in SUMMARIES.items():
            view = fit_readouts({"a": z @ modes[:, :n]}, {"a": label}, 2, {"a": more}, [name])[1]["a"]
            p = view.probabilities(np.hstack([summary(new @ modes[:, :n]), more]))
            odds.append(np.log(p[:, 1] / p[:, 0]))
    probabilities = decoder(z, modes, label, 0, more).probabilities(new, more, SHARE)
    np.testing.assert_allclose(np.log(probabilities[:, 1] / probabilities[:, 0]), np.mean(odds, axis=0), atol=1e-4)


def test_it_decides_and_does_not_depend_on_the_axes_of_the_latents() -> None:
    z, log_rates, label = late(np.random.default_rng(0))
    new, _, truth = late(np.random.default_rng(1))
    turn = np.random.default_rng(2).normal(size=(6, 6))
    probabilities = decoder(z, modes_of_recording(z, log_rates), label, 60, NONE).probabilities(new, NONE, SHARE)
    other = decoder(z @ turn, modes_of_recording(z @ turn, log_rates), label, 0, NONE)
    linear = decoder(z, modes_of_recording(z, log_rates), label, 0, NONE).probabilities(new, NONE, SHARE)
    assert (probabilities.argmax(axis=1) == truth).mean() > 0.8
    np.testing.assert_allclose(other.probabilities(new @ turn, NONE, SHARE), linear, atol=1e-3)


def test_views_that_are_clearly_worse_than_the_best_are_left_out() -> None:
    rng = np.random.default_rng(0)
    base = rng.exponential(size=100)
    losses = np.stack([base, base + rng.normal(0.0, 0.5, 100), base + rng.normal(0.5, 0.5, 100), base + 1e-3])
    difference = losses - losses[losses.sum(axis=1).argmin()]
    expected = [d.mean() <= d.std() / 10 for d in difference]
    assert within_one_sem(losses).tolist() == expected
    assert within_one_sem(losses)[losses.sum(axis=1).argmin()] and not within_one_sem(losses)[2]
    kept = np.zeros((len(LEADING) + 1) * len(SUMMARIES), np.bool_)
    kept[-1] = kept[len(SUMMARIES)] = True
    assert tree_leading(kept) == [LEADING[1], None]


def test_latents_that_translate_nothing_have_no_mode_and_decide_nothing() -> None:
    z, log_rates, label = late(np.random.default_rng(0))
    modes = modes_of_recording(np.full_like(z, 0.3) + 1e-9 * z, 1e-9 * log_rates)
    assert modes.shape == (6, 0)
    for n_trees in (0, 30):
        fitted = decoder(z, modes, label, n_trees, NONE)
        assert fitted.forest is None
        expected = (np.bincount(label) + 1) / (len(label) + 2)
        np.testing.assert_allclose(fitted.probabilities(z, NONE, SHARE), np.tile(expected, (240, 1)))


@pytest.mark.parametrize(("n_modes", "n_bins", "n_additional"), [(6, 8, 2), (3, 8, 0), (1, 2, 1)])
def test_each_view_of_the_trees_has_its_columns(n_modes: int, n_bins: int, n_additional: int) -> None:
    rng = np.random.default_rng(0)
    z, modes, more = rng.normal(size=(5, n_bins, 6)), rng.normal(size=(6, n_modes)), rng.normal(size=(5, n_additional))
    x = tree_features(z, modes, more)
    assert x.shape == (5, n_tree_features(n_modes, n_bins, n_additional))
    projected, views = z @ modes, tree_views((*LEADING, None), n_modes, n_bins, n_additional)
    edges = np.linspace(0, n_bins, min(4, n_bins) + 1).round().astype(int)
    parts = [projected[:, a:b].mean(axis=1) for a, b in pairwise(edges)]
    for k, n in enumerate((*LEADING, n_modes)):
        np.testing.assert_allclose(x[:, views[k]], np.hstack([projected.mean(axis=1)[:, :n], more]), rtol=1e-5)
        expected = np.hstack([*(part[:, :n] for part in parts), more])
        np.testing.assert_allclose(x[:, views[k + len(LEADING) + 1]], expected, rtol=1e-4, atol=1e-6)


def test_merged_trees_are_the_mean_of_the_forests() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x = np.hstack([z[:, 0], z[:, 1]])
    columns = [np.array([2, 0]), np.array([1, 3])]
    parts = [grow_forest(x[:, c], label, [np.arange(2)], 20, k) for k, c in enumerate(columns)]
    both = merged(list(zip(parts, columns, strict=True)), 4)
    expected = np.mean([f.predict_proba(x[:, c]) for f, c in zip(parts, columns, strict=True)], axis=0)
    np.testing.assert_allclose(both.predict_proba(x), expected, atol=1e-12)
    assert both.n_features == 4


def test_what_is_not_linear_is_found_by_the_trees() -> None:
    z, label = not_linear(np.random.default_rng(0))
    new, truth = not_linear(np.random.default_rng(1))
    linear = decoder(z, np.eye(2), label, 0, NONE).probabilities(new, NONE, SHARE)
    both = decoder(z, np.eye(2), label, 120, NONE).probabilities(new, NONE, SHARE)
    assert (linear.argmax(axis=1) == truth).mean() < 0.65
    assert (both.argmax(axis=1) == truth).mean() > 0.75
    np.testing.assert_allclose(both.sum(axis=1), 1.0)


def test_pooling_is_the_mean_of_log_odds() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x, share = z.mean(axis=1), np.array([0.2, 0.8])
    forest = grow_forest(x, label, [np.arange(2)], 50, 0)
    assert forest is not None
    others = np.tile([0.3, 0.7], (len(x), 1))
    own = np.maximum(forest.predict_proba(x), MIN_PROBABILITY)
    expected = 0.5 * (np.log(own[:, 1] / own[:, 0]) + np.log(0.8 / 0.2) + np.log(0.7 / 0.3))
    probabilities = pool_with_forest(forest, x, share, others)
    np.testing.assert_allclose(np.log(probabilities[:, 1] / probabilities[:, 0]), expected, rtol=1e-9)


def test_a_class_that_no_trial_had_keeps_its_probability() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x = z.mean(axis=1)
    forest = grow_forest(x, label * 2, [np.arange(2)], 50, 0)
    others = np.tile([0.5, 0.1, 0.4], (len(x), 1))
    probabilities = pool_with_forest(forest, x, np.array([0.5, 0.01, 0.49]), others)
    np.testing.assert_allclose(probabilities[:, 1], 0.1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_one_class_has_no_forest_and_no_trials_are_fine() -> None:
    z, label = not_linear(np.random.default_rng(0))
    x = z.mean(axis=1)
    assert grow_forest(x, np.zeros_like(label), [np.arange(2)], 10, 0) is None
    forest = grow_forest(x, label, [np.arange(2)], 10, 0)
    assert pool_with_forest(forest, x[:0], SHARE, np.empty((0, 2))).shape == (0, 2)
