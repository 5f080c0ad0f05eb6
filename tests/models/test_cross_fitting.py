"""Networks that hold out parts of the training windows: which they learn from, and that the rest leaves them alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from linear_translator import linear_translator

from spikebridge import models
from spikebridge.baseline import Baselines, fit_baseline
from spikebridge.config import BaselineConfig
from spikebridge.models.parts.features import join
from spikebridge.models.seq2seq import training
from spikebridge.models.seq2seq.cross_fitting import N_PARTS, cut, learns, rows_of_parts
from spikebridge.models.seq2seq.initialization import initialize
from spikebridge.models.seq2seq.translator import Translator
from spikebridge.types import Windows

Halves = tuple[list[Windows], list[Windows]]
NO_BASELINE = BaselineConfig(psth=False, drift=False)


def test_every_window_is_held_out_by_one_of_four_networks_in_contiguous_parts(halves: Halves) -> None:
    windows, parts = cut(*halves, N_PARTS)
    for w, a, b in zip(windows, *halves, strict=True):
        assert len(w) == len(a) + len(b) and (np.diff(w.start_s) >= 0).all()
        part = parts[w.recording]
        assert (np.diff(part) >= 0).all()
        sizes = np.bincount(part, minlength=N_PARTS)
        assert sizes.min() >= len(w) // N_PARTS and sizes.sum() == len(w)
        held = np.array([~learns(part, m) for m in range(N_PARTS)])
        assert (held.sum(axis=0) == 1).all()
        np.testing.assert_array_equal(np.concatenate(rows_of_parts(part)), np.arange(len(w)))
        np.testing.assert_array_equal(learns(part, 0), learns(part, N_PARTS))  # counted round


def test_one_network_and_no_validation_leave_the_windows_as_they_are(halves: Halves) -> None:
    train, valid = halves
    for held, n_members in ((valid, 1), ([], 4), ([valid[0]], 4), ([w.select(slice(0)) for w in valid], 4)):
        windows, parts = cut(train, held, n_members)
        assert windows is train
        assert all((part == -1).all() and len(part) == len(w) for part, w in zip(parts.values(), train, strict=True))
        assert all(learns(part, 0).all() for part in parts.values())


def weights_after_an_epoch(train: list[Windows], valid: list[Windows]) -> list[torch.Tensor]:
    """Of three networks, before the calibration."""
    params = {"max_epochs": 1, "n_members": 3, "hidden_size": 8, "n_readout_trees": 0}
    model = models.create("seq2seq", params, baselines=Baselines(NO_BASELINE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "calibrate_modulation", lambda *_: None)
        patch.setattr(training, "keep_followed", lambda *_: None)
        model.fit(train, valid, np.random.default_rng(0))
    return [torch.cat([w.detach().flatten() for w in n.parameters()]) for n in model.translator.members()]


def test_the_target_of_a_held_out_part_does_not_reach_its_network(halves: Halves) -> None:
    known = weights_after_an_epoch(*halves)
    changed = []
    for w, held in zip(*halves, strict=True):
        start = join(w, held).start_s[np.flatnonzero(cut([w], [held], 3)[1][w.recording] == 1)]
        for half in (w, held):
            in_part = np.isin(half.start_s, start)
            changed.append(
                replace(half, target=np.where(in_part[:, None, None], half.target[:, ::-1] + 1, half.target))
            )
    weights = weights_after_an_epoch(changed[::2], changed[1::2])
    assert torch.equal(known[1], weights[1])
    assert not torch.equal(known[0], weights[0]) and not torch.equal(known[2], weights[2])


def test_each_network_starts_from_the_linear_translator_of_what_it_learns_from(halves: Halves) -> None:
    w = cut(*halves, N_PARTS)[0][0]
    part = np.arange(len(w)) * N_PARTS // len(w)
    crossed = fit_baseline(w).crossed
    model = models.create("seq2seq", {"n_members": N_PARTS, "hidden_size": 4, "smoothing_s": 0.1})
    translator = Translator(model.params, w.bin_s, "cpu", Baselines(), {})
    translator.build({w.recording: (w.source.shape[2], w.target.shape[2])}, 0)
    initialize(translator, 0, w, crossed, part)
    for m, network in enumerate(translator.members()):
        rows = np.flatnonzero(learns(part, m))
        oracle = linear_translator(w.select(rows), crossed.select(rows), 0.1 / w.bin_s, 16, 10.0)
        sd = translator.scale["0.std"].double().numpy()
        read_in = network.read_in[0].weight.detach().double().numpy().T
        read_out = network.read_out[0].weight.detach().double().numpy()[:, :8].T
        linear_map = read_in[:, :8] @ read_out / sd[:, None]
        scale = np.maximum(oracle.rate, 1e-9)
        expected = oracle.directions[:, :8] @ oracle.weights[:8] * oracle.target_sd / scale / oracle.sd[:, None]
        fires = oracle.rate > 1e-3
        correlation = np.corrcoef(linear_map[:, fires].ravel(), expected[:, fires].ravel())[0, 1]
        assert correlation > 0.99  # the source is divided by the SD in all windows
