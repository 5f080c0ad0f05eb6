"""The loss of the translator against torch's own, and its gradient against recorded ones."""

from __future__ import annotations

import pytest
import torch

from spikebridge.models.seq2seq.network import poisson_loss


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_value_and_gradients_are_those_of_torch(penalty: float) -> None:
    generator = torch.Generator().manual_seed(0)
    modulation, log_offset = (torch.randn(4, 5, 3, dtype=torch.double, generator=generator) for _ in range(2))
    counts = torch.poisson(torch.ones(4, 5, 3, dtype=torch.double), generator=generator)
    bias = torch.randn(3, dtype=torch.double, generator=generator)
    inputs = modulation.requires_grad_(), bias.requires_grad_()
    theirs = torch.nn.functional.poisson_nll_loss(modulation + log_offset, counts, reduction="sum")
    theirs = theirs + penalty * (modulation - bias).square().sum()
    ours = poisson_loss(modulation, log_offset, counts, bias, penalty)
    torch.testing.assert_close(ours, theirs)
    wanted = torch.autograd.grad(theirs / 7, inputs, allow_unused=True, materialize_grads=True)
    for a, b in zip(torch.autograd.grad(ours / 7, inputs), wanted, strict=True):
        torch.testing.assert_close(a, b)
