"""Latents that the target does not follow are taken out: on simulated truth, and the arithmetic by brute force."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from studies import simulated_windows, small_config

from spikebridge import metrics, models
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.models.seq2seq.followed import keep_followed, network_modes, project
from spikebridge.types import Windows

KNOBS = {"n_recordings": 2, "n_trials": 90, "n_source_units": [40, 44], "n_target_units": [30, 34]}
PARAMS = {"max_epochs": 8, "n_members": 2, "hidden_size": 16, "n_latents": 6}
Parts = tuple[list[Windows], list[Windows], list[Windows]]


def cut(windows: list[Windows]) -> Parts:
    places = [[int(f * len(w)) for f in (0.5, 0.65)] for w in windows]
    train = [w.select(np.arange(a - 3)) for w, (a, _) in zip(windows, places, strict=True)]
    valid = [w.select(np.arange(a, b - 3)) for w, (a, b) in zip(windows, places, strict=True)]
    return train, valid, [w.select(np.arange(b, len(w))) for w, (_, b) in zip(windows, places, strict=True)]


def fitted(**changes: float) -> tuple[Seq2Seq, Parts]:
    parts = cut(simulated_windows(small_config(simulate=KNOBS | changes)))
    model = models.create("seq2seq", PARAMS)
    model.fit(parts[0], parts[1], np.random.default_rng(0))
    assert isinstance(model, Seq2Seq)
    return model, parts


def decided(model: Seq2Seq, test: list[Windows]) -> float:
    right = []
    for w in (w.select(w.labelled) for w in test):
        probabilities = model.predict(w).probabilities
        right.append(metrics.balanced_accuracy(w.label, model.decide(probabilities, w.recording)))
    return float(np.mean(right))


def n_dimensions(latents: np.ndarray) -> int:
    flat = latents.reshape(-1, latents.shape[-1]).astype(float)
    sizes = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    return int((sizes > 1e-4 * max(sizes.max(), 1e-3)).sum())


@pytest.fixture(scope="module")
def shared() -> tuple[Seq2Seq, Parts]:
    return fitted()


@pytest.mark.slow
def test_what_is_shared_is_kept_and_decides(shared: tuple[Seq2Seq, Parts]) -> None:
    """All four latents of the simulation are shared, the one that decides among them."""
    model, (_, _, test) = shared
    assert 4 <= n_dimensions(model.predict(test[0]).latents) <= 6
    assert decided(model, test) > 0.75


def test_what_the_target_does_not_follow_decides_nothing() -> None:
    """With two shared latents, the place, the decision lies in the source alone: only place says something of it."""
    model, (train, _, test) = fitted(n_shared_latents=2)
    assert n_dimensions(model.predict(test[0]).latents) <= 4
    other = models.create("seq2seq_label_direction", PARAMS)
    other.fit(train, [], np.random.default_rng(0))
    assert isinstance(other, Seq2Seq)
    assert decided(other, test) > 0.75 > 0.68 > decided(model, test)


def test_without_a_link_latents_are_constant_and_decisions_are_at_chance() -> None:
    model, (_, _, test) = fitted(coupling=0.0)
    for w in test:
        prediction = model.predict(w)
        assert np.ptp(prediction.latents.reshape(-1, prediction.latents.shape[-1]), axis=0).max() < 1e-5
        np.testing.assert_allclose(prediction.rates, prediction.baseline, rtol=0.02)
        assert np.ptp(prediction.probabilities[:, 0]) < 1e-6
    assert decided(model, test) == pytest.approx(0.5)


def test_a_projection_holds_the_mode_at_the_mean_and_leaves_the_others(shared: tuple[Seq2Seq, Parts]) -> None:
    model, (train, _, test) = shared
    network = copy.deepcopy(model.translator.members()[0])
    datasets = {i: model.translator.dataset(w) for i, w in model.translator.numbered(train)}
    modes = network_modes(network, datasets)
    i, w = model.translator.numbered(test)[0]
    x = model.translator.dataset(w).inputs(slice(0, 10))
    kept = np.arange(len(modes)) != 1
    mean = np.mean(list(modes.mean.values()), axis=0)
    with torch.no_grad():
        before = (network.encode({i: x}).double().numpy() - mean) @ modes.weight
        project(network, modes, kept)
        after = (network.encode({i: x}).double().numpy() - mean) @ modes.weight
    np.testing.assert_allclose(after[..., 1], 0, atol=1e-3)
    np.testing.assert_allclose(after[..., kept], before[..., kept], atol=2e-3)


def test_without_windows_to_judge_by_nothing_is_taken_out(shared: tuple[Seq2Seq, Parts]) -> None:
    model, (train, valid, _) = shared
    network = copy.deepcopy(model.translator.members()[0])
    known = {k: v.clone() for k, v in network.state_dict().items()}
    datasets = {i: model.translator.dataset(w) for i, w in model.translator.numbered(train)}
    keep_followed(network, datasets, {})
    assert all(torch.equal(v, known[k]) for k, v in network.state_dict().items())
    silent = [replace(w, target=np.zeros_like(w.target)) for w in valid]  # no spike that a mode could predict
    held = {i: model.translator.dataset(w) for i, w in model.translator.numbered(silent)}
    assert keep_followed(network, datasets, held) == 0
