"""The training loop of all networks: AdamW, one-cycle learning rate, early stopping on a validation score."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.adamw import AdamW
from spikebridge.models.parts.early_stopping import has_ended


@dataclass(frozen=True)
class Schedule:
    """max_epochs: of training. learning_rate: peak of the one-cycle schedule (Smith & Topin 2019). patience: epochs.

    average_epochs: the weights that are scored and kept are an exponential mean of those of the steps, over about this
    many epochs (Polyak & Juditsky 1992); 0 for the weights themselves. warm_up: share of the steps in which the
    learning rate rises. clip: largest norm of the gradient.
    """

    max_epochs: int
    learning_rate: float
    weight_decay: float
    patience: int
    warm_up: float = 0.15
    average_epochs: float = 0.0
    clip: float = 1.0


def fit_network(
    network: nn.Module,
    batches: Callable[[], Iterable[object]],
    steps_per_epoch: int,
    loss: Callable[[object], Tensor],
    score: Callable[[], dict[str, float]] | None,
    schedule: Schedule,
    on_epoch: OnEpoch,
    independent: Sequence[nn.Module] = (),
) -> None:
    """Minimise `loss` over `batches`; keep the weights of the epoch with the lowest score()["valid_loss"].

    Without a `score` every epoch is run and the last weights are kept. independent: parts of the network that
    share no weights and hold all that is trained; the gradient of each is clipped separately.
    """
    optimiser = AdamW(independent or (network,), schedule.weight_decay, schedule.clip)
    total = max(1, schedule.max_epochs * steps_per_epoch)
    losses: list[float] = []
    best_weights = None
    kept = optimiser.flat.clone() if schedule.average_epochs else optimiser.flat  # what is scored
    horizon, taken = schedule.average_epochs * steps_per_epoch, 0
    for epoch in range(schedule.max_epochs):
        network.train()
        summed, n = 0.0, 0
        for batch in batches():
            optimiser.forget_gradients()
            value = loss(batch)
            value.backward()
            optimiser.step(schedule.learning_rate * _one_cycle(taken / total, schedule.warm_up))
            taken += 1
            if schedule.average_epochs:
                kept.lerp_(optimiser.flat, 1 / max(1.0, min(taken, horizon)))
            summed, n = summed + float(value.detach()), n + 1
        row = {"epoch": float(epoch), "train_loss": summed / max(n, 1)}
        if score is not None:
            network.eval()
            optimiser.load(kept)
            with torch.no_grad():
                row |= score()
            if row["valid_loss"] < min(losses, default=math.inf):
                best_weights = kept.clone()
            losses.append(row["valid_loss"])
            optimiser.load(optimiser.flat)
        on_epoch(row)
        if has_ended(losses, schedule.max_epochs, schedule.patience):
            break
    optimiser.load(kept if best_weights is None else best_weights)
    optimiser.forget_gradients()
    network.eval()


def _one_cycle(done: float, warm_up: float) -> float:
    """Factor on the peak learning rate after a share `done` of the steps."""
    if done < warm_up:
        return 0.1 + 0.9 * done / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm_up) / (1 - warm_up))))
