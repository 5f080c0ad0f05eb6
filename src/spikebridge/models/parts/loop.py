"""The training loop of all networks: AdamW, one-cycle learning rate, early stopping on a validation score."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikebridge.models.base import OnEpoch


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
    share no weights; the gradient of each is clipped separately.
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    total = max(1, schedule.max_epochs * steps_per_epoch)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _one_cycle(step / total, schedule.warm_up))
    best, best_weights, waited = math.inf, None, 0
    weights = list(network.parameters())
    averaged = [w.detach().clone() for w in weights] if schedule.average_epochs else []
    horizon, taken = schedule.average_epochs * steps_per_epoch, 0
    for epoch in range(schedule.max_epochs):
        network.train()
        summed, n = 0.0, 0
        for batch in batches():
            optimiser.zero_grad(set_to_none=True)
            value = loss(batch)
            value.backward()
            for part in independent or (network,):
                nn.utils.clip_grad_norm_(part.parameters(), schedule.clip)
            optimiser.step()
            scheduler.step()
            taken += 1
            for mean, w in zip(averaged, weights, strict=False):
                mean.lerp_(w.detach(), 1 / max(1.0, min(taken, horizon)))
            summed, n = summed + float(value.detach()), n + 1
        row = {"epoch": float(epoch), "train_loss": summed / max(n, 1)}
        if score is not None:
            network.eval()
            _swap(weights, averaged)
            with torch.no_grad():
                row |= score()
            if row["valid_loss"] < best:
                best, best_weights, waited = row["valid_loss"], copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
            _swap(weights, averaged)
        on_epoch(row)
        if waited > schedule.patience:
            break
    if best_weights is None:
        _swap(weights, averaged)
    else:
        network.load_state_dict(best_weights)
    network.eval()


def _swap(weights: Sequence[Tensor], averaged: Sequence[Tensor]) -> None:
    """Swap weights with their means, if there are means."""
    for w, mean in zip(weights, averaged, strict=False):
        w.data, kept = mean.clone(), w.data
        mean.copy_(kept)


def _one_cycle(done: float, warm_up: float) -> float:
    """Factor on the peak learning rate after a share `done` of the steps."""
    if done < warm_up:
        return 0.1 + 0.9 * done / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm_up) / (1 - warm_up))))
