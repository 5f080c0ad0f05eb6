"""Diagonal linear recurrences with complex eigenvalues, all bins at once, between a linear map and a gate.

S4D (Gu et al. 2022, "On the parameterization and initialization of diagonal state space models") with the
parameterisation of the linear recurrent unit (Orvieto et al. 2023, "Resurrecting recurrent neural networks for long
sequences").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from spikebridge.models.seq2seq.cores.base import Core

STATES = 4  # complex, of each hidden unit
SHORTEST, LONGEST = 1.0, 40.0  # bins, time constants at the start
FASTEST = math.pi / 5  # radians a bin, of the oscillations at the start


class StateSpace(Core):
    """One layer, or one a direction where `two_sided`, the other one on reversed time."""

    def __init__(self, inputs: int, hidden: int, two_sided: bool) -> None:
        super().__init__(inputs, hidden, two_sided)
        self.layers = nn.ModuleList(Layer(inputs, hidden) for _ in range(2 if two_sided else 1))
        self.width = hidden * len(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        out = [self.layers[0](x)]
        if len(self.layers) > 1:
            out.append(self.layers[1](x.flip(1)).flip(1))
        return torch.cat(out, dim=-1)


class Layer(nn.Module):
    """u = W x; h_t = a h_(t-1) + b u_t, h complex and `STATES` long for each unit of u; y = Re(c h) + d u; gate.

    a = exp(-exp(decay) + i angle), so |a| < 1. b = sqrt(1 - |a|^2) keeps the variance of h near that of u. What comes
    out is tanh(V y) * sigmoid(G y), within (-1, 1) as a GRU's state is.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, hidden)
        tau = torch.logspace(math.log10(SHORTEST), math.log10(LONGEST), hidden)[:, None].repeat(1, STATES)
        self.decay = nn.Parameter(-tau.log())
        self.angle = nn.Parameter(torch.linspace(0, FASTEST, STATES).repeat(hidden, 1))
        self.read = nn.Parameter(torch.empty(2, hidden, STATES))
        nn.init.normal_(self.read, std=STATES**-0.5)
        self.through = nn.Parameter(torch.ones(hidden))
        self.leave = nn.Linear(hidden, 2 * hidden)

    def kernel(self, bins: int) -> Tensor:
        """(hidden, bin): what a unit's input does to its output k bins later, Re(sum over states of c b a^k)."""
        speed = self.decay.exp()
        steps = torch.arange(bins, device=speed.device, dtype=speed.dtype)
        size = torch.sqrt(-torch.expm1(-2 * speed))[..., None] * torch.exp(-speed[..., None] * steps)
        phase = self.angle[..., None] * steps
        real, imaginary = self.read[..., None]
        return (size * (real * phase.cos() - imaginary * phase.sin())).sum(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        u = self.enter(x)
        bins = u.shape[1]
        # One product with a triangular matrix (hidden, to, from): exactly nothing reaches an earlier bin, which an FFT
        # cannot promise, and windows are short enough for the square of their bins.
        line = functional.pad(self.kernel(bins), (bins - 1, 0))
        matrix = line.unfold(-1, bins, 1).flip(-1)
        y = torch.einsum("hts,bsh->bth", matrix, u) + self.through * u
        value, gate = self.leave(y).chunk(2, dim=-1)
        return value.tanh() * gate.sigmoid()
