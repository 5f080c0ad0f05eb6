"""Scores of predicted decisions, for two classes or more.

Each agrees with scikit-learn on the same table. They are written here because the bootstrap needs the parts per trial
or per block, and because scikit-learn has no balanced accuracy within blocks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Labels = NDArray[np.int64]
"""(trial,), index of the class."""
Probabilities = NDArray[np.float64]
"""(trial, class), rows sum to one."""

CLIP = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [CLIP, 1 - CLIP] before their logarithm, as scikit-learn does for float64."""
MIN_TRIALS_PER_BIN = 20
"""Of `calibration_curve`: with fewer trials a bin, there are fewer bins."""


def balanced_accuracy(label: Labels, predicted: Labels) -> float:
    """Return the mean recall over the classes that occur in `label`.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.
    predicted : NDArray of int, shape (trial,)
        Index of the predicted class.

    Returns
    -------
    float
        Balanced accuracy, 0 to 1.

    References
    ----------
    Brodersen et al. 2010, ICPR, 3121.
    """
    classes, index = np.unique(label, return_inverse=True)
    right = np.bincount(index, weights=label == predicted, minlength=len(classes))
    return float(np.mean(right / np.bincount(index)))


def balanced_accuracy_within_blocks(
    label: Labels,
    predicted: Labels,
    block: NDArray[np.int64],
    n_classes: int,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the balanced accuracy of each test block.

    Why within blocks: the class that is frequent in a test block is rare in the training set of its fold, so the
    majority class of the training set tends to be the minority class of the test block. Pooled over folds, a model
    without any information then scores below 1 / n_classes, and any other model "beats" it though the labels are noise.
    Within one block a constant prediction scores exactly 1 / n_classes, whatever it was trained on.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.
    predicted : NDArray of int, shape (trial,)
        Index of the predicted class.
    block : NDArray of int, shape (trial,)
        Number of each trial's test block, from 0.
    n_classes : int
        Number of classes.
    weight : NDArray, shape (trial,), optional
        Weight of each trial within its block and class. None: all alike.

    Returns
    -------
    NDArray, shape (block,)
        Balanced accuracy; NaN where a block lacks one of the classes.
    """
    n_blocks = int(block.max()) + 1 if len(block) else 0
    cell = block * n_classes + label
    size = n_blocks * n_classes
    weight = np.ones(len(label)) if weight is None else weight
    total = np.bincount(cell, weights=weight, minlength=size).reshape(n_blocks, n_classes)
    right = np.bincount(cell, weights=weight * (label == predicted), minlength=size).reshape(n_blocks, n_classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((right / total).mean(axis=1))


def log_loss_per_trial(label: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return -log p(true class) of each trial, probabilities clipped by CLIP.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.
    probabilities : NDArray, shape (trial, class)
        Predicted probabilities; rows sum to one.

    Returns
    -------
    NDArray, shape (trial,)
        Log loss, nats.
    """
    p = np.clip(probabilities[np.arange(len(label)), label], CLIP, 1 - CLIP)
    return np.asarray(-np.log(p))


def log_loss(label: Labels, probabilities: Probabilities) -> float:
    """Return the mean of log_loss_per_trial.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.
    probabilities : NDArray, shape (trial, class)
        Predicted probabilities; rows sum to one.

    Returns
    -------
    float
        Log loss, nats.
    """
    return float(np.mean(log_loss_per_trial(label, probabilities)))


def brier_per_trial(label: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Return the squared distance of the probabilities to the truth, halved for two classes, so that it lies in [0, 1].

    The mean is scikit-learn's brier_score_loss with its default scale_by_half="auto".

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.
    probabilities : NDArray, shape (trial, class)
        Predicted probabilities; rows sum to one.

    Returns
    -------
    NDArray, shape (trial,)
        Brier score of each trial.

    References
    ----------
    Brier 1950, Monthly Weather Review 78:1.
    """
    truth = np.eye(probabilities.shape[1])[label]
    scale = 0.5 if probabilities.shape[1] == 2 else 1.0
    return np.asarray(scale * np.sum((probabilities - truth) ** 2, axis=1))


def no_information_rate(label: Labels) -> float:
    """Return the accuracy of always predicting the most frequent class: the reference for raw accuracy.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.

    Returns
    -------
    float
        Share of the most frequent class.
    """
    return float(np.bincount(label).max() / len(label))


def calibration_curve(label: NDArray[np.int64], probabilities: NDArray[np.float64], n_bins: int = 8) -> pd.DataFrame:
    """Return predicted against observed frequency, in bins of equal numbers of trials.

    Two classes: the probability of the second class. More: the probability of the most probable class, against how
    often it was correct. Trials with equal probabilities stay in one bin, so a model with few values has few bins.

    Parameters
    ----------
    label : NDArray of int, shape (trial,)
        Index of the true class.
    probabilities : NDArray, shape (trial, class)
        Predicted probabilities; rows sum to one.
    n_bins : int
        Largest number of bins.

    Returns
    -------
    pandas.DataFrame
        One row a bin: bin, n, predicted (mean), observed (share), low, high (95 % Clopper-Pearson interval, which
        assumes independent trials: descriptive).

    References
    ----------
    Guo et al. 2017, ICML 70:1321. Clopper & Pearson 1934, Biometrika 26:404.
    """
    from scipy.stats import beta  # slow to import

    if probabilities.shape[1] == 2:
        p, hit = probabilities[:, 1], label == 1
    else:
        p, hit = probabilities.max(axis=1), label == probabilities.argmax(axis=1)
    n_bins = max(2, min(n_bins, len(p) // MIN_TRIALS_PER_BIN))
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1]))
    _, number = np.unique(np.searchsorted(edges, p, side="left"), return_inverse=True)
    n = np.bincount(number)
    hits = np.bincount(number, weights=hit)
    # Clopper-Pearson by its quantiles: scipy.stats.binomtest gives one interval a call, beta.ppf those of all bins.
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
