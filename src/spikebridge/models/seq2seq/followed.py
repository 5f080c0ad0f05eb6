"""Latents that the target follows: what a network's latents hold beside them is taken out before they are used.

Nothing in training keeps a latent from carrying what the source alone knows: the penalty on it is small, and the
read-out of decisions would find it. A mode of the translation (see `modes`) is kept only if it predicts the target's
held-out spikes; the others are held at their mean, in the weights of the network. Latents then have as many dimensions
as the regions share, on the axes and in the number that the settings give; where nothing is shared they are constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikebridge.baseline import LOCAL, MIN_GAIN
from spikebridge.models.seq2seq.dataset import RecordingDataset
from spikebridge.models.seq2seq.modes import MAX_WINDOWS, Modes, modes_of
from spikebridge.models.seq2seq.network import Modulated, Network, profile_log_likelihoods

Array = NDArray[np.float64]
AMPLITUDES = (0.0, 0.5, 1.0)
"""Of a mode, tried in held-out windows: an overfitted mode may help at half of its size."""


def keep_followed(network: Network, train: dict[int, RecordingDataset], valid: dict[int, RecordingDataset]) -> int:
    """Hold the modes that the target does not follow at their mean; the number of those that are kept.

    train, valid: recording number -> windows that the network learned from, and others. Without windows to judge by,
    all modes are kept.
    """
    network.eval()
    modes = network_modes(network, train)
    scored = {i: d for i, d in valid.items() if len(d)}
    if not scored:
        return len(modes)
    gains = np.min([_gains(network, modes, k, scored) for k in range(len(modes))], axis=1, initial=np.inf)
    kept = gains >= MIN_GAIN
    project(network, modes, kept)
    return int(kept.sum())


def network_modes(network: Network, datasets: dict[int, RecordingDataset]) -> Modes:
    """The modes of one network, on its own axes; of each recording at most MAX_WINDOWS windows."""
    parts = {}
    for i, dataset in datasets.items():
        n = len(dataset)
        rows = np.unique(np.linspace(0, n - 1, min(n, MAX_WINDOWS)).round().astype(np.int64))
        with torch.no_grad():
            z = network.encode({i: dataset.inputs(rows)})
            log_rate = network.decode(z, {i: len(rows)})[0]
        parts[str(i)] = tuple(a.flatten(0, 1).cpu().numpy().astype(np.float64) for a in (z, log_rate))
    return modes_of({name: (z, log_rate) for name, (z, log_rate) in parts.items()})


def project(network: Network, modes: Modes, kept: NDArray[np.bool_]) -> None:
    """z -> mean + (z - mean) W D' with the kept columns of weight and direction, in the weights of the bottleneck.

    mean: over recordings; what it differs from a recording's own is taken up by the calibration of the read-out.
    """
    a = modes.weight[:, kept] @ modes.direction[:, kept].T
    mean = np.mean(list(modes.mean.values()), axis=0)
    with torch.no_grad():
        for layer in (network.bottleneck, network.skip):
            weight = layer.weight
            weight.copy_(_like(a.T, weight) @ weight)
        bias = network.bottleneck.bias
        bias.copy_(bias @ _like(a, bias) + _like(mean - mean @ a, bias))


def _gains(network: Network, modes: Modes, k: int, datasets: dict[int, RecordingDataset]) -> tuple[float, float]:
    """Nats by which the best amplitude of a mode is above none, with one level of each unit and with local ones."""
    whole, local = (np.zeros(len(AMPLITUDES)) for _ in range(2))
    for i, dataset in datasets.items():
        for place, amplitude in enumerate(AMPLITUDES):
            batches = list(_modulated(network, i, dataset, modes, k, amplitude))
            whole[place] += profile_log_likelihoods(batches, (1.0,))[0]
            for batch in batches:
                for run in zip(*(part.split(LOCAL) for part in batch), strict=True):
                    local[place] += profile_log_likelihoods([run], (1.0,))[0]
    return float(whole[1:].max() - whole[0]), float(local[1:].max() - local[0])


def _modulated(
    network: Network, i: int, dataset: RecordingDataset, modes: Modes, k: int, amplitude: float
) -> Iterator[Modulated]:
    """Modulation, log offset and counts of each batch, with mode k at this share of its size."""
    bias = cast(nn.Linear, network.read_out[i]).bias
    for batch in dataset.batches():
        with torch.no_grad():
            z = network.encode({i: batch.x})
            component = (z - _like(modes.mean[str(i)], z)) @ _like(modes.weight[:, k], z)
            z = z - (1 - amplitude) * component[..., None] * _like(modes.direction[:, k], z)
            yield network.decode(z, {i: len(z)})[0] - bias, batch.log_offset, batch.y


def _like(values: Array, tensor: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(tensor)
