"""Our optimiser against torch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikebridge.models.parts.adamw import AdamW

CLIP, DECAY = 0.3, 0.05


def networks() -> list[nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double() for _ in range(2)]


def losses(modules: list[nn.Module], step: int, turns: bool) -> Tensor:
    """turns: the last layer of the first module gets a gradient in every second step only."""
    x = torch.full((5, 3), 0.3 * step - 1.0, dtype=torch.double)
    first, second = modules[0](x) if not turns or step % 2 else modules[0][0](x), modules[1](x)  # type: ignore[index]
    return (first - 2.0).square().sum() + 0.01 * (second + 1.0).square().sum()


@pytest.mark.parametrize("turns", [False, True])
def test_steps_are_those_of_torch_with_the_gradient_of_each_module_clipped(turns: bool) -> None:
    ours, theirs = networks(), networks()
    optimiser = AdamW(ours, DECAY, CLIP)
    reference = torch.optim.AdamW([w for module in theirs for w in module.parameters()], lr=1.0, weight_decay=DECAY)
    for step in range(7):
        rate = 0.02 * (1 + step)
        optimiser.forget_gradients()
        losses(ours, step, turns).backward()
        optimiser.step(rate)
        reference.zero_grad()
        losses(theirs, step, turns).backward()
        for module in theirs:
            nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        reference.param_groups[0]["lr"] = rate
        reference.step()
    for a, b in zip(ours, theirs, strict=True):
        for parameter, expected in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(parameter, expected, rtol=1e-10, atol=1e-12)


def test_loaded_weights_are_the_modules_and_the_next_step_begins_at_its_own() -> None:
    modules = networks()
    optimiser = AdamW(modules, DECAY, CLIP)
    before = optimiser.flat.clone()
    optimiser.load(torch.zeros_like(before))
    assert all((w == 0).all() for module in modules for w in module.parameters())
    losses(modules, 1, False).backward()
    optimiser.step(0.0)
    assert torch.equal(optimiser.flat, before)
    assert torch.equal(torch.cat([w.detach().flatten() for module in modules for w in module.parameters()]), before)
