"""A pre-norm transformer (Vaswani et al. 2017; Xiong et al. 2020) with sinusoidal positional encoding,
masked where causal."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from spikebridge.models.seq2seq.cores import Core

LAYERS = 2
MAX_HEADS = 4  # the number of heads has to divide `hidden_size`
MAX_PERIOD = 100.0  # bins per radian, of the slowest positional encoding


class Attention(Core):
    """Transformer layers on a linear map of the input plus positional encodings, then a layer norm."""

    def __init__(self, inputs: int, hidden_size: int, two_sided: bool) -> None:
        super().__init__(inputs, hidden_size, two_sided)
        self.input_map = nn.Linear(inputs, hidden_size)
        self.layers = nn.ModuleList(TransformerLayer(hidden_size, causal=not two_sided) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(hidden_size)
        self.width = hidden_size

    def forward(self, x: Tensor) -> Tensor:
        x = self.input_map(x)
        x = x + positional_encoding(x.shape[1], x.shape[2]).to(x)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.norm(x)
        return out


class TransformerLayer(nn.Module):
    """x + attention(norm x), then x + perceptron(norm x)."""

    def __init__(self, hidden_size: int, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.heads = next(n for n in range(MAX_HEADS, 0, -1) if hidden_size % n == 0)
        self.norm_attention, self.norm_perceptron = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.out_map = nn.Linear(hidden_size, hidden_size)
        self.perceptron = nn.Sequential(
            nn.Linear(hidden_size, 2 * hidden_size), nn.GELU(), nn.Linear(2 * hidden_size, hidden_size)
        )

    def forward(self, x: Tensor) -> Tensor:
        joint = self.query_key_value(self.norm_attention(x))
        query, key, value = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in joint.chunk(3, dim=-1))
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        x = x + self.out_map(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.perceptron(self.norm_perceptron(x))
        return out


def positional_encoding(bins: int, width: int) -> Tensor:
    """(bin, width): sines and cosines of the bin number at periods from 2 pi to 2 pi * MAX_PERIOD bins."""
    frequency = torch.exp(-math.log(MAX_PERIOD) * torch.arange(0, width, 2) / width)
    angle = torch.arange(bins)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]
