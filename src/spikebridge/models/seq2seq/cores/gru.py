"""Gated recurrent units (Cho et al. 2014, EMNLP): torch.nn.GRU, run on a processor with a fraction of its calls.

Kept by hand: on a processor the time of torch's kernels for a small layer goes into calls and passes over memory. Here
both directions take a time step together, the gradient is written out instead of recorded, a bias is the weight of an
input of one, and the arrays of a step stay in the cache: windows lie along the last axis, so a gate is contiguous.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from spikebridge.models.seq2seq.cores import Core

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


class GRU(Core):
    """One layer, in both directions where `two_sided`."""

    def __init__(self, inputs: int, hidden_size: int, two_sided: bool) -> None:
        super().__init__(inputs, hidden_size, two_sided)
        self.layer = nn.GRU(inputs, hidden_size, batch_first=True, bidirectional=two_sided)
        self.width = hidden_size * (2 if two_sided else 1)

    def forward(self, x: Tensor) -> Tensor:
        return run_gru(self.layer, x)


def run_gru(layer: nn.GRU, x: Tensor) -> Tensor:
    """The output of `layer` for x, (window, bin, input) -> (window, bin, width), from hidden states of zero.

    layer: one layer, batch first, with biases, in one direction or two. On a GPU, and where no gradient is wanted,
    torch's own kernels run it. Second derivatives are not supported.
    """
    if x.is_cuda or not torch.is_grad_enabled():
        out: Tensor = layer(x)[0]
        return out
    suffixes = ("", "_reverse") if layer.bidirectional else ("",)
    input_weights, recurrent_weights = (
        torch.stack([torch.column_stack([getattr(layer, f"{kind}_l0{end}") for kind in pair]) for end in suffixes])
        for pair in (("weight_ih", "bias_ih"), ("weight_hh", "bias_hh"))
    )
    hidden: Tensor = _GRUFunction.apply(x, input_weights, recurrent_weights)
    return hidden


class _GRUFunction(torch.autograd.Function):
    """r, z = sigmoid(g_rz + a_rz), n = tanh(g_n + r a_n), h' = n + z (h - n), with g = V [x; 1], a = W [h; 1], h_0 = 0.

    x: (window, bin, input). V: (direction, 3 hidden, input + 1). W: (direction, 3 hidden, hidden + 1). Returns h,
    (window, bin, direction * hidden). Inside, arrays are (bin, direction, unit, window), bins in the order of the
    recurrence.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, input_weights: Tensor, recurrent_weights: Tensor) -> Tensor:
        directions, size = len(recurrent_weights), recurrent_weights.shape[2] - 1
        inputs = _with_ones(x.permute(1, 2, 0), directions)
        bins, windows = len(inputs), inputs.shape[3]
        states = x.new_empty(bins + 1, directions, size + 1, windows)
        states[0], states[:, :, size] = 0.0, 1.0
        rz, n, a_n = (x.new_empty(bins, directions, k * size, windows) for k in (2, 1, 1))
        g = x.new_empty(directions, 3 * size, windows)
        (w_rz, w_n), (g_rz, g_n) = (t.split([2 * size, size], dim=1) for t in (recurrent_weights, g))
        parts = [inputs, states[:-1], a_n, rz, *rz.chunk(2, dim=2), n, states[:-1, :, :size], states[1:, :, :size]]
        for x_t, state, a_t, rz_t, r, z, n_t, h, after in zip(*(p.unbind(0) for p in parts), strict=True):
            torch.bmm(input_weights, x_t, out=g)
            torch.baddbmm(g_rz, w_rz, state, out=rz_t).sigmoid_()
            torch.bmm(w_n, state, out=a_t)
            torch.addcmul(g_n, r, a_t, out=n_t).tanh_()
            torch.lerp(n_t, h, z, out=after)
        ctx.save_for_backward(inputs, input_weights, recurrent_weights, states, a_n, rz, n)
        return _join_directions(states[1:, :, :size])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        inputs, input_weights, recurrent_weights, states, a_n, rz, n = ctx.saved_tensors
        bins, directions, size, windows = n.shape
        d_input, d_recurrent = torch.zeros_like(input_weights), torch.zeros_like(recurrent_weights)
        d_g, d_a, d_rz = (n.new_empty(directions, k * size, windows) for k in (3, 3, 2))
        d_h, d_n, carry = (n.new_zeros(directions, size, windows) for _ in range(3))
        (d_g_rz, d_g_n), (d_a_rz, d_a_n) = (t.split([2 * size, size], dim=1) for t in (d_g, d_a))
        d_r, d_z = d_rz.chunk(2, dim=1)
        back, back_in = (w[:, :, :-1].transpose(1, 2).contiguous() for w in (recurrent_weights, input_weights))
        d_x = inputs.new_empty(bins, directions, inputs.shape[2] - 1, windows)
        parts = [
            _split_directions(grad, directions),
            inputs.transpose(2, 3),
            states[:-1].transpose(2, 3),
            states[:-1, :, :size],
        ]
        parts += [a_n, rz, *rz.chunk(2, dim=2), n, d_x]
        steps = zip(*(reversed(p.unbind(0)) for p in parts), strict=True)
        for grad_t, x_t, state, h, a_t, rz_t, r, z, n_t, d_x_t in steps:
            torch.add(grad_t, carry, out=d_h)
            torch.mul(d_h, z, out=carry)
            torch.sub(d_h, carry, out=d_n)
            tanh_backward(d_n, n_t, grad_input=d_g_n)
            torch.mul(d_g_n, r, out=d_a_n)
            torch.mul(d_g_n, a_t, out=d_r)
            torch.sub(h, n_t, out=d_z).mul_(d_h)
            sigmoid_backward(d_rz, rz_t, grad_input=d_a_rz)
            d_g_rz.copy_(d_a_rz)
            carry.baddbmm_(back, d_a)
            d_recurrent.baddbmm_(d_a, state)
            d_input.baddbmm_(d_g, x_t)
            torch.bmm(back_in, d_g, out=d_x_t)
        sides = [d_x[:, 0], *(d_x[:, k].flip(0) for k in range(1, directions))]
        return sum(sides[1:], sides[0]).permute(2, 0, 1), d_input, d_recurrent


def _with_ones(x: Tensor, directions: int) -> Tensor:
    """(bin, unit, window) -> (bin, direction, unit + 1, window); the last unit is 1; direction 1 has reversed bins."""
    bins, units, windows = x.shape
    out = x.new_ones(bins, directions, units + 1, windows)
    for k in range(directions):
        out[:, k, :units] = x if k == 0 else x.flip(0)
    return out


def _join_directions(h: Tensor) -> Tensor:
    """(bin, direction, unit, window) -> (window, bin, direction * unit), bins in the order of time."""
    sides = [h[:, 0], *(h[:, k].flip(0) for k in range(1, h.shape[1]))]
    return torch.cat(sides, dim=1).permute(2, 0, 1).contiguous()


def _split_directions(grad: Tensor, directions: int) -> Tensor:
    """The transpose of `_join_directions`."""
    first, *second = grad.permute(1, 2, 0).chunk(directions, dim=1)
    return torch.stack([first, *(side.flip(0) for side in second)], dim=1)
