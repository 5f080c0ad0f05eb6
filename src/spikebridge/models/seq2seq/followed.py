"""Latents that the target follows: what a network's latents hold beside them is taken out before they are used.

Nothing in training keeps a latent from carrying what the source alone knows: the penalty on it is small, and the
read-out of decisions would find it. A mode of the translation (see `modes`) is kept only if it predicts the target's
held-out spikes; the others are held at their mean, in the weights of the network. Latents then have as many dimensions
as the regions share, on the axes and in the number that the settings give; where nothing is shared they are constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikebridge.baseline import LOCAL
from spikebridge.models.seq2seq.dataset import RecordingDataset
from spikebridge.models.seq2seq.modes import MAX_WINDOWS, Modes, modes_of
from spikebridge.models.seq2seq.network import Modulated, Network, modulation_scale

Array = NDArray[np.float64]
MIN_GAIN = 1.92
"""Nats: half of the 95 % quantile of chi-squared with one degree of freedom, which a mode gains by chance."""
MIN_SHARE = 0.01
"""Of what all modes gain together: a mode that gains less is not told from the others' errors."""


def keep_followed(
    network: Network, train: Mapping[int, RecordingDataset], valid: Mapping[int, RecordingDataset]
) -> int:
    """Hold the modes that the target does not follow at their mean; the number of those that are kept.

    train, valid: recording number -> windows that the network learned from, and others. A mode's gain is the log
    likelihood of the target's spikes in `valid` less that without the mode, modulations scaled as they will be by the
    calibration: once with one level of each unit, once with one in each run of LOCAL windows, where drift cannot agree
    by chance. Both have to reach MIN_GAIN and MIN_SHARE. Without windows to judge by, all modes are kept.
    """
    network.eval()
    modes = network_modes(network, train)
    held = [_held(network, i, dataset) for i, dataset in valid.items() if len(dataset)]
    if not held:
        return len(modes)
    all_modes, *without = (
        np.sum([_log_likelihoods(network, h, modes, removed) for h in held], axis=0)
        for removed in (None, *range(len(modes)))
    )
    gains = all_modes - np.array(without).reshape(-1, 2)
    least = np.maximum(MIN_GAIN, MIN_SHARE * np.maximum(gains, 0).sum(axis=0))
    kept = (gains >= least).all(axis=1)
    project(network, modes, kept)
    return int(kept.sum())


def network_modes(network: Network, datasets: Mapping[int, RecordingDataset]) -> Modes:
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


@dataclass(frozen=True)
class _Held:
    """Windows to judge by, of one recording: latents, log offset and counts of each batch; scale of the modulation."""

    recording: int
    batches: list[Modulated]
    scale: float


def _held(network: Network, i: int, dataset: RecordingDataset) -> _Held:
    with torch.no_grad():
        batches = [(network.encode({i: b.x}), b.log_offset, b.y) for b in dataset.batches()]
    scale = modulation_scale([(_modulation(network, i, z), offset, y) for z, offset, y in batches])
    return _Held(i, batches, scale)


def _modulation(network: Network, i: int, z: Tensor) -> Tensor:
    """(window, bin, unit): log rate without bias and log offset."""
    with torch.no_grad():
        return network.decode(z, {i: len(z)})[0] - cast(nn.Linear, network.read_out[i]).bias


def _log_likelihoods(network: Network, held: _Held, modes: Modes, removed: int | None) -> Array:
    """Nats of the target's spikes, up to a constant: with one level of each unit, and with one in each run of LOCAL."""
    i, fixed, local = held.recording, 0.0, 0.0
    spikes, expected = [], []
    for z, offset, y in held.batches:
        if removed is not None:
            component = (z - _like(modes.mean[str(i)], z)) @ _like(modes.weight[:, removed], z)
            z = z - component[..., None] * _like(modes.direction[:, removed], z)
        log_rate = held.scale * _modulation(network, i, z) + offset
        fixed += float((y * log_rate).sum())
        spikes.append(y.sum(dim=1).double())
        expected.append(log_rate.exp().sum(dim=1).double())
    n, e = torch.cat(spikes), torch.cat(expected)
    whole = fixed - float((n.sum(dim=0) * e.sum(dim=0).log()).sum())
    for run_n, run_e in zip(n.split(LOCAL), e.split(LOCAL), strict=True):
        local -= float((run_n.sum(dim=0) * run_e.sum(dim=0).log()).sum())
    return np.array([whole, fixed + local])


def _like(values: Array, tensor: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(tensor)
