"""A second read-out of decisions: extremely randomised trees, averaged with the logistic one.

A logistic read-out of a few latents misses what is not linear in them; trees find that but blur what is. The mean of
their log odds (a logarithmic opinion pool, Genest & Zidek 1986) loses to neither by much. Trees: Geurts et al. 2006,
Machine Learning 63:3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_means
from spikebridge.models.parts.forest import Forest, from_sklearn

MIN_LEAF = 5
MAX_FEATURES = 0.5
LEAST = 1e-3  # probability, so that no read-out alone can rule a class out
Array = NDArray[np.floating]


def features(latents: Array, more: Array) -> NDArray[np.float64]:
    """(trial, feature): the mean of latents (trial, bin, latent) over the window, and `more`, (trial, feature)."""
    return np.hstack([segment_means(latents, 1), more]).astype(np.float64)


def grow(x: Array, label: NDArray[np.int64], trees: int, seed: int) -> Forest | None:
    """A forest on features (trial, feature), classes weighted alike; None where the labels are of one class."""
    from sklearn.ensemble import ExtraTreesClassifier

    if len(np.unique(label)) < 2:
        return None
    forest = ExtraTreesClassifier(
        trees,
        min_samples_leaf=MIN_LEAF,
        max_features=MAX_FEATURES,
        class_weight="balanced",
        random_state=seed,
        n_jobs=1,
    )
    return from_sklearn(forest.fit(x, label))


def pooled(forest: Forest, x: Array, share: Array, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """(trial, class): mean of the log odds of a forest and of another read-out's probabilities.

    share: (class,), of the labels that both learned from; the forest, grown with classes weighted alike, takes it as
    its prior. Classes that the forest has not met keep the other's probability.
    """
    if not len(x):
        return probabilities
    present = forest.classes
    own = np.maximum(forest.predict_proba(x), LEAST) * share[present]
    others = probabilities[:, present]
    both = np.sqrt(own / own.sum(axis=1, keepdims=True) * np.maximum(others / others.sum(axis=1, keepdims=True), 1e-12))
    out = probabilities.copy()
    out[:, present] = both / both.sum(axis=1, keepdims=True) * others.sum(axis=1, keepdims=True)
    return out
