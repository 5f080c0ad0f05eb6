"""Fit and run the network: scaling, batches over recordings, Poisson loss, early stopping by held-out likelihood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.seq2seq.network import Network
from spikebridge.models.seq2seq.start import read_in_directions
from spikebridge.types import Windows

Batch = dict[int, Tensor]  # recording number -> window numbers
GAINS = [k / 20 for k in range(25)]
PSEUDO_SPIKE = 0.05
RATE_FLOOR = 0.02  # spikes per window and unit, so that a unit silent in training keeps a finite log rate


class Translator:
    """The network with what it needs around it: unit scaling per recording, the order of the recordings, a device."""

    def __init__(self, params: Any, bin_s: float, device: str) -> None:
        self.params = params
        self.bin_s = bin_s
        self.device = device
        self.recordings: list[str] = []
        self.scale: dict[str, Tensor] = {}  # "<number>.mean", "<number>.std": (source unit,)

    def build(self, units: Mapping[str, tuple[int, int]], seed: int) -> None:
        """An untrained network for recordings of {name: (source units, target units)}."""
        p = self.params
        self.recordings = list(units)
        with torch.random.fork_rng(devices=[]):  # module initialisers draw from the global state: lend it a seed
            torch.manual_seed(seed)
            self.network = Network(units, p.inputs, p.hidden, p.latents, p.core, p.direction_in_time == "causal")
        self.network.to(self.device)

    def fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        """Train on all windows, labelled or not."""
        p = self.params
        self.build({w.recording: (w.source.shape[2], w.target.shape[2]) for w in train}, int(rng.integers(2**31)))
        generator = torch.Generator(device="cpu").manual_seed(int(rng.integers(2**31)))
        for i, w in enumerate(train):
            self._scale_and_start(i, w)
        x, y = self._tensors(train)
        base = {i: t.mean(dim=(0, 1)).clamp(min=RATE_FLOOR / t.shape[1]) for i, t in y.items()}

        sizes = {i: len(t) for i, t in x.items()}
        steps = max(1, round(sum(sizes.values()) / p.batch))

        def batches() -> Iterator[Batch]:
            order = {i: torch.randperm(n, generator=generator).tensor_split(steps) for i, n in sizes.items()}
            for step in range(steps):
                yield {i: parts[step] for i, parts in order.items() if len(parts[step])}

        def loss(batch: Any) -> Tensor:
            pieces = {i: self._augment(x[i][rows], generator) for i, rows in batch.items()}
            n, bins = sum(len(rows) for rows in batch.values()), next(iter(x.values())).shape[1]
            noise = p.noise * torch.randn(n, bins, p.latents, generator=generator).to(self.device)
            latents = self.network.encode(pieces, noise)
            logs = self.network.decode(latents, {i: len(rows) for i, rows in batch.items()})
            nats = torch.zeros((), device=self.device)
            spikes = torch.zeros((), device=self.device)
            for (i, rows), log_rate in zip(batch.items(), logs, strict=True):
                nats = (
                    nats + (log_rate.exp() - y[i][rows] * log_rate).sum() - (base[i] - y[i][rows] * base[i].log()).sum()
                )
                spikes = spikes + y[i][rows].sum()
                nats = nats + p.rate_penalty * (log_rate - self.network.read_out[i].bias).square().sum()
            return nats / spikes.clamp(min=1.0)

        score = self._scorer(valid, base) if any(len(w) for w in valid) else None
        schedule = Schedule(p.epochs, p.rate, p.weight_decay, p.patience)
        fit_network(self.network, batches, steps, loss, score, schedule, on_epoch)
        self._calibrate(train, valid)

    def run(self, windows: Windows, chunk: int = 1024) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latents (window, bin, latent) and expected target counts (window, bin, unit)."""
        i = self.recordings.index(windows.recording)
        self.network.eval()
        latents, rates = [], []
        with torch.no_grad():
            for start in range(0, max(len(windows), 1), chunk):
                x = self._scaled(i, windows.source[start : start + chunk])
                z = self.network.encode({i: x})
                latents.append(z.cpu().numpy())
                rates.append(self.network.decode(z, {i: len(x)})[0].exp().cpu().numpy())
        return np.concatenate(latents), np.concatenate(rates)

    def _calibrate(self, train: Sequence[Windows], valid: Sequence[Windows]) -> None:
        """Shrink each recording's predictions as far as `valid` asks for, then match every unit's mean rate.

        The gain g of log rate = bias + g * modulation, from 0 (the mean rate: nothing to translate) to 1.2, is the one
        under which `valid` is most likely given a free bias. The bias then fits the mean over both: rates drift, and
        the more of the recording it has seen the better. Both are folded into the read-out.
        """
        held = {w.recording: w for w in valid}
        self.network.eval()
        for i, w in enumerate(train):
            read_out = cast(nn.Linear, self.network.read_out[i])
            if w.recording in held:
                modulation, counts = self._modulation(i, held[w.recording])
                gain = max(GAINS, key=lambda g: _profile_likelihood(g * modulation, counts))
                read_out.weight.data.mul_(gain)
            parts = [self._modulation(i, v) for v in (w, held.get(w.recording)) if v is not None]
            spikes = torch.cat([counts for _, counts in parts]).sum(dim=(0, 1))
            expected = torch.cat([modulation for modulation, _ in parts]).exp().sum(dim=(0, 1))
            read_out.bias.data.copy_(torch.log((spikes + PSEUDO_SPIKE) / (expected + PSEUDO_SPIKE)))

    def _modulation(self, i: int, w: Windows) -> tuple[Tensor, Tensor]:
        """Log rate without the bias, and the counts, both (window, bin, target unit)."""
        with torch.no_grad():
            x = self._scaled(i, w.source)
            log_rate = self.network.decode(self.network.encode({i: x}), {i: len(x)})[0]
            counts = torch.from_numpy(w.target.astype(np.float32)).to(self.device)
            return log_rate - cast(nn.Linear, self.network.read_out[i]).bias, counts

    def _tensors(self, windows: Sequence[Windows]) -> tuple[Batch, Batch]:
        x = {i: self._scaled(i, w.source) for i, w in enumerate(windows) if len(w)}
        y = {i: torch.from_numpy(w.target.astype(np.float32)).to(self.device) for i, w in enumerate(windows) if len(w)}
        return x, y

    def _scaled(self, i: int, counts: NDArray[Any]) -> Tensor:
        x = torch.from_numpy(self._smooth(counts)).to(self.device)
        return (x - self.scale[f"{i}.mean"]) / self.scale[f"{i}.std"]

    def _smooth(self, counts: NDArray[Any]) -> NDArray[np.float32]:
        """Counts as they enter the network: half a kernel's width of noise less."""
        return gaussian_filter1d(
            counts.astype(np.float32), self.params.smoothing_s / self.bin_s, axis=1, mode="nearest"
        )

    def _augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Drop whole units of a window: no latent may lean on one unit."""
        if self.params.dropout == 0:
            return x
        keep = torch.rand(len(x), 1, x.shape[2], generator=generator).to(self.device) >= self.params.dropout
        return x * keep / (1 - self.params.dropout)

    def _scale_and_start(self, i: int, w: Windows) -> None:
        """Scale by the training windows' mean and SD; start the read-in at the linear translator."""
        source, target = self._smooth(w.source), w.target.astype(np.float32)
        mean, std = source.mean(axis=(0, 1)), np.maximum(source.std(axis=(0, 1)), 0.05)
        self.scale[f"{i}.mean"] = torch.from_numpy(mean).to(self.device)
        self.scale[f"{i}.std"] = torch.from_numpy(std).to(self.device)
        rate, spread = target.mean(axis=(0, 1)), np.maximum(target.std(axis=(0, 1)), 0.05)
        read_in, read_out = cast(nn.Linear, self.network.read_in[i]), cast(nn.Linear, self.network.read_out[i])
        start, weights = read_in_directions(
            (source - mean) / std,
            (target - rate) / spread,
            self.params.smoothing_s / w.bin_s,
            self.params.inputs,
            self.params.start_penalty,
        )
        rate = np.maximum(rate, RATE_FLOOR / w.n_bins)
        with torch.no_grad():
            read_in.weight.copy_(torch.from_numpy(start.T))
            read_in.bias.zero_()
            # At the start the latents are the leading linear predictors and the rates what they predict.
            n = min(self.params.latents, self.params.inputs)
            read_out.weight.zero_()
            read_out.weight[:, :n].copy_(torch.from_numpy((weights[:n] * spread / rate).T))
            read_out.bias.copy_(torch.from_numpy(np.log(rate)))

    def _scorer(self, valid: Sequence[Windows], base: Batch) -> Any:
        x, y = self._tensors(valid)
        spikes = sum(float(t.sum()) for t in y.values())

        def score() -> dict[str, float]:
            nats = 0.0
            for i, xi in x.items():
                log_rate = self.network.decode(self.network.encode({i: xi}), {i: len(xi)})[0]
                gain = (y[i] * (log_rate - base[i].log()) - (log_rate.exp() - base[i])).sum()
                nats += float(gain)
            gain_per_spike = nats / max(spikes, 1.0)
            return {"valid_loss": -gain_per_spike, "valid_bits_per_spike": gain_per_spike / float(np.log(2))}

        return score


def _profile_likelihood(modulation: Tensor, counts: Tensor) -> float:
    """Poisson log likelihood, up to a constant, with every unit's bias at its best."""
    spikes = counts.sum(dim=(0, 1))
    return float((counts * modulation).sum() - (spikes * modulation.exp().sum(dim=(0, 1)).log()).sum())
