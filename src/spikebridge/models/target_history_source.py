"""Spike history of the target and source counts: what the source adds to `target_history`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from spikebridge.models.parts.glm import Array, Design
from spikebridge.models.parts.regressors import MAX_S, lag_bins, lagged_counts
from spikebridge.models.target_history import TargetHistory
from spikebridge.types import Windows


class TargetHistorySource(TargetHistory):
    """target_history with the lagged, smoothed source counts of poisson_glm, with a separate penalty."""

    name = "target_history_source"

    class Params(TargetHistory.Params):
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel on the source")
        max_lag_s: float = Field(0.2, ge=0, le=MAX_S, description="longest lag of the source, either way")
        source_penalty: float = Field(10.0, gt=0, description="relative to the mean variance of the source")

    space = {
        **TargetHistory.space,
        "smoothing_s": ("log", 0.03, 0.3),
        "max_lag_s": ("categorical", 0.0, 0.1, 0.2, 0.4),
        "source_penalty": ("log", 0.3, 300.0),
    }

    def _sizes(self, n_source: int, n_target: int) -> tuple[int, int]:
        p: Any = self.params
        x, own = super()._sizes(n_source, n_target)
        return x + len(lag_bins(self.bin_s, p.smoothing_s, p.max_lag_s)) * n_source, own

    def _design(self, w: Windows, mean: Array) -> Design:
        p: Any = self.params
        history = super()._design(w, mean)
        source = lagged_counts(w.source, w.bin_s, p.smoothing_s, p.max_lag_s)
        return Design([*history.blocks, (source, p.source_penalty)], history.own, history.own_penalty)
