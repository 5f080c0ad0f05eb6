"""Do trials that were given a probability of 0.7 come out right seven times in ten?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

FEWEST = 20
"""Trials in a bin: with fewer, bins are made fewer."""


def calibration_curve(label: NDArray[np.int64], probabilities: NDArray[np.float64], n_bins: int = 8) -> pd.DataFrame:
    """Predicted against observed frequency, in bins of equal numbers of trials.

    Two classes: the probability of the second class. More: the probability of the most likely class, against how often
    it was right (Guo et al. 2017). Ties are never parted, so a model of few values has few bins.

    label: (trial,). probabilities: (trial, class).
    Returns one row a bin: bin, n, predicted (mean), observed (share), low, high (95 % Clopper-Pearson, which takes
    trials for independent: descriptive).
    """
    if probabilities.shape[1] == 2:
        p, hit = probabilities[:, 1], label == 1
    else:
        p, hit = probabilities.max(axis=1), label == probabilities.argmax(axis=1)
    n_bins = max(2, min(n_bins, len(p) // FEWEST))
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1]))
    _, number = np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)
    n = np.bincount(number)
    hits = np.bincount(number, weights=hit)
    return pd.DataFrame(
        {
            "bin": np.arange(len(n)),
            "n": n,
            "predicted": np.bincount(number, weights=p) / n,
            "observed": hits / n,
            "low": np.where(hits > 0, beta.ppf(0.025, hits, n - hits + 1), 0.0),
            "high": np.where(hits < n, beta.ppf(0.975, hits + 1, n - hits), 1.0),
        }
    )


def expected_calibration_error(curve: pd.DataFrame) -> float:
    """Mean gap between predicted and observed, weighted by trials (Naeini et al. 2015)."""
    return float(np.average((curve["predicted"] - curve["observed"]).abs(), weights=curve["n"]))
