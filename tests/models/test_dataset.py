"""What the network meets of windows on disk: smoothing, scaling, and batches that leave nothing out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from linear_translator import linear_translator
from scipy.ndimage import gaussian_filter1d

from spikebridge import models
from spikebridge.artifacts.windows import load_recording_windows, save_windows
from spikebridge.baseline import Baselines, fit_baseline
from spikebridge.models.seq2seq.dataset import RecordingDataset, epoch_rows, in_memory, smooth
from spikebridge.models.seq2seq.initialization import initialize
from spikebridge.models.seq2seq.translator import MIN_WINDOW_SPIKES, Translator
from spikebridge.types import Windows


@pytest.mark.parametrize("bins", [1, 2, 7, 63, 64, 65, 150])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.6])
def test_smoothing_is_that_of_scipy(bins: int, sigma: float) -> None:
    x = np.random.default_rng(0).poisson(1.0, (4, bins, 3)).astype(float)
    expected = gaussian_filter1d(x, sigma, axis=1, mode="nearest")
    np.testing.assert_allclose(smooth(torch.from_numpy(x), sigma), expected, atol=1e-12)


@pytest.mark.parametrize(
    "sizes", [{0: 100, 1: 57}, {0: 3}, {k: 40 + k for k in range(30)}, dict.fromkeys(range(40), 1)]
)
def test_an_epoch_has_every_window_once_and_steps_of_like_size(sizes: dict[int, int]) -> None:
    steps = epoch_rows(sizes, 64, torch.Generator().manual_seed(0))
    for i, n in sizes.items():
        rows = np.concatenate([step[i] for step in steps if i in step])
        assert np.array_equal(np.sort(rows), np.arange(n))
    if len(sizes) == 30:  # many recordings take turns
        assert max(map(len, steps)) <= 64 // 16
    filled = [sum(map(len, step.values())) for step in steps]
    assert max(filled) <= 2 * 64 and len(steps) <= max(1, round(sum(sizes.values()) / 64))


def test_a_network_starts_from_the_regression_of_what_the_baseline_leaves(windows: list[Windows]) -> None:
    """Against the sums written down at once, in memory."""
    w = windows[0]
    _, offset = fit_baseline(w, psth=True, drift=True)
    oracle = linear_translator(w, offset, 1.5, 4, penalty=2.0)
    params = {"n_members": 1, "input_size": 4, "n_latents": 4, "smoothing_s": 1.5 * w.bin_s, "warm_start_penalty": 2.0}
    translator = Translator(models.create("seq2seq", params).params, w.bin_s, "cpu", Baselines(), {})
    translator.build({w.recording: (w.source.shape[2], w.target.shape[2])}, 0)
    initialize(translator, 0, w, offset, np.full(len(w), -1))
    (network,) = translator.members()
    read_in, read_out = (layer[0].weight.detach().double().numpy().T for layer in (network.read_in, network.read_out))
    rate = np.maximum(oracle.rate, MIN_WINDOW_SPIKES / w.n_bins)
    np.testing.assert_allclose(translator.scale["0.mean"], oracle.mean, rtol=1e-6)
    np.testing.assert_allclose(translator.scale["0.std"], oracle.sd, rtol=1e-6)
    np.testing.assert_allclose(np.exp(network.read_out[0].bias.detach().double()), rate, rtol=1e-6)
    expected = oracle.directions @ oracle.weights * oracle.target_sd / rate
    np.testing.assert_allclose(read_in @ read_out[:4], expected, atol=1e-6)
    assert not read_out[4:].any() and not network.read_in[0].bias.any()


def test_a_batch_is_its_rows(windows: list[Windows]) -> None:
    w = windows[0]
    _, offset = fit_baseline(w, psth=True, drift=True)
    units = w.source.shape[2]
    dataset = RecordingDataset(w, offset, torch.full((units,), 0.5), torch.full((units,), 2.0), 1.0, "cpu")
    rows = np.array([5, 0, 9])
    batch, all_at_once = dataset.batch(rows), next(dataset.batches(len(w)))
    expected = (gaussian_filter1d(w.source[rows].astype(float), 1.0, axis=1, mode="nearest") - 0.5) / 2.0
    np.testing.assert_allclose(batch.x, expected, atol=1e-6)
    assert np.array_equal(batch.y, w.target[rows]) and np.array_equal(batch.log_offset, offset.array()[rows])
    assert torch.equal(all_at_once.y[rows], batch.y)
    assert [len(b.x) for b in dataset.batches(20)] == [20] * (len(w) // 20) + [len(w) % 20] * (len(w) % 20 > 0)


def test_a_fit_on_counts_that_stay_on_disk_is_the_fit(windows: list[Windows], tmp_path: Path) -> None:
    predictions = []
    for w in windows:
        save_windows(w, tmp_path)
    there = [load_recording_windows(tmp_path, w.recording) for w in windows]
    for data in (windows, there):
        cut = [len(w) * 3 // 4 for w in data]
        train = [w.select(np.arange(k)) for w, k in zip(data, cut, strict=True)]
        valid = [w.select(np.arange(k, len(w))) for w, k in zip(data, cut, strict=True)]
        model = models.create("seq2seq", {"max_epochs": 2, "hidden_size": 8})
        model.fit(train, valid, np.random.default_rng(0))
        predictions.append(model.predict(valid[0]))
    assert np.array_equal(predictions[0].rates, predictions[1].rates)
    assert np.array_equal(predictions[0].probabilities, predictions[1].probabilities)


@pytest.mark.parametrize("rows", [np.array([5, 1, 3]), slice(2, 9)])
def test_data_sets_in_memory_give_the_same_batches(windows: list[Windows], rows: Any) -> None:
    """Bit for bit, and only for as long as the memory suffices."""
    units = windows[0].source.shape[2]
    mean, sd = torch.full((units,), 0.5), torch.full((units,), 2.0)
    w = windows[0]
    computed = {k: RecordingDataset(w, fit_baseline(w).crossed, mean, sd, 1.0, "cpu") for k in (3, 7)}
    kept = in_memory(computed, computed[3].n_bytes)
    assert kept[3].kept is not None and kept[7].kept is None
    for name in ("x", "y", "log_offset"):
        expected, values = (getattr(dataset.batch(rows), name) for dataset in (computed[3], kept[3]))
        assert torch.equal(values, expected)
        assert expected.dtype == torch.float32 and len(expected) == len(w.start_s[rows])
    assert computed[3].n_bytes == sum(getattr(kept[3].kept, name).nbytes for name in ("x", "y", "log_offset"))
