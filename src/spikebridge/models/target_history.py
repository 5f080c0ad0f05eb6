"""Spike history of the target: what predicts its next bin without the source (Poisson GLM; Truccolo et al. 2005).

A translator has to add to it before it shows communication: common input is visible in the target's past too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.models import base
from spikebridge.models.parts.glm import Array, Design, PoissonTranslator
from spikebridge.models.parts.regressors import spike_history
from spikebridge.types import Windows

LONG_FACTOR = 4.0  # the longer time constant over the shorter one


class TargetHistory(PoissonTranslator):
    """log rate(t) = log baseline(t) + b + own history + ridge-penalised history of the whole population.

    History: the last bin (own unit only), and exponentially weighted excess counts with two time constants,
    history_tau_s and four times that, of the bins before t in the same window. Bins at t and after are not used.
    """

    name = "target_history"
    uses_target_past = True
    from_source = False

    class Params(base.Params):
        history_tau_s: float = Field(0.1, gt=0, description="shorter time constant")
        penalty: float = Field(10.0, gt=0, description="on the population's history, relative to its variance")
        self_history_penalty: float = Field(0.1, gt=0, description="on a unit's own history, relative to its variance")

    space = {
        "history_tau_s": ("log", 0.02, 0.5),
        "penalty": ("log", 0.3, 300.0),
        "self_history_penalty": ("log", 0.003, 3.0),
    }

    def _sizes(self, n_source: int, n_target: int) -> tuple[int, int]:
        return 2 * n_target, 3

    def _design(self, w: Windows, mean: Array) -> Design:
        p: Any = self.params
        short, long = (
            spike_history(w.target, mean, float(np.exp(-w.bin_s / (c * p.history_tau_s)))) for c in (1.0, LONG_FACTOR)
        )
        own = np.stack([spike_history(w.target, mean, 0.0), short, long], axis=2)
        return Design([(np.concatenate([short, long], axis=2), p.penalty)], own, p.self_history_penalty)
