"""The translator's network (read-in, encoder, bottleneck, decoder, read-out), its loss, and its modulation's scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from spikebridge.baseline import LOCAL, WindowRun, scale_of_runs
from spikebridge.models.seq2seq.cores import Core, build_core

MAX_LOG_RATE = 5.0
Modulated = tuple[Tensor, Tensor, Tensor]
"""Modulation (log rate without bias and log offset), log offset, and counts: each (window, bin, unit)."""


class Network(nn.Module):
    """Source counts -> latents -> log of expected target counts.

    Every recording has its own read-in (source unit -> shared input) and read-out (shared factor -> target unit);
    encoder, bottleneck and decoder are shared, so that all recordings train them. units: recording -> (source units,
    target units).
    """

    def __init__(
        self,
        units: Mapping[str, tuple[int, int]],
        input_size: int,
        hidden_size: int,
        n_latents: int,
        core: str,
        causal: bool,
    ) -> None:
        super().__init__()
        # Lists, not dicts by name: module keys must not hold dots, recording names may.
        self.read_in = nn.ModuleList(nn.Linear(n_in, input_size) for n_in, _ in units.values())
        self.encoder: Core = build_core(core, input_size, hidden_size, two_sided=not causal)
        self.skip = nn.Linear(input_size, n_latents, bias=False)
        self.bottleneck = nn.Linear(self.encoder.width, n_latents)
        with torch.no_grad():  # initially the skip path, a linear translator, dominates the recurrent path
            self.skip.weight.zero_().fill_diagonal_(1.0)  # torch.eye on the device meta loads torch's compiler
            self.bottleneck.weight.mul_(0.1)
        self.decoder: Core = build_core(core, n_latents, hidden_size, two_sided=False)
        self.read_out = nn.ModuleList(nn.Linear(n_latents + self.decoder.width, n_out) for _, n_out in units.values())

    def encode(self, inputs: Mapping[int, Tensor], noise: Tensor | None = None) -> Tensor:
        """{recording number: (window, bin, source unit)} -> (all windows, bin, latent), in the order of the mapping."""
        shared = torch.cat([self.read_in[i](x) for i, x in inputs.items()])
        latents = self.bottleneck(self.encoder(shared)) + self.skip(shared)
        return latents if noise is None else latents + noise

    def decode(self, latents: Tensor, sizes: Mapping[int, int]) -> list[Tensor]:
        """(all windows, bin, latent) -> per recording (window, bin, target unit), log of expected counts."""
        factors = torch.cat([latents, self.decoder(latents)], dim=-1)
        parts = factors.split(list(sizes.values()))
        return [self.read_out[i](part).clamp(max=MAX_LOG_RATE) for i, part in zip(sizes, parts, strict=True)]


def poisson_loss(modulation: Tensor, log_offset: Tensor, counts: Tensor, bias: Tensor, penalty: float) -> Tensor:
    """Negative Poisson log likelihood, up to a constant, of log rate = modulation + log_offset, plus a ridge penalty.

    sum(rate - counts * log rate) + penalty * sum((modulation - bias)^2). modulation, log_offset, counts: (window, bin,
    unit); the modulation includes the bias, (unit,). The gradient is computed together with the value, in few passes
    over the arrays.
    """
    value: Tensor = _PoissonLoss.apply(modulation, log_offset, counts, bias, penalty)
    return value


class _PoissonLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, modulation: Tensor, log_offset: Tensor, counts: Tensor, bias: Tensor, penalty: float
    ) -> Tensor:
        log_rate, deviation = modulation + log_offset, modulation - bias
        slope = log_rate.exp()
        value = slope.sum() - torch.dot(counts.flatten(), log_rate.flatten())
        slope.sub_(counts)
        if penalty:
            value = value + penalty * torch.dot(deviation.flatten(), deviation.flatten())
            slope.add_(deviation, alpha=2 * penalty)
        ctx.save_for_backward(slope, -2 * penalty * deviation.sum(dim=(0, 1)))
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slope, bias_slope = ctx.saved_tensors
        return slope * grad, None, None, bias_slope * grad, None


def modulation_scale(batches: Iterable[Modulated]) -> float:
    """The scale of the modulation, as for every translator, with a free bias (see spikebridge.baseline.scale_of_runs).

    batches: windows in the order of time.
    """
    arrays = [tuple(part.cpu().numpy() for part in batch) for batch in batches]

    def runs() -> Iterator[WindowRun]:
        for batch in arrays:
            for start in range(0, len(batch[0]), LOCAL):
                modulation, log_offset, counts = (part[start : start + LOCAL].astype(np.float64) for part in batch)
                yield WindowRun(modulation, np.exp(log_offset), counts)

    return scale_of_runs(runs, free_level=True)
