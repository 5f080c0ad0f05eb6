"""What training minimises, and its gradient in one go: few passes over arrays that are as large as the counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def poisson_loss(modulation: Tensor, known: Tensor, counts: Tensor, bias: Tensor, penalty: float) -> Tensor:
    """Negative Poisson log likelihood, up to a constant, of log rate = modulation + known, and the penalty of `bias`.

    sum(rate - counts * log rate) + penalty * sum((modulation - bias)^2). modulation, known, counts: (window, bin,
    unit); the first has the bias in it. bias: (unit,).
    """
    value: Tensor = _PoissonLoss.apply(modulation, known, counts, bias, penalty)
    return value


class _PoissonLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, modulation: Tensor, known: Tensor, counts: Tensor, bias: Tensor, penalty: float) -> Tensor:
        log_rate, away = modulation + known, modulation - bias
        slope = log_rate.exp()
        value = slope.sum() - torch.dot(counts.flatten(), log_rate.flatten())
        slope.sub_(counts)
        if penalty:
            value = value + penalty * torch.dot(away.flatten(), away.flatten())
            slope.add_(away, alpha=2 * penalty)
        ctx.save_for_backward(slope, -2 * penalty * away.sum(dim=(0, 1)))
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slope, of_bias = ctx.saved_tensors
        return slope * grad, None, None, of_bias * grad, None
