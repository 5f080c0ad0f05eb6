"""The linear translator: ridge regression of target counts on lagged, smoothed source counts, one a recording.

Hoerl & Kennard 1970. The yardstick that a nonlinear translator has to beat.
"""

from __future__ import annotations

from typing import Any

from spikebridge.models.parts.linear import Array, LinearTranslator
from spikebridge.regression import relative_penalty, ridge_slope


class Ridge(LinearTranslator):
    """target(t) = b + sum_l W_l smooth(source)(t - l), l in seconds from -reach to +reach (smoothing two-sided).

    The prediction is drawn towards the unit's mean (with `psth`: its course in a trial) by the penalty, and floored at
    5 % of the mean. Windows are handled apart: beyond a window's edge the nearest bin stands in.
    """

    name = "ridge"

    def _slope(self, x: Array, y: Array, mean: Array) -> Array:
        p: Any = self.params
        x, y = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])
        gram = x.T @ x / len(x)
        return ridge_slope(gram, x.T @ y / len(x), relative_penalty(gram, p.penalty))
