"""The quick way through a GRU layer against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikebridge.models.seq2seq.cores.gru import run_gru


def layer_and_input(two_sided: bool, windows: int, bins: int) -> tuple[nn.GRU, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.GRU(5, 7, batch_first=True, bidirectional=two_sided).double()
        return layer, torch.randn(windows, bins, 5, dtype=torch.double, requires_grad=True)


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize(("windows", "bins"), [(3, 11), (1, 1), (64, 2)])
def test_output_and_every_gradient_are_those_of_torch(two_sided: bool, windows: int, bins: int) -> None:
    layer, x = layer_and_input(two_sided, windows, bins)
    gradients = []
    for out in (layer(x)[0], run_gru(layer, x)):
        layer.zero_grad()
        x.grad = None
        (out * torch.arange(out.numel(), dtype=torch.double).view_as(out).sin()).sum().backward()
        gradients.append([out.detach(), x.grad, *(p.grad for p in layer.parameters())])
    for theirs, ours in zip(*gradients, strict=True):
        assert theirs.abs().max() > 0 or bins == 1  # after one bin nothing has passed through the hidden state
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    layer, x = layer_and_input(True, 2, 3)
    assert torch.autograd.gradcheck(lambda x: run_gru(layer, x), (x,))


def test_without_gradients_it_says_the_same() -> None:
    layer, x = layer_and_input(True, 4, 6)
    with torch.no_grad():
        quiet = run_gru(layer, x)
    torch.testing.assert_close(quiet, run_gru(layer, x).detach(), rtol=1e-12, atol=1e-12)
