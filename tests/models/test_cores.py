"""The contract of a core, held by every one that the registry finds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from studies import simulated_windows, small_config

from spikebridge import metrics, models
from spikebridge.errors import ConfigError
from spikebridge.models.seq2seq.cores import Core, build_core, core_names
from spikebridge.models.seq2seq.cores.attention import TransformerLayer, positional_encoding
from spikebridge.models.seq2seq.cores.state_space import N_STATES, DiagonalLayer
from spikebridge.types import Windows

INPUTS, HIDDEN, BINS = 5, 6, 20
Halves = tuple[list[Windows], list[Windows]]


def made(name: str, two_sided: bool, seed: int = 0, inputs: int = INPUTS, hidden: int = HIDDEN) -> Core:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build_core(name, inputs, hidden, two_sided).eval()


def some_input(windows: int = 3, bins: int = BINS, inputs: int = INPUTS) -> torch.Tensor:
    return torch.randn(windows, bins, inputs, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=core_names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_three_cores_are_found() -> None:
    assert {"attention", "gru", "state_space"} <= set(core_names())


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize(("bins", "inputs", "hidden"), [(BINS, INPUTS, HIDDEN), (1, 3, 7), (61, 16, 32)])
def test_shapes(name: str, two_sided: bool, bins: int, inputs: int, hidden: int) -> None:
    core = made(name, two_sided, inputs=inputs, hidden=hidden)
    out = core(some_input(4, bins, inputs))
    assert out.shape == (4, bins, core.width)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("t", [0, 7, BINS - 1])
def test_a_causal_core_never_looks_ahead_and_a_two_sided_one_does(name: str, t: int) -> None:
    x = some_input()
    changed = x.clone()
    changed[:, t] += 1.0
    for two_sided in (False, True):
        core = made(name, two_sided)
        with torch.no_grad():
            a, b = core(x), core(changed)
        moved = (a != b).any(dim=2).any(dim=0)
        assert not two_sided or t == 0 or moved[:t].any()
        assert two_sided or torch.equal(a[:, :t], b[:, :t])
        assert moved[t:].all()


def test_windows_do_not_mix(name: str) -> None:
    core, x = made(name, True), some_input()
    with torch.no_grad():
        torch.testing.assert_close(core(x)[1:2], core(x[1:2]))


def test_the_seed_makes_the_core(name: str) -> None:
    x = some_input()
    with torch.no_grad():
        same, again, other = (made(name, True, seed)(x) for seed in (0, 0, 1))
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_gradients_reach_the_input_and_every_weight(name: str) -> None:
    core, x = made(name, True).train(), some_input().requires_grad_()
    core(x).square().sum().backward()
    assert x.grad is not None and (x.grad != 0).any(dim=(0, 2)).all()
    assert not [n for n, p in core.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    moved = [n for n, p in core.named_parameters() if (p.grad != 0).any()]
    assert len(moved) >= 0.9 * len(list(core.parameters()))


@pytest.mark.slow
def test_a_fitted_model_comes_back_from_disk(name: str, halves: Halves, tmp_path: Path) -> None:
    model = models.create("seq2seq", {"core": name, "max_epochs": 1, "hidden_size": 8})
    model.fit(*halves, np.random.default_rng(0))
    model.save(tmp_path)
    again = models.load(tmp_path)
    assert again.params.core == name
    for field in ("probabilities", "rates", "latents"):
        a, b = (getattr(m.predict(halves[1][0]), field) for m in (model, again))
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def coupled() -> tuple[list[Windows], list[Windows], list[Windows]]:
    """Training, validation and test windows of two simulated recordings."""
    knobs = {"n_recordings": 2, "n_trials": 60, "n_source_units": [30, 32], "n_target_units": [20, 22]}
    recordings = simulated_windows(small_config(simulate=knobs))
    cuts = [[0, *(int(f * len(w)) for f in (0.6, 0.8)), len(w) + 3] for w in recordings]
    train, valid, test = (
        [
            w.select(np.arange(*(list(pairwise(cut))[k] - np.array([0, 3]))))
            for w, cut in zip(recordings, cuts, strict=True)
        ]
        for k in range(3)
    )
    return train, valid, test


@pytest.mark.slow
@pytest.mark.parametrize("causal", [True, False])
def test_it_learns_a_small_study(
    name: str, causal: bool, coupled: tuple[list[Windows], list[Windows], list[Windows]]
) -> None:
    """Above the closed-form start, which a core that learns nothing leaves as it is."""
    train, valid, test = coupled
    bits = []
    for epochs, rate in ((12, 8.0e-3), (1, 1.0e-9)):
        p = {
            "core": name,
            "max_epochs": epochs,
            "learning_rate": rate,
            "batch_size": 64,
            "n_members": 1,
            "causal": causal,
        }
        model = models.create("seq2seq", p)
        model.fit(train, valid, np.random.default_rng(0))
        nats, spikes = 0.0, 0.0
        for a, b in zip(train, test, strict=True):
            gain, n = metrics.information(model.predict(b).rates, b.target, a.target.mean(axis=(0, 1)))
            nats, spikes = nats + gain.sum(), spikes + n.sum()
        bits.append(metrics.bits_per_spike([nats], [spikes]))
    assert bits[0] > max(0.1, bits[1] + 0.01)


def test_an_unknown_core_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"core: expected one of attention, gru, state_space, did you mean gru\?"):
        models.create("seq2seq", {"core": "gruu"})


def test_the_state_space_layer_is_its_recurrence() -> None:
    """Bin by bin, one complex state at a time, against all bins at once."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = DiagonalLayer(INPUTS, HIDDEN).double()
    x = some_input().double()
    with torch.no_grad():
        u = layer.input_map(x).numpy()
        a = np.exp(-np.exp(layer.decay.numpy()) + 1j * layer.angle.numpy())
        c = layer.output_weights[0].numpy() + 1j * layer.output_weights[1].numpy()
        h = np.zeros((len(x), HIDDEN, N_STATES), complex)
        y = np.empty_like(u)
        for t in range(BINS):
            h = a * h + np.sqrt(1 - np.abs(a) ** 2) * u[:, t, :, None]
            y[:, t] = (c * h).real.sum(axis=2) + layer.feedthrough.numpy() * u[:, t]
        value, gate = layer.gate_map(torch.from_numpy(y)).chunk(2, dim=-1)
        np.testing.assert_allclose(layer(x), value.tanh() * gate.sigmoid(), atol=1e-10)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_torchs_own_encoder_layer(causal: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = TransformerLayer(8, causal)
    theirs = torch.nn.TransformerEncoderLayer(
        8, layer.heads, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    ours = {
        "self_attn.in_proj": layer.query_key_value, "self_attn.out_proj": layer.out_map, "norm1": layer.norm_attention,
        "norm2": layer.norm_perceptron, "linear1": layer.perceptron[0], "linear2": layer.perceptron[2],
    }  # fmt: skip
    weights = {}
    for name, part in ours.items():
        joint = "_" if name.endswith("in_proj") else "."
        weights |= {f"{name}{joint}weight": part.weight, f"{name}{joint}bias": part.bias}
    theirs.load_state_dict(weights)
    x = some_input(inputs=8)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(BINS) if causal else None
    with torch.no_grad():
        torch.testing.assert_close(layer(x), theirs(x, src_mask=mask, is_causal=causal), rtol=1e-5, atol=1e-5)


def test_positions_tell_bins_apart() -> None:
    table = positional_encoding(60, 7)
    assert table.shape == (60, 7)
    assert torch.cdist(table, table).add(torch.eye(60) * 9).min() > 0.1
