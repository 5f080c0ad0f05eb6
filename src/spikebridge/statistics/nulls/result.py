"""What every null answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class NullResult:
    """observed: the score. null: (draw,), scores under the null. smallest: the smallest p that it can give."""

    observed: float
    null: NDArray[np.float64]
    p: float
    smallest: float

    @property
    def null_mean(self) -> float:
        return float(np.mean(self.null)) if len(self.null) else float("nan")

    @property
    def null_high(self) -> float:
        """The 95 % quantile of the null."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.null, share)) if len(self.null) else float("nan")


def at_least(null: NDArray[np.float64], observed: float) -> NDArray[np.bool_]:
    """Where the null reaches the observed score, equal sums in another order of addition counting as equal."""
    return np.asarray(null >= observed - 1e-12 * max(1.0, abs(observed)))


def sampled(observed: float, null: NDArray[np.float64], arrangements: float = np.inf) -> NullResult:
    """p = (1 + draws that reach the observed score) / (1 + draws), which is never 0 (Phipson & Smyth 2010).

    null: (draw,), scores of random draws; NaN counts as reaching the observed one. arrangements: how many different
    draws there are, the observed one among them: p is not below one of their number, however often they are drawn.
    NaN where the observed score is.
    """
    smallest = max(1 / (1 + len(null)), 1 / arrangements)
    known = null[np.isfinite(null)]
    if not np.isfinite(observed):
        return NullResult(observed, known, float("nan"), smallest)
    hits = int(np.count_nonzero(at_least(null, observed) | ~np.isfinite(null)))
    return NullResult(observed, known, max((1 + hits) / (1 + len(null)), smallest), smallest)
