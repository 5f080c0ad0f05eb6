"""The training loop: which weights are scored and kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikebridge.models.parts.early_stopping import has_ended
from spikebridge.models.parts.loop import Schedule, fit_network


def trained(average_epochs: float, scored: bool) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Weights at the end, weights after each of the 8 steps, weights that were scored."""
    network = nn.Linear(3, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    met: list[Tensor] = []
    looked: list[Tensor] = []

    def loss(batch: object) -> Tensor:
        met.append(network.weight.detach().clone())
        return (network.weight - 3.0).square().sum()

    def score() -> dict[str, float]:
        looked.append(network.weight.detach().clone())
        return {"valid_loss": -float(len(looked))}

    schedule = Schedule(4, 0.1, 0.0, 9, average_epochs=average_epochs)
    fit_network(network, lambda: [0, 1], 2, loss, score if scored else None, schedule, lambda row: None)
    return network.weight.detach(), met[1:], looked


@pytest.mark.parametrize("scored", [True, False])
def test_a_mean_over_all_of_training_is_the_mean_of_all_steps(scored: bool) -> None:
    plain, _, _ = trained(0.0, scored)
    kept, after, looked = trained(100.0, scored)
    torch.testing.assert_close(kept, torch.stack([*after, plain]).mean(dim=0))  # the steps themselves are the same
    if scored:
        torch.testing.assert_close(looked[0], torch.stack(after[:2]).mean(dim=0))
        torch.testing.assert_close(looked[-1], kept)


def test_without_a_mean_the_weights_themselves_are_scored_and_kept() -> None:
    kept, after, looked = trained(0.0, True)
    assert torch.equal(looked[0], after[1]) and torch.equal(looked[-1], kept)
    last, _, _ = trained(0.0, False)
    assert torch.equal(last, kept)


@pytest.mark.parametrize(
    ("losses", "ended"),
    [([], False), ([3.0, 2.0], False), ([3.0, 2.0, 2.0], False), ([3.0, 2.0, 2.5, 2.0], True), ([5.0] * 9, True)],
)
def test_a_fit_ends_after_more_epochs_than_its_patience_without_a_better_one(losses: list[float], ended: bool) -> None:
    assert has_ended(losses, 9, 1) == ended
    assert has_ended(losses, max(len(losses), 1), 99) == (len(losses) > 0)


def test_the_loop_ends_by_that_rule() -> None:
    curve = iter([3.0, 2.0, 2.5, 1.0, 1.5, 1.5, 1.5, 0.0])
    rows: list[dict[str, float]] = []
    network = nn.Linear(1, 1)
    schedule = Schedule(8, 0.1, 0.0, 2)
    fit_network(
        network, lambda: [0], 1, lambda _: network.weight.square().sum(), lambda: {"valid_loss": next(curve)},
        schedule, rows.append,
    )  # fmt: skip
    assert [row["valid_loss"] for row in rows] == [3.0, 2.0, 2.5, 1.0, 1.5, 1.5, 1.5]
