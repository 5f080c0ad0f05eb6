"""The result of every null, and p from random draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class NullResult:
    """Result of a null.

    Parameters
    ----------
    observed : float
        Score of the data.
    null : NDArray, shape (draw,)
        Scores under the null hypothesis.
    p : float
        p of the observed score.
    smallest : float
        Smallest p that the null can give.
    """

    observed: float
    null: NDArray[np.float64]
    p: float
    smallest: float

    @property
    def null_mean(self) -> float:
        """Mean of the null distribution; NaN without draws."""
        return float(np.mean(self.null)) if len(self.null) else float("nan")

    @property
    def null_high(self) -> float:
        """The 95 % quantile of the null."""
        return self.quantile(0.95)

    def quantile(self, share: float) -> float:
        """Return a quantile of the null distribution.

        Parameters
        ----------
        share : float
            Share of draws below the quantile.

        Returns
        -------
        float
            The quantile, in the unit of the score; NaN without draws.
        """
        return float(np.quantile(self.null, share)) if len(self.null) else float("nan")


def at_least(null: NDArray[np.float64], observed: float) -> NDArray[np.bool_]:
    """Where the null reaches the observed score, equal sums in another order of addition counting as equal."""
    return np.asarray(null >= observed - 1e-12 * max(1.0, abs(observed)))


def sampled(observed: float, null: NDArray[np.float64], arrangements: float = np.inf) -> NullResult:
    """Return the result of random draws.

    p = (1 + draws that reach the observed score) / (1 + draws), which is never 0 (Phipson & Smyth 2010). null: (draw,),
    scores of the draws; NaN counts as reaching the observed score. arrangements: number of different draws, the
    observed one among them: p is at least one over it, however many draws are made. p is NaN where the observed score
    is.
    """
    smallest = max(1 / (1 + len(null)), 1 / arrangements)
    known = null[np.isfinite(null)]
    if not np.isfinite(observed):
        return NullResult(observed, known, float("nan"), smallest)
    hits = int(np.count_nonzero(at_least(null, observed) | ~np.isfinite(null)))
    return NullResult(observed, known, max((1 + hits) / (1 + len(null)), smallest), smallest)
