"""The receiver operating characteristic of a decision between two classes, from scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RocCurve:
    """The curve over all thresholds.

    Parameters
    ----------
    false_share, true_share : NDArray, shape (threshold,)
        Share of the other class that is mistaken, and of the first class that is recognised; both rise from 0 to 1.
    area : float
        Under the curve, ties counting a half.
    """

    false_share: NDArray[np.float64]
    true_share: NDArray[np.float64]
    area: float


def roc_curve(positive: NDArray[np.bool_], evidence: NDArray[np.float64]) -> RocCurve | None:
    """Return the curve of evidence for a class.

    Parameters
    ----------
    positive : NDArray of bool, shape (trial,)
        Whether a trial is of the class.
    evidence : NDArray of float, shape (trial,)
        Larger means that the class is more likely.

    Returns
    -------
    RocCurve or None
        Ties are one step; None where all trials are of one kind.

    References
    ----------
    Hanley & McNeil 1982, Radiology 143:29.
    """
    if positive.all() or not positive.any():
        return None
    from sklearn import metrics

    false, true, _ = metrics.roc_curve(positive, evidence, drop_intermediate=False)
    return RocCurve(false, true, float(metrics.auc(false, true)))
