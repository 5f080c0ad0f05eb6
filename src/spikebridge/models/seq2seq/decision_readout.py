"""The forest of the decision read-out, and its mean with the logistic part.

A logistic read-out of a few latents misses what is not linear in them; trees (Geurts et al. 2006, Machine Learning
63:3) find that but blur what is. The mean of their log odds (a logarithmic opinion pool, Genest & Zidek 1986, Stat Sci
1:114) is hardly worse than either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_means
from spikebridge.models.parts.forest import Forest, from_sklearn

MIN_SAMPLES_LEAF = 5
MAX_FEATURES = 0.5
MIN_PROBABILITY = 1e-3  # of a class according to the forest, so that it cannot rule a class out alone
Array = NDArray[np.float64]


def forest_features(latents: NDArray[np.floating], additional: NDArray[np.floating]) -> Array:
    """(trial, feature): the mean of latents (trial, bin, latent) over the window, and `additional`."""
    return np.hstack([segment_means(latents, 1), additional]).astype(np.float64)


def grow_forest(x: Array, label: NDArray[np.int64], n_estimators: int, seed: int) -> Forest | None:
    """Extremely randomised trees on features (trial, feature), classes weighted equally; None for a single class."""
    from sklearn.ensemble import ExtraTreesClassifier

    if len(np.unique(label)) < 2:
        return None
    forest = ExtraTreesClassifier(
        n_estimators,
        min_samples_leaf=MIN_SAMPLES_LEAF,
        max_features=MAX_FEATURES,
        class_weight="balanced",
        random_state=seed,
        n_jobs=1,
    )
    return from_sklearn(forest.fit(x, label))


def pool_with_forest(forest: Forest, x: Array, share: Array, probabilities: Array) -> Array:
    """(trial, class): mean of the log odds of a forest on features x (trial, feature) and of another read-out.

    share: (class,), of the training labels; it is the prior of the forest, which was grown with classes weighted
    equally. Classes that the forest does not know keep the other read-out's probability.
    """
    if not len(x):
        return probabilities
    present = forest.classes
    own = np.maximum(forest.predict_proba(x), MIN_PROBABILITY) * share[present]
    others = probabilities[:, present]
    both = np.sqrt(own / own.sum(axis=1, keepdims=True) * np.maximum(others / others.sum(axis=1, keepdims=True), 1e-12))
    out = probabilities.copy()
    out[:, present] = both / both.sum(axis=1, keepdims=True) * others.sum(axis=1, keepdims=True)
    return out
