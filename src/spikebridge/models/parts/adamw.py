"""AdamW (Loshchilov & Hutter 2019, ICLR) with clipped gradients, for networks whose layers are small.

Kept by hand: torch's optimiser takes longer over the calls for forty small arrays than over their numbers, and loads
its compiler, which takes a second. Here all weights lie in one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
MIN_NORM = 1e-6  # of a gradient that is clipped


class AdamW:
    """Steps of the weights of modules that share none; the gradient of each module is clipped separately.

    modules: what is trained. weight_decay: times the learning rate, the share of each weight that a step takes off.
    clip: largest norm of the gradient of a module. Like in torch, a weight without a gradient takes no step.

    flat: (weight,), all weights after the last step. The modules' own can be others, see `load`.
    """

    def __init__(self, modules: Sequence[nn.Module], weight_decay: float, clip: float) -> None:
        of_modules = [list(module.parameters()) for module in modules]
        self.weights = [w for own in of_modules for w in own]
        self.ends = [sum(map(len, of_modules[: k + 1])) for k in range(len(of_modules))]
        self.sizes = [w.numel() for w in self.weights]
        self.weight_decay, self.clip = weight_decay, clip
        self.flat = torch.cat([w.detach().flatten() for w in self.weights])
        self.mean, self.square = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.steps = [0] * len(self.weights)

    def forget_gradients(self) -> None:
        for w in self.weights:
            w.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step with this learning rate."""
        start = 0
        for end in self.ends:
            runs = [(first, last, self._gradient(first, last)) for first, last in self._runs(start, end)]
            if runs:
                norm = torch.stack([gradient.square().sum() for _, _, gradient in runs]).sum().sqrt()
                share = (self.clip / (norm + MIN_NORM)).clamp(max=1.0)
                for first, last, gradient in runs:
                    self._step(first, last, gradient.mul_(share), rate)
            start = end
        self.load(self.flat)

    @torch.no_grad()
    def load(self, flat: Tensor) -> None:
        """Give the modules these weights; the next step begins at `flat` of this object all the same."""
        for w, values in zip(self.weights, flat.split(self.sizes), strict=True):
            w.copy_(values.view_as(w))

    def _runs(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """(first, last) numbers of weights that follow each other, have a gradient and took as many steps."""
        first = start
        for k in range(start, end):
            if self.weights[k].grad is None:
                if first < k:
                    yield first, k
                first = k + 1
            elif first < k and self.steps[k] != self.steps[first]:
                yield first, k
                first = k
        if first < end:
            yield first, end

    def _gradient(self, first: int, last: int) -> Tensor:
        return torch.cat([w.grad.flatten() for w in self.weights[first:last] if w.grad is not None])

    def _step(self, first: int, last: int, gradient: Tensor, rate: float) -> None:
        begin = sum(self.sizes[:first])
        here = slice(begin, begin + len(gradient))
        taken = self.steps[first] + 1
        self.steps[first:last] = [taken] * (last - first)
        flat, mean, square = self.flat[here], self.mean[here], self.square[here]
        flat.mul_(1 - rate * self.weight_decay)
        mean.lerp_(gradient, 1 - BETA_1)
        square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        scale = square.sqrt().div_((1 - BETA_2**taken) ** 0.5).add_(EPSILON)
        flat.addcdiv_(mean, scale, value=-rate / (1 - BETA_1**taken))
