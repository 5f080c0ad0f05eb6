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
        return float(np.quantile(self.null, 0.95)) if len(self.null) else float("nan")


def at_least(null: NDArray[np.float64], observed: float) -> NDArray[np.bool_]:
    """Where the null reaches the observed score, equal sums in another order of addition counting as equal."""
    return np.asarray(null >= observed - 1e-12 * max(1.0, abs(observed)))
