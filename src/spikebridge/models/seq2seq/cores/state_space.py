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

from spikebridge.models.seq2seq.cores import Core

N_STATES = 4  # complex, per hidden unit
MIN_TAU, MAX_TAU = 1.0, 40.0  # bins, initial time constants
MAX_FREQUENCY = math.pi / 5  # radians per bin, initially


class StateSpace(Core):
    """One layer, or where `two_sided` one per direction, the second on reversed time."""

    def __init__(self, inputs: int, hidden_size: int, two_sided: bool) -> None:
        super().__init__(inputs, hidden_size, two_sided)
        self.layers = nn.ModuleList(DiagonalLayer(inputs, hidden_size) for _ in range(2 if two_sided else 1))
        self.width = hidden_size * len(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        out = [self.layers[0](x)]
        if len(self.layers) > 1:
            out.append(self.layers[1](x.flip(1)).flip(1))
        return torch.cat(out, dim=-1)


class DiagonalLayer(nn.Module):
    """u = W x; h_t = a h_(t-1) + b u_t, h complex, `N_STATES` for each unit of u; y = Re(c h) + d u; gate.

    a = exp(-exp(decay) + i angle), so |a| < 1. b = sqrt(1 - |a|^2) keeps the variance of h near that of u. The
    output is tanh(V y) * sigmoid(G y), within (-1, 1) like the state of a GRU.
    """

    def __init__(self, inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.input_map = nn.Linear(inputs, hidden_size)
        tau = torch.logspace(math.log10(MIN_TAU), math.log10(MAX_TAU), hidden_size)[:, None].repeat(1, N_STATES)
        self.decay = nn.Parameter(-tau.log())
        self.angle = nn.Parameter(torch.linspace(0, MAX_FREQUENCY, N_STATES).repeat(hidden_size, 1))
        self.output_weights = nn.Parameter(torch.empty(2, hidden_size, N_STATES))
        nn.init.normal_(self.output_weights, std=N_STATES**-0.5)
        self.feedthrough = nn.Parameter(torch.ones(hidden_size))
        self.gate_map = nn.Linear(hidden_size, 2 * hidden_size)

    def kernel(self, bins: int) -> Tensor:
        """(hidden, bin): impulse response of a unit k bins later, Re(sum over states of c b a^k)."""
        speed = self.decay.exp()
        steps = torch.arange(bins, device=speed.device, dtype=speed.dtype)
        size = torch.sqrt(-torch.expm1(-2 * speed))[..., None] * torch.exp(-speed[..., None] * steps)
        phase = self.angle[..., None] * steps
        real, imaginary = self.output_weights[..., None]
        return (size * (real * phase.cos() - imaginary * phase.sin())).sum(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        u = self.input_map(x)
        bins = u.shape[1]
        # One product with a triangular matrix (hidden, to, from): it is exactly causal, which an FFT is not, and
        # windows are short enough for the square of their bins.
        line = functional.pad(self.kernel(bins), (bins - 1, 0))
        matrix = line.unfold(-1, bins, 1).flip(-1)
        y = torch.einsum("hts,bsh->bth", matrix, u) + self.feedthrough * u
        value, gate = self.gate_map(y).chunk(2, dim=-1)
        return value.tanh() * gate.sigmoid()
