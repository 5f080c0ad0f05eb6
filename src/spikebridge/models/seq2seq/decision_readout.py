"""Additional inputs and estimators of the decision read-out: the label direction of the source, and a forest.

Label direction: with fewer trials than units the difference of class means is the limit of strong regularisation both
of logistic regression and of Fisher's discriminant (Friedman 1989, J Am Stat Assoc 84:165; nearest-centroid rules,
Tibshirani et al. 2002, PNAS 99:6567).

Forest: a logistic read-out of a few latents misses what is not linear in them; trees (Geurts et al. 2006, Machine
Learning 63:3) find that but blur what is. The mean of their log odds (a logarithmic opinion pool, Genest & Zidek 1986,
Stat Sci 1:114) is hardly worse than either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.features import segment_means, segment_sums
from spikebridge.models.parts.forest import Forest, from_sklearn
from spikebridge.types import Windows

N_SEGMENTS = 10
MIN_SD = 0.2  # of the root of a count, so that a unit with a handful of spikes does not count as much as others
N_BLOCKS = 5
MIN_SAMPLES_LEAF = 5
MAX_FEATURES = 0.5
MIN_PROBABILITY = 1e-3  # of a class according to the forest, so that it cannot rule a class out alone
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LabelDirection:
    """evidence = ((sqrt(counts in segments) - mean) / sd) @ weights, one column per class, of about unit variance.

    mean, sd: (feature,). weights: (feature, class).
    """

    mean: Array
    sd: Array
    weights: Array

    def evidence(self, w: Windows) -> Array:
        """(trial, class)."""
        return np.asarray((_roots(w) - self.mean) / self.sd @ self.weights)

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> LabelDirection:
        return LabelDirection(arrays["mean"], arrays["sd"], arrays["weights"])


def fit_label_direction(w: Windows, n_classes: int) -> tuple[LabelDirection, Array]:
    """The direction, and its cross-fitted evidence (trial, class) on the trials that it was fitted to.

    w: labelled windows in time order. The evidence of a contiguous block of trials comes from a fit to the other
    blocks, so that the read-out weighs it by its value on held-out trials; it is scaled to unit variance.
    """
    roots = _roots(w)
    mean, sd = roots.mean(axis=0), np.maximum(roots.std(axis=0), MIN_SD)
    x = (roots - mean) / sd
    crossed = np.zeros((len(w), n_classes))
    for block in np.array_split(np.arange(len(w)), min(N_BLOCKS, len(w))):
        rest = np.setdiff1d(np.arange(len(w)), block)
        crossed[block] = x[block] @ _contrasts(x[rest], w.label[rest], n_classes)
    size = float(crossed.std())
    weights = _contrasts(x, w.label, n_classes) / size if size > 0 else np.zeros((x.shape[1], n_classes))
    return LabelDirection(mean, sd, weights), crossed / size if size > 0 else crossed


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


def _roots(w: Windows) -> Array:
    return np.sqrt(segment_sums(w.source, N_SEGMENTS).astype(np.float64))


def _contrasts(x: Array, label: NDArray[np.int64], n_classes: int) -> Array:
    """(feature, class): mean of each class minus the mean of the class means; zeros for a class without a trial."""
    present = [c for c in range(n_classes) if (label == c).any()]
    contrasts = np.zeros((x.shape[1], n_classes))
    if len(present) > 1:
        means = np.stack([x[label == c].mean(axis=0) for c in present], axis=1)
        contrasts[:, present] = means - means.mean(axis=1, keepdims=True)
    return contrasts
