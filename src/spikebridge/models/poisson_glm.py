"""The Poisson generalised linear model of target counts on lagged, smoothed source counts, one per recording.

Truccolo et al. 2005, J Neurophysiol 93:1074; Pillow et al. 2008, Nature 454:995.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from spikebridge.models import base
from spikebridge.models.parts.glm import Array, Design, PoissonTranslator
from spikebridge.models.parts.regressors import MAX_S, lag_bins, lagged_counts
from spikebridge.types import Windows


class PoissonGlm(PoissonTranslator):
    """log rate(t) = log baseline(t) + b + sum_l W_l smooth(source)(t - l): the predictors of ridge, a ridge penalty."""

    name = "poisson_glm"

    class Params(base.Params):
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel")
        max_lag_s: float = Field(0.2, ge=0, le=MAX_S, description="longest lag, either way")
        penalty: float = Field(3.0, gt=0, description="relative to the mean variance of the predictors")

    space = {
        "smoothing_s": ("log", 0.03, 0.3),
        "max_lag_s": ("categorical", 0.0, 0.1, 0.2, 0.4),
        "penalty": ("log", 0.3, 100.0),
    }

    def _sizes(self, n_source: int, n_target: int) -> tuple[int, int]:
        p: Any = self.params
        return len(lag_bins(self.bin_s, p.smoothing_s, p.max_lag_s)) * n_source, 0

    def _design(self, w: Windows, mean: Array) -> Design:
        p: Any = self.params
        return Design([(lagged_counts(w.source, w.bin_s, p.smoothing_s, p.max_lag_s), p.penalty)])
