"""Scores of predicted decisions. Each agrees with scikit-learn on the same table, two classes or more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Labels = NDArray[np.int64]
"""(trial,), index of the class."""
Probabilities = NDArray[np.float64]
"""(trial, class), rows sum to one."""

CLIP = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [CLIP, 1 - CLIP] before their logarithm, as scikit-learn does for float64."""


def accuracy(label: Labels, predicted: Labels) -> float:
    """Share of trials predicted right."""
    return float(np.mean(label == predicted))


def balanced_accuracy(label: Labels, predicted: Labels) -> float:
    """Mean recall over the classes that occur in `label` (Brodersen et al. 2010)."""
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
    """Balanced accuracy of each test block, NaN where a block lacks one of the classes.

    Why within blocks: a fold's training set lacks exactly what its test block has too much of, so the majority class
    of the training set tends to be the minority class of the test block. Pooled over folds, a model that knows nothing
    then scores below 1 / n_classes, and any other model "beats" it though the labels are noise. Within one block a
    constant prediction scores exactly 1 / n_classes, whatever it was trained on.

    block: (trial,), number of the block from 0. weight: (trial,), how much each counts within its block and class;
    None: all alike. Returns (block,).
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
    """-log p(true class) of each trial, nats, probabilities clipped by CLIP. Returns (trial,)."""
    p = np.clip(probabilities[np.arange(len(label)), label], CLIP, 1 - CLIP)
    return np.asarray(-np.log(p))


def log_loss(label: Labels, probabilities: Probabilities) -> float:
    """Mean of log_loss_per_trial, nats."""
    return float(np.mean(log_loss_per_trial(label, probabilities)))


def brier_per_trial(label: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Squared distance of the probabilities to the truth (Brier 1950), halved for two classes, where it lies in [0, 1].

    Returns (trial,). scikit-learn's brier_score_loss with its default scale_by_half="auto" is its mean.
    """
    truth = np.eye(probabilities.shape[1])[label]
    scale = 0.5 if probabilities.shape[1] == 2 else 1.0
    return np.asarray(scale * np.sum((probabilities - truth) ** 2, axis=1))


def brier(label: Labels, probabilities: Probabilities) -> float:
    """Mean of brier_per_trial."""
    return float(np.mean(brier_per_trial(label, probabilities)))


def auc(label: Labels, probabilities: Probabilities) -> float:
    """Area under the ROC curve: two classes as one, more as the mean of one-vs-rest over the classes that occur.

    The area is the chance that a trial of the class scores above one of the rest, ties counting half
    (Hanley & McNeil 1982). NaN where only one class occurs.
    """
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [_area(label == k, probabilities[:, k]) for k in classes]
    known = [a for a in areas if np.isfinite(a)]
    return float(np.mean(known)) if known else float("nan")


def _area(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    n = int(positive.sum())
    m = len(positive) - n
    if n == 0 or m == 0:
        return float("nan")
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * m))


def no_information_rate(label: Labels) -> float:
    """Accuracy of always saying the most frequent class: what raw accuracy has to be held against."""
    return float(np.bincount(label).max() / len(label))
