"""When a fit that is stopped early ends: one rule, for the training loop and for those who follow a fit.

Without torch, so that the tuner can know the rule in a process that trains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def has_ended(losses: Sequence[float], max_epochs: int, patience: int) -> bool:
    """Whether no epoch follows: all are done, or more than `patience` passed since the best one.

    losses: of the validation windows after each epoch so far. An epoch is better if its loss is below all before it.
    """
    if len(losses) >= max_epochs:
        return True
    best, waited = math.inf, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
    return waited > patience
