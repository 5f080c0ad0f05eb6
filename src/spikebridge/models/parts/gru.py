"""Gated recurrent units (Cho et al. 2014) on a processor: the layer of torch.nn.GRU, run with a fraction of its calls.

Small layers cost what their calls and their passes over memory cost, more than their arithmetic. Here both directions
take a time step together, the gradient is written down instead of recorded, a bias is the weight of an input that is
one, and what a step needs stays in the cache: windows lie along the last axis, so that a gate is one run of memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


def run_gru(layer: nn.GRU, x: Tensor) -> Tensor:
    """What `layer` makes of x, (window, bin, input) -> (window, bin, width), from hidden states of zero.

    layer: one layer, batch first, with biases, in one direction or two. On a GPU, and where no gradient is wanted,
    torch's own kernels run it. The second derivative is not to be had.
    """
    if x.is_cuda or not torch.is_grad_enabled():
        out: Tensor = layer(x)[0]
        return out
    ways = ("", "_reverse") if layer.bidirectional else ("",)
    inward, onward = (
        torch.stack([torch.column_stack([getattr(layer, f"{kind}_l0{way}") for kind in pair]) for way in ways])
        for pair in (("weight_ih", "bias_ih"), ("weight_hh", "bias_hh"))
    )
    hidden: Tensor = _GRU.apply(x, inward, onward)
    return hidden


class _GRU(torch.autograd.Function):
    """r, z = sigmoid(g_rz + a_rz), n = tanh(g_n + r a_n), h' = n + z (h - n), with g = V [x; 1], a = W [h; 1], h_0 = 0.

    x: (window, bin, input). V: (way, 3 hidden, input + 1). W: (way, 3 hidden, hidden + 1). Returns h, (window, bin,
    way * hidden). Inside, arrays are (bin, way, unit, window), bins in the order in which the way runs through them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, inward: Tensor, onward: Tensor) -> Tensor:
        ways, size = len(onward), onward.shape[2] - 1
        inputs = _with_ones(x.permute(1, 2, 0), ways)
        bins, windows = len(inputs), inputs.shape[3]
        states = x.new_empty(bins + 1, ways, size + 1, windows)
        states[0], states[:, :, size] = 0.0, 1.0
        rz, n, a_n = (x.new_empty(bins, ways, k * size, windows) for k in (2, 1, 1))
        g = x.new_empty(ways, 3 * size, windows)
        (w_rz, w_n), (g_rz, g_n) = (t.split([2 * size, size], dim=1) for t in (onward, g))
        parts = [inputs, states[:-1], a_n, rz, *rz.chunk(2, dim=2), n, states[:-1, :, :size], states[1:, :, :size]]
        for x_t, state, a_t, rz_t, r, z, n_t, h, after in zip(*(p.unbind(0) for p in parts), strict=True):
            torch.bmm(inward, x_t, out=g)
            torch.baddbmm(g_rz, w_rz, state, out=rz_t).sigmoid_()
            torch.bmm(w_n, state, out=a_t)
            torch.addcmul(g_n, r, a_t, out=n_t).tanh_()
            torch.lerp(n_t, h, z, out=after)
        ctx.save_for_backward(inputs, inward, onward, states, a_n, rz, n)
        return _as_one(states[1:, :, :size])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        inputs, inward, onward, states, a_n, rz, n = ctx.saved_tensors
        bins, ways, size, windows = n.shape
        d_inward, d_onward = torch.zeros_like(inward), torch.zeros_like(onward)
        d_g, d_a, d_rz = (n.new_empty(ways, k * size, windows) for k in (3, 3, 2))
        d_h, d_n, carry = (n.new_zeros(ways, size, windows) for _ in range(3))
        (d_g_rz, d_g_n), (d_a_rz, d_a_n) = (t.split([2 * size, size], dim=1) for t in (d_g, d_a))
        d_r, d_z = d_rz.chunk(2, dim=1)
        back, back_in = (w[:, :, :-1].transpose(1, 2).contiguous() for w in (onward, inward))
        d_x = inputs.new_empty(bins, ways, inputs.shape[2] - 1, windows)
        parts = [_split(grad, ways), inputs.transpose(2, 3), states[:-1].transpose(2, 3), states[:-1, :, :size]]
        parts += [a_n, rz, *rz.chunk(2, dim=2), n, d_x]
        steps = zip(*(reversed(p.unbind(0)) for p in parts), strict=True)
        for given, x_t, state, h, a_t, rz_t, r, z, n_t, d_x_t in steps:
            torch.add(given, carry, out=d_h)
            torch.mul(d_h, z, out=carry)
            torch.sub(d_h, carry, out=d_n)
            tanh_backward(d_n, n_t, grad_input=d_g_n)
            torch.mul(d_g_n, r, out=d_a_n)
            torch.mul(d_g_n, a_t, out=d_r)
            torch.sub(h, n_t, out=d_z).mul_(d_h)
            sigmoid_backward(d_rz, rz_t, grad_input=d_a_rz)
            d_g_rz.copy_(d_a_rz)
            carry.baddbmm_(back, d_a)
            d_onward.baddbmm_(d_a, state)
            d_inward.baddbmm_(d_g, x_t)
            torch.bmm(back_in, d_g, out=d_x_t)
        sides = [d_x[:, 0], *(d_x[:, way].flip(0) for way in range(1, ways))]
        return sum(sides[1:], sides[0]).permute(2, 0, 1), d_inward, d_onward


def _with_ones(x: Tensor, ways: int) -> Tensor:
    """(bin, unit, window) -> (bin, way, unit + 1, window); the last unit is 1, the second way's bins are reversed."""
    bins, units, windows = x.shape
    out = x.new_ones(bins, ways, units + 1, windows)
    for way in range(ways):
        out[:, way, :units] = x if way == 0 else x.flip(0)
    return out


def _as_one(h: Tensor) -> Tensor:
    """(bin, way, unit, window) -> (window, bin, way * unit), all bins in the order of time."""
    sides = [h[:, 0], *(h[:, way].flip(0) for way in range(1, h.shape[1]))]
    return torch.cat(sides, dim=1).permute(2, 0, 1).contiguous()


def _split(grad: Tensor, ways: int) -> Tensor:
    """The transpose of `_as_one`."""
    first, *second = grad.permute(1, 2, 0).chunk(ways, dim=1)
    return torch.stack([first, *(side.flip(0) for side in second)], dim=1)
