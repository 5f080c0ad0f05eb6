"""The reference of benchmarks/speed.py: sequence-to-sequence in a plain implementation with torch.nn.GRU.

A linear read-in for each recording, a two-sided GRU that encodes, a linear bottleneck, a GRU that decodes, a linear
read-out for each recording; Poisson loss, AdamW, mini-batches of 32 windows of one recording, early stopping on the
validation windows. It is not slowed down: it starts at the mean rates, its inputs are smoothed and scaled once, units
are dropped out as usual, all data are tensors in memory, and validation takes one batch per recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from spikebridge.types import Windows

MIN_RATE = 1e-3  # spikes per bin
Row = dict[str, float]


@dataclass(frozen=True)
class Settings:
    learning_rate: float = 3e-3
    input_size: int = 16
    hidden_size: int = 32
    n_latents: int = 8
    batch_size: int = 32
    dropout: float = 0.3
    weight_decay: float = 1e-2
    smoothing_s: float = 0.05
    max_epochs: int = 60
    patience: int = 6


class Reference(nn.Module):
    """(window, bin, source unit) of recording i -> (window, bin, target unit), log of expected counts."""

    def __init__(self, sizes: Sequence[tuple[int, int]], s: Settings) -> None:
        super().__init__()
        self.read_in = nn.ModuleList(nn.Linear(n, s.input_size) for n, _ in sizes)
        self.encoder = nn.GRU(s.input_size, s.hidden_size, batch_first=True, bidirectional=True)
        self.bottleneck = nn.Linear(2 * s.hidden_size, s.n_latents)
        self.decoder = nn.GRU(s.n_latents, s.hidden_size, batch_first=True)
        self.read_out = nn.ModuleList(nn.Linear(s.hidden_size, n) for _, n in sizes)
        self.dropout = nn.Dropout1d(s.dropout)

    def forward(self, i: int, x: Tensor) -> Tensor:
        x = self.dropout(x.transpose(1, 2)).transpose(1, 2)  # whole units of a window
        latents = self.bottleneck(self.encoder(self.read_in[i](x))[0])
        log_rates: Tensor = self.read_out[i](self.decoder(latents)[0]).clamp(max=5.0)
        return log_rates


def fit(
    train: Sequence[Windows], valid: Sequence[Windows], seed: int, settings: Settings, on_epoch: Callable[[Row], None]
) -> Reference:
    """Train until the bits/spike of `valid` have not risen for `patience` epochs; `valid` may be empty.

    on_epoch: receives {"epoch", "train_loss", "valid_bits_per_spike"} after every epoch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x, scales = [], []
        for w in train:
            smooth = smoothed(w, settings)
            scales.append((smooth.mean(axis=(0, 1)), np.maximum(smooth.std(axis=(0, 1)), 0.05)))
            x.append(torch.from_numpy((smooth - scales[-1][0]) / scales[-1][1]))
        y = [torch.from_numpy(w.target.astype(np.float32)) for w in train]
        base = [counts.mean(dim=(0, 1)).clamp(min=MIN_RATE) for counts in y]
        network = Reference([(w.source.shape[2], w.target.shape[2]) for w in train], settings)
        for layer, rates in zip(network.read_out, base, strict=True):
            layer.bias.data.copy_(rates.log())  # type: ignore[union-attr, operator]
        held = [
            (i, torch.from_numpy((smoothed(w, settings) - scales[i][0]) / scales[i][1]), w)
            for i, name in enumerate(w.recording for w in train)
            for w in valid
            if w.recording == name
        ]
        _train(network, x, y, lambda: bits_per_spike(network, held, base) if held else None, settings, on_epoch)
    return network


def _train(
    network: Reference,
    x: list[Tensor],
    y: list[Tensor],
    score: Callable[[], float | None],
    s: Settings,
    on_epoch: Callable[[Row], None],
) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), lr=s.learning_rate, weight_decay=s.weight_decay)
    best, waited, kept = -np.inf, 0, None
    for epoch in range(s.max_epochs):
        network.train()
        batches = [(i, rows) for i, part in enumerate(x) for rows in torch.randperm(len(part)).split(s.batch_size)]
        total = 0.0
        for k in torch.randperm(len(batches)).tolist():
            i, rows = batches[k]
            optimiser.zero_grad()
            loss = nn.functional.poisson_nll_loss(network(i, x[i][rows]), y[i][rows])
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            total += float(loss.detach())
        row = {"epoch": float(epoch), "train_loss": total / len(batches)}
        bits = score()
        if bits is not None:
            row["valid_bits_per_spike"] = bits
            if bits > best:
                best, waited, kept = bits, 0, {k: v.clone() for k, v in network.state_dict().items()}
            else:
                waited += 1
        on_epoch(row)
        if waited > s.patience:
            break
    if kept is not None:
        network.load_state_dict(kept)


@torch.no_grad()
def bits_per_spike(network: Reference, held: Sequence[tuple[int, Tensor, Windows]], base: Sequence[Tensor]) -> float:
    """Of all recordings together, relative to the training mean. held: (number, inputs, windows) of each recording."""
    network.eval()
    nats, spikes = 0.0, 0.0
    for i, x, w in held:
        counts, log_rate = torch.from_numpy(w.target.astype(np.float32)), network(i, x)
        nats += float((counts * (log_rate - base[i].log()) - (log_rate.exp() - base[i])).sum())
        spikes += float(counts.sum())
    return nats / max(spikes, 1.0) / float(np.log(2))


def smoothed(w: Windows, s: Settings) -> NDArray[np.float32]:
    """(window, bin, source unit), counts smoothed by a Gaussian."""
    return gaussian_filter1d(w.source.astype(np.float32), s.smoothing_s / w.bin_s, axis=1, mode="nearest")
