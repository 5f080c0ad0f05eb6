"""A pre-norm transformer (Vaswani et al. 2017; Xiong et al. 2020) with sinusoidal positions, masked where causal."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from spikebridge.models.seq2seq.cores.base import Core

LAYERS = 2
HEADS = 4  # at most: they have to divide `hidden`
LONGEST = 100.0  # bins per radian, of the slowest position signal


class Attention(Core):
    def __init__(self, inputs: int, hidden: int, two_sided: bool) -> None:
        super().__init__(inputs, hidden, two_sided)
        self.enter = nn.Linear(inputs, hidden)
        self.layers = nn.ModuleList(Layer(hidden, causal=not two_sided) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(hidden)
        self.width = hidden

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        x = x + positions(x.shape[1], x.shape[2]).to(x)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.norm(x)
        return out


class Layer(nn.Module):
    """x + attention(norm x), then x + perceptron(norm x)."""

    def __init__(self, hidden: int, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.heads = next(n for n in range(HEADS, 0, -1) if hidden % n == 0)
        self.before, self.between = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.ask = nn.Linear(hidden, 3 * hidden)
        self.answer = nn.Linear(hidden, hidden)
        self.perceptron = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, hidden))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.ask(self.before(x)).chunk(3, dim=-1)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        x = x + self.answer(seen.transpose(1, 2).flatten(2))
        out: Tensor = x + self.perceptron(self.between(x))
        return out


def positions(bins: int, width: int) -> Tensor:
    """(bin, width): sines and cosines of the bin's number at periods from 2 pi to 2 pi * LONGEST bins."""
    rate = torch.exp(-math.log(LONGEST) * torch.arange(0, width, 2) / width)
    angle = torch.arange(bins)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]
