"""The linear translator: ridge regression of target counts on lagged, smoothed source counts, one per recording.

Hoerl & Kennard 1970, Technometrics 12:55. The baseline that a nonlinear translator has to exceed.
"""

from __future__ import annotations

from typing import Any

from spikebridge.models.parts.linear import Array, LinearTranslator, Single, moments
from spikebridge.regression import relative_penalty, ridge_slope


class Ridge(LinearTranslator):
    """target(t) = b(t) + sum_l W_l smooth(source)(t - l), l in seconds from -max_lag_s to +max_lag_s (two-sided).

    The penalty shrinks the prediction towards the baseline b; rates are at least 5 % of it.
    Windows are handled one by one: beyond a window's edge the nearest bin is repeated.
    """

    name = "ridge"

    def _slope(self, x: Single, y: Single, mean: Array) -> Array:
        p: Any = self.params
        n = x.shape[0] * x.shape[1]
        gram, cross = moments(x, y)
        return ridge_slope(gram / n, cross / n, relative_penalty(gram / n, p.penalty))
