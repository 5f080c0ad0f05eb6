"""Gated recurrent units (Cho et al. 2014, EMNLP): torch.nn.GRU, run on a processor with a fraction of its calls.

Kept by hand: on a processor the time of torch's kernels for a small layer goes into calls and passes over memory. Here
a time step of both directions is one matrix product and four other calls, the gradient is written out
instead of recorded, a bias is the weight of an input of one, and the arrays of a step stay in the cache: windows lie
along the last axis, so a gate is contiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from spikebridge.models.seq2seq.cores import Core

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input
KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""Parameters of one direction of a layer, as torch names them."""


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

    layer: one layer, batch first, with biases, in one direction or two. On a GPU torch's own kernels run it. Second
    derivatives are not supported.
    """
    if x.is_cuda:
        out: Tensor = layer(x)[0]
        return out
    suffixes = ("", "_reverse") if layer.bidirectional else ("",)
    hidden: Tensor = _GRUFunction.apply(x, *(getattr(layer, f"{kind}_l0{end}") for end in suffixes for kind in KINDS))
    return hidden


class _GRUFunction(torch.autograd.Function):
    """r, z = sigmoid(g_rz + a_rz), n = tanh(g_n + r a_n), h' = n + z (h - n), with g = V [x; 1], a = U [h; 1], h_0 = 0.

    Takes x, (window, bin, input), and the weights of each direction; gives h, (window, bin, direction * hidden).
    Inside, arrays are (bin, direction, row, window), bins in the order of the recurrence. Rows of the states are
    [h; 1; x], those of the gates are [r; z; a_n; g_n], of which n replaces g_n.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        joint = _join_weights(weights)
        size, (windows, bins) = joint.shape[1] // 4, x.shape[:2]
        states = joint.new_empty(bins + 1, len(joint), joint.shape[2], windows)
        states[0, :, :size], states[:, :, size] = 0.0, 1.0
        _split_directions(x, states[:-1, :, size + 1 :])
        gates = joint.new_empty(bins, len(joint), 4 * size, windows)
        parts = [states[:-1], gates, gates[:, :, : 2 * size], *gates.chunk(4, dim=2)]
        parts += [states[:-1, :, :size], states[1:, :, :size]]
        for state, gate, rz, r, z, a_n, n, h, after in zip(*(p.unbind(0) for p in parts), strict=True):
            torch.bmm(joint, state, out=gate)
            rz.sigmoid_()
            n.addcmul_(r, a_n).tanh_()
            torch.lerp(n, h, z, out=after)
        ctx.save_for_backward(joint, states, gates)
        return _join_directions(states[1:, :, :size])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        joint, states, gates = ctx.saved_tensors
        size, (bins, directions, rows, windows) = gates.shape[2] // 4, gates.shape
        d_h = gates.new_empty(bins, directions, size, windows)
        _split_directions(grad, d_h)
        d_x = gates.new_empty(bins, directions, states.shape[2] - size - 1, windows)
        d_joint, d_gate = torch.zeros_like(joint), gates.new_empty(directions, rows, windows)
        d_rz, (d_r, d_z, d_a, d_n) = d_gate[:, : 2 * size], d_gate.chunk(4, dim=1)
        d_new = gates.new_empty(directions, size, windows)
        back, back_in = (joint[:, :, k].transpose(1, 2).contiguous() for k in (slice(size), slice(size + 1, None)))
        before = [gates.new_empty(0), *d_h.unbind(0)[:-1]]
        parts = [gates[:, :, : 2 * size], *gates.chunk(4, dim=2), states[:-1, :, :size], states[:-1].transpose(2, 3)]
        steps = zip(*(reversed(p.unbind(0)) for p in (*parts, d_h, d_x)), reversed(before), strict=True)
        for rz, r, z, a_n, n, h, state, d, d_x_t, d_before in steps:
            torch.addcmul(d, d, z, value=-1, out=d_new)
            tanh_backward(d_new, n, grad_input=d_n)
            torch.mul(d_n, r, out=d_a)
            torch.mul(d_n, a_n, out=d_r)
            torch.sub(h, n, out=d_z).mul_(d)
            sigmoid_backward(d_rz, rz, grad_input=d_rz)
            if len(d_before):
                d_before.addcmul_(z, d).baddbmm_(back, d_gate)
            d_joint.baddbmm_(d_gate, state)
            torch.bmm(back_in, d_gate, out=d_x_t)
        sides = [d_x[:, 0], *(d_x[:, k].flip(0) for k in range(1, directions))]
        return sum(sides[1:], sides[0]).permute(2, 0, 1), *_split_weights(d_joint)


def _join_weights(weights: Sequence[Tensor]) -> Tensor:
    """(direction, row of gates, row of states), from the weights of each direction in the order of KINDS."""
    size, inputs = weights[0].shape[0] // 3, weights[0].shape[1]
    joint = weights[0].new_zeros(len(weights) // len(KINDS), 4 * size, size + 1 + inputs)
    for own, w_x, w_h, b_x, b_h in zip(joint, *(weights[k :: len(KINDS)] for k in range(len(KINDS))), strict=True):
        own[: 3 * size, :size], own[: 3 * size, size] = w_h, b_h
        own[: 2 * size, size] += b_x[: 2 * size]
        own[: 2 * size, size + 1 :], own[3 * size :, size + 1 :] = w_x[: 2 * size], w_x[2 * size :]
        own[3 * size :, size] = b_x[2 * size :]
    return joint


def _split_weights(d_joint: Tensor) -> list[Tensor]:
    """The transpose of `_join_weights`."""
    size, out = d_joint.shape[1] // 4, []
    for own in d_joint:
        of_input = torch.cat([own[: 2 * size, size:], own[3 * size :, size:]])
        out += [of_input[:, 1:], own[: 3 * size, :size], of_input[:, 0], own[: 3 * size, size]]
    return out


def _split_directions(x: Tensor, out: Tensor) -> None:
    """(window, bin, unit of all directions) -> out, (bin, direction, unit, window); direction 1 has reversed bins.

    x of as many units as `out` has in one direction is that of both.
    """
    directions, units = out.shape[1:3]
    sides = x.split(units, dim=2) if x.shape[2] > units else (x, x)
    for k in range(directions):
        side = sides[k].permute(1, 2, 0)
        out[:, k] = side if k == 0 else side.flip(0)


def _join_directions(h: Tensor) -> Tensor:
    """(bin, direction, unit, window) -> (window, bin, direction * unit), bins in the order of time."""
    sides = [h[:, 0], *(h[:, k].flip(0) for k in range(1, h.shape[1]))]
    return torch.cat(sides, dim=1).permute(2, 0, 1).contiguous()
