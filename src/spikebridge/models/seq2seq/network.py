"""The translator's network: read-in, encoder, bottleneck, decoder, read-out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spikebridge.models.seq2seq.cores import Core, build_core

MAX_LOG_RATE = 5.0


class Network(nn.Module):
    """Source counts -> latents -> log of expected target counts.

    Every recording has its own read-in (source unit -> shared input) and read-out (shared factor -> target unit);
    encoder, bottleneck and decoder are shared, so that all recordings train them.
    """

    def __init__(
        self, units: Mapping[str, tuple[int, int]], inputs: int, hidden: int, latents: int, core: str, causal: bool
    ) -> None:
        super().__init__()
        # Lists, not dicts by name: module keys must not hold dots, recording names may.
        self.read_in = nn.ModuleList(nn.Linear(n_in, inputs) for n_in, _ in units.values())
        self.encoder: Core = build_core(core, inputs, hidden, two_sided=not causal)
        self.skip = nn.Linear(inputs, latents, bias=False)
        self.bottleneck = nn.Linear(self.encoder.width, latents)
        with torch.no_grad():  # the linear translator comes first; the recurrent part adds to it
            self.skip.weight.copy_(torch.eye(latents, inputs))
            self.bottleneck.weight.mul_(0.1)
        self.decoder: Core = build_core(core, latents, hidden, two_sided=False)
        self.read_out = nn.ModuleList(nn.Linear(latents + self.decoder.width, n_out) for _, n_out in units.values())

    def encode(self, pieces: Mapping[int, Tensor], noise: Tensor | None = None) -> Tensor:
        """{recording number: (window, bin, source unit)} -> (all windows, bin, latent), in the order of the mapping."""
        shared = torch.cat([self.read_in[i](x) for i, x in pieces.items()])
        latents = self.bottleneck(self.encoder(shared)) + self.skip(shared)
        return latents if noise is None else latents + noise

    def decode(self, latents: Tensor, sizes: Mapping[int, int]) -> list[Tensor]:
        """(all windows, bin, latent) -> per recording (window, bin, target unit), log of expected counts."""
        factors = torch.cat([latents, self.decoder(latents)], dim=-1)
        parts = factors.split(list(sizes.values()))
        return [self.read_out[i](part).clamp(max=MAX_LOG_RATE) for i, part in zip(sizes, parts, strict=True)]
