"""The translator: does it find what the simulation put there, and nothing where there is nothing?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from studies import simulated_windows, small_config

from spikebridge import metrics, models
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig
from spikebridge.models import Model
from spikebridge.models.seq2seq import training
from spikebridge.models.seq2seq.network import Network
from spikebridge.types import Windows

NO_DRIFT = BaselineConfig(drift=False)
KNOBS = {"n_recordings": 2, "n_trials": 60, "n_source_units": [30, 32], "n_target_units": [20, 22]}


def split(windows: list[Windows]) -> tuple[list[Windows], list[Windows], list[Windows]]:
    cuts = [[int(f * len(w)) for f in (0.6, 0.8)] for w in windows]
    train = [w.select(np.arange(a - 3)) for w, (a, _) in zip(windows, cuts, strict=True)]
    valid = [w.select(np.arange(a, b - 3)) for w, (a, b) in zip(windows, cuts, strict=True)]
    test = [w.select(np.arange(b, len(w))) for w, (_, b) in zip(windows, cuts, strict=True)]
    return train, valid, test


def held_out_bits(model: Model, train: list[Windows], test: list[Windows]) -> float:
    nats, spikes = 0.0, 0.0
    for a, b in zip(train, test, strict=True):
        gain, n = metrics.information(model.predict(b).rates, b.target, a.target.mean(axis=(0, 1)))
        nats, spikes = nats + gain.sum(), spikes + n.sum()
    return metrics.bits_per_spike([nats], [spikes])


@pytest.mark.parametrize(("coupling", "low", "high"), [(1.0, 0.1, 1.0), (0.0, -0.05, 0.01)])
def test_translation_is_there_only_where_regions_are_coupled(coupling: float, low: float, high: float) -> None:
    train, valid, test = split(simulated_windows(small_config(simulate=KNOBS | {"coupling": coupling})))
    model = models.create("seq2seq", {"max_epochs": 12, "batch_size": 64}, baselines=Baselines(NO_DRIFT))
    model.fit(train, valid, np.random.default_rng(0))
    assert low < held_out_bits(model, train, test) < high


def test_the_validation_score_is_the_metric(halves: tuple[list[Windows], list[Windows]]) -> None:
    """What training stops by is bits/spike as the metrics room computes it (before latents that the target
    does not follow are taken out, and before the last calibration)."""
    model = models.create("seq2seq", {"max_epochs": 1, "hidden_size": 8, "n_members": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "calibrate_modulation", lambda *_: None)
        patch.setattr(training, "keep_followed", lambda *_: None)
        history = model.fit(*halves, np.random.default_rng(0))
    assert history.rows[0]["valid_bits_per_spike"] == pytest.approx(held_out_bits(model, *halves), abs=1e-5)


def test_calibration_matches_mean_rates_and_never_hurts(halves: tuple[list[Windows], list[Windows]]) -> None:
    train, valid = halves
    fitted = []
    for calibrate in (training.calibrate_modulation, lambda *_: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "calibrate_modulation", calibrate)
            fitted.append(models.create("seq2seq", {"max_epochs": 2}, baselines=Baselines(NO_DRIFT)))
            fitted[-1].fit(train, valid, np.random.default_rng(0))
    for a, b in zip(train, valid, strict=True):
        rates = np.concatenate([fitted[0].predict(w).rates for w in (a, b)])
        counts = np.concatenate([a.target, b.target])
        np.testing.assert_allclose(rates.mean(axis=(0, 1)), counts.mean(axis=(0, 1)), rtol=0.02)
    assert held_out_bits(fitted[0], train, valid) > held_out_bits(fitted[1], train, valid)


def test_at_the_start_it_is_a_linear_translator(halves: tuple[list[Windows], list[Windows]]) -> None:
    """Before the first step of training the rates already tell something of held-out spikes."""
    model = models.create(
        "seq2seq", {"max_epochs": 1, "learning_rate": 1.0e-9, "weight_decay": 0.0, "warm_start_penalty": 3.0}
    )
    model.fit(*halves, np.random.default_rng(0))
    assert held_out_bits(model, *halves) > 0.02


@pytest.mark.parametrize("causal", [True, False])
def test_a_causal_encoder_never_looks_ahead(causal: bool) -> None:
    network = Network({"a": (5, 3)}, input_size=4, hidden_size=6, n_latents=2, core="gru", causal=causal).eval()
    x = torch.rand(1, 12, 5)
    later = x.clone()
    later[:, 8:] += 1.0
    with torch.no_grad():
        a, b = network.encode({0: x}), network.encode({0: later})
    assert torch.equal(a[:, :8], b[:, :8]) == causal
    assert not torch.equal(a[:, 8:], b[:, 8:])


def test_recordings_share_the_core_but_not_their_units(halves: tuple[list[Windows], list[Windows]]) -> None:
    model = models.create("seq2seq", {"max_epochs": 1})
    model.fit(*halves, np.random.default_rng(0))
    network = model.translator.networks[0]
    for i, w in enumerate(halves[0]):
        assert network.read_in[i].in_features == w.source.shape[2]
        assert network.read_out[i].out_features == w.target.shape[2]
    assert len({id(m) for m in (network.encoder, network.bottleneck, network.decoder)}) == 3


def test_unlabelled_windows_are_learned_from(halves: tuple[list[Windows], list[Windows]]) -> None:
    train, test = halves
    labelled = [w.select(w.labelled) for w in train]
    all_of_them = models.create("seq2seq", {"max_epochs": 2})
    all_of_them.fit(train, [], np.random.default_rng(0))
    only = models.create("seq2seq", {"max_epochs": 2})
    only.fit(labelled, [], np.random.default_rng(0))
    assert not np.array_equal(all_of_them.predict(test[0]).rates, only.predict(test[0]).rates)


def test_more_latents_than_inputs_are_allowed(halves: tuple[list[Windows], list[Windows]]) -> None:
    model = models.create("seq2seq", {"max_epochs": 1, "hidden_size": 8, "input_size": 3, "n_latents": 5})
    model.fit(*halves, np.random.default_rng(0))
    assert model.predict(halves[1][0]).latents.shape[-1] == 5


def test_a_silent_unit_keeps_a_finite_rate(halves: tuple[list[Windows], list[Windows]]) -> None:
    from dataclasses import replace

    train, test = halves
    quiet = train[0].target.copy()
    quiet[:, :, 0] = 0
    model = models.create("seq2seq", {"max_epochs": 2})
    model.fit([replace(train[0], target=quiet)], [], np.random.default_rng(0))
    rates = model.predict(test[0]).rates
    assert np.isfinite(rates).all() and rates[:, :, 0].mean() < 0.1 * rates.mean()


def test_several_networks_are_better_than_their_mean(halves: tuple[list[Windows], list[Windows]]) -> None:
    """Jensen: the log likelihood of mean rates is at least the mean log likelihood of the networks."""
    model = models.create("seq2seq", {"max_epochs": 3, "n_members": 3, "hidden_size": 8})
    model.fit(*halves, np.random.default_rng(0))
    together = held_out_bits(model, *halves)
    networks, maps = model.translator.networks, model.translator.maps
    alone = []
    for network in networks:
        model.translator.networks, model.translator.maps = torch.nn.ModuleList([network]), []
        alone.append(held_out_bits(model, *halves))
    assert together >= np.mean(alone)
    assert len(set(alone)) == len(networks) and len(maps) == len(networks) - 1


def test_latents_of_several_networks_lie_on_the_axes_of_the_first(halves: tuple[list[Windows], list[Windows]]) -> None:
    model = models.create("seq2seq", {"max_epochs": 3, "n_members": 3, "hidden_size": 8})
    model.fit(*halves, np.random.default_rng(0))
    w = halves[0][0]
    together = model.predict(w).latents
    model.translator.networks, model.translator.maps = model.translator.networks[:1], []
    first = model.predict(w).latents
    correlation = np.corrcoef(together.reshape(-1, together.shape[2]).T, first.reshape(-1, first.shape[2]).T)
    assert np.diag(correlation[: first.shape[2], first.shape[2] :]).min() > 0.7


def test_the_baseline_is_what_is_left_when_the_network_says_nothing(
    halves: tuple[list[Windows], list[Windows]],
) -> None:
    model = models.create("seq2seq", {"max_epochs": 1, "hidden_size": 8})
    model.fit(*halves, np.random.default_rng(0))
    for network in model.translator.networks:
        for read_out in network.read_out:
            read_out.weight.data.zero_()
    training.calibrate_modulation(model.translator, halves[0], [], [{}] * len(model.translator.networks))
    prediction = model.predict(halves[0][0])
    np.testing.assert_allclose(prediction.rates, prediction.baseline, rtol=1e-4)


def test_two_regions_that_drift_side_by_side_are_not_coupled() -> None:
    """Harris 2020: slow drift in both regions looks like a link; as an offset it is not attributed to the source."""
    knobs = KNOBS | {"coupling": 0.0, "drift": 0.6}
    train, valid, test = split(simulated_windows(small_config(simulate=knobs)))
    model = models.create("seq2seq", {"max_epochs": 6, "batch_size": 64})
    model.fit(train, valid, np.random.default_rng(0))
    gained, spikes = 0.0, 0.0
    for a, b in zip(train, test, strict=True):
        prediction, mean = model.predict(b), a.target.mean(axis=(0, 1))
        whole, n = metrics.information(prediction.rates, b.target, mean)
        gained += (whole - metrics.information(prediction.baseline, b.target, mean)[0]).sum()
        spikes += n.sum()
    assert gained / spikes / np.log(2) < 0.005
