"""The linear translator: ridge regression of target counts on lagged, smoothed source counts, one per recording.

Hoerl & Kennard 1970, Technometrics 12:55. The baseline that a nonlinear translator has to exceed.
"""

from __future__ import annotations

from typing import Any

from spikebridge.models.parts.linear import Array, LinearTranslator
from spikebridge.regression import relative_penalty, ridge_slope


class Ridge(LinearTranslator):
    """target(t) = b(t) + sum_l W_l smooth(source)(t - l), l in seconds from -max_lag_s to +max_lag_s (two-sided).

    The penalty shrinks the prediction towards the baseline b; rates are at least 5 % of it.
    Windows are handled one by one: beyond a window's edge the nearest bin is repeated.
    """

    name = "ridge"

    def _slope(self, x: Array, y: Array, mean: Array) -> Array:
        p: Any = self.params
        x, y = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])
        gram = x.T @ x / len(x)
        return ridge_slope(gram, x.T @ y / len(x), relative_penalty(gram, p.penalty))
