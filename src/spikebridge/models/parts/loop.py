"""One training loop for every network: AdamW, one-cycle rate, early stopping on a validation score."""

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
    """epochs: at most so many. rate: peak of the one-cycle learning rate (Smith & Topin 2019). patience: in epochs."""

    epochs: int
    rate: float
    weight_decay: float
    patience: int
    warm_up: float = 0.15
    clip: float = 1.0


def fit_network(
    network: nn.Module,
    batches: Callable[[], Iterable[object]],
    steps_per_epoch: int,
    loss: Callable[[object], Tensor],
    score: Callable[[], dict[str, float]] | None,
    schedule: Schedule,
    on_epoch: OnEpoch,
    members: Sequence[nn.Module] = (),
) -> None:
    """Minimise `loss` over `batches`; keep the weights of the epoch with the lowest score()["valid_loss"].

    Without a `score` every epoch is run and the last weights are kept. members: parts of the network that share
    nothing; the gradient of each is clipped by itself.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay, fused=True)
    total = max(1, schedule.epochs * steps_per_epoch)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _one_cycle(step / total, schedule.warm_up))
    best, best_weights, waited = math.inf, None, 0
    for epoch in range(schedule.epochs):
        network.train()
        summed, n = 0.0, 0
        for batch in batches():
            optimiser.zero_grad(set_to_none=True)
            value = loss(batch)
            value.backward()
            for part in members or (network,):
                nn.utils.clip_grad_norm_(part.parameters(), schedule.clip)
            optimiser.step()
            rates.step()
            summed, n = summed + float(value.detach()), n + 1
        row = {"epoch": float(epoch), "train_loss": summed / max(n, 1)}
        if score is not None:
            network.eval()
            with torch.no_grad():
                row |= score()
            if row["valid_loss"] < best:
                best, best_weights, waited = row["valid_loss"], copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
        on_epoch(row)
        if waited > schedule.patience:
            break
    if best_weights is not None:
        network.load_state_dict(best_weights)
    network.eval()


def _one_cycle(done: float, warm_up: float) -> float:
    if done < warm_up:
        return 0.1 + 0.9 * done / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm_up) / (1 - warm_up))))
