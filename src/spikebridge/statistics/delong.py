"""DeLong's test of the difference between two areas under the ROC curve, on the same trials.

Assumptions: trials are independent. Trials of a session are not, so p is too small and the interval too narrow. Readers
ask for this test, so it is reported as descriptive beside the cluster bootstrap (DeLong et al. 1988; in n log n by
midranks: Sun & Xu 2014). Written by hand: neither scipy nor scikit-learn nor statsmodels has it.

More than two classes: the mean of one-vs-rest areas, as metrics.clustered.auc computes it. Every trial
is then a positive for its class and a negative for all other classes; the variance is that of the mean of the areas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DeLong:
    """Result of `delong`.

    Parameters
    ----------
    auc_a, auc_b : float
        Areas under the two ROC curves.
    estimate : float
        Area of a minus area of b.
    se : float
        Standard error of the estimate. NaN where a class has fewer than two trials, as are p and the interval.
    p : float
        Two-sided p of the normal approximation.
    ci_low, ci_high : float
        Confidence interval of the estimate.
    """

    auc_a: float
    auc_b: float
    estimate: float
    se: float
    p: float
    ci_low: float
    ci_high: float


def delong(label: NDArray[np.int64], score_a: Array, score_b: Array, alpha: float = 0.05) -> DeLong:
    """Return the difference of two areas under the ROC curve, with standard error, p and interval.

    Trial i of class c has the part h_i = (1 / K) (V10_c(i) / n_c + sum_{k != c} V01_k(i) / (n - n_k)) of the area, with
    V10_k(i) the share of the rest that i beats, V01_k(i) the share of class k that beats i, ties half, and K classes
    (two: only the second one). Var = sum_c n_c var(h_a - h_b within class c); DeLong's S10/m + S01/n for two.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of each trial's class.
    score_a, score_b : NDArray, shape (trial, class)
        Scores of the two models, higher for a more probable class.
    alpha : float
        One minus the level of the interval.

    Returns
    -------
    DeLong
        Areas, difference, p and interval.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837. Sun & Xu 2014, IEEE Signal Processing Letters 21:1389.
    """
    (auc_a, parts_a), (auc_b, parts_b) = structural(label, score_a), structural(label, score_b)
    count = np.bincount(label)
    present = np.flatnonzero(count)
    estimate, nan = auc_a - auc_b, math.nan
    if len(present) < 2 or count[present].min() < 2:
        return DeLong(auc_a, auc_b, estimate, nan, nan, nan, nan)
    difference = parts_a - parts_b
    se = math.sqrt(sum(count[c] * float(difference[label == c].var(ddof=1)) for c in present))
    if se == 0:
        return DeLong(auc_a, auc_b, estimate, 0.0, float(estimate == 0), estimate, estimate)
    reach = float(special.ndtri(1 - alpha / 2)) * se
    p = float(2 * special.ndtr(-abs(estimate) / se))
    return DeLong(auc_a, auc_b, estimate, se, p, estimate - reach, estimate + reach)


def structural(label: NDArray[np.int64], score: Array) -> tuple[float, Array]:
    """Return the area and every trial's part h of it, shape (trial,); see `delong`.

    For two classes the parts of each class sum to the area. NaN where only one class occurs.
    """
    from scipy.stats import rankdata  # slow to import

    candidates = [1] if score.shape[1] == 2 else range(score.shape[1])
    classes = [k for k in candidates if 0 < int((label == k).sum()) < len(label)]
    parts, areas = np.zeros(len(label)), []
    for k in classes:
        positive = label == k
        m, n = int(positive.sum()), int((~positive).sum())
        everywhere = rankdata(score[:, k])
        among_own = np.empty(len(label))
        among_own[positive], among_own[~positive] = rankdata(score[positive, k]), rankdata(score[~positive, k])
        beats = everywhere - among_own  # trials of the other side below it, ties half
        parts[positive] += beats[positive] / n / m
        parts[~positive] += (1 - beats[~positive] / m) / n
        areas.append(float(beats[positive].sum() / (m * n)))
    if not areas:
        return math.nan, np.full(len(label), math.nan)
    return float(np.mean(areas)), parts / len(areas)
