"""What the network meets of windows on disk: smoothing, scaling, and batches that leave nothing out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from spikebridge import models
from spikebridge.artifacts.windows import load_recording_windows, save_windows
from spikebridge.baseline import fit_baseline
from spikebridge.models.seq2seq.dataset import RecordingDataset, epoch_rows, in_memory, smooth
from spikebridge.models.seq2seq.initialization import linear_initialization, read_in_directions
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


def test_the_linear_initialization_is_the_regression_of_what_the_baseline_leaves(windows: list[Windows]) -> None:
    """Against the sums written down at once, in memory."""
    w = windows[0]
    _, offset = fit_baseline(w, psth=True, drift=True)
    initial = linear_initialization(w, offset, 1.5, 4, penalty=2.0)
    known, y = np.exp(offset.array().astype(float)), w.target.astype(float)
    x = gaussian_filter1d(w.source.astype(float), 1.5, axis=1, mode="nearest")
    mean, sd = x.mean(axis=(0, 1)), np.maximum(x.std(axis=(0, 1)), 0.05)
    rate, target_sd = y.mean(axis=(0, 1)), np.maximum(y.std(axis=(0, 1)), 0.05)
    left = (y - rate * known / known.mean(axis=(0, 1))) / target_sd
    left = gaussian_filter1d(left, 1.5, axis=1, mode="nearest").reshape(-1, y.shape[2])
    z = ((x - mean) / sd).reshape(-1, x.shape[2])
    directions, weights = read_in_directions(z.T @ z / len(z), z.T @ left / len(z), 4, penalty=2.0)
    for a, b in ((initial.mean, mean), (initial.sd, sd), (initial.rate, rate), (initial.target_sd, target_sd)):
        np.testing.assert_allclose(a, b, atol=1e-9)
    np.testing.assert_allclose(initial.directions @ initial.weights, directions @ weights, atol=1e-8)


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
