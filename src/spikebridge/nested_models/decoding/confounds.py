"""What features predict of a decision beyond confounds: residualised or matched, always fitted to training trials.

Confounds lie in the windows' covariates under the prefix `CONFOUND`. They enter as values, squares and products
(products where there are `MIN_TRIALS_PER_TERM` training trials for each term), one basis a recording, held at the ends
of what training trials showed; an unknown value counts as the training mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.types import Windows

CONFOUND = "confound "
MIN_TRIALS_PER_TERM = 10
PROPENSITY_C = 100.0
"""Inverse ridge penalty of the propensity: next to no penalty, but finite where confounds separate the decisions."""


class ConfoundControlled(FeatureDecoder):
    """The features of another decoder, and the statistics of the confounds in the training trials."""

    name = "beyond_confounds"
    from_source = False

    def __init__(self, of: FeatureDecoder) -> None:
        given: Any = of.params
        super().__init__({"penalty": given.penalty})
        self.of, self.min_sd = of, of.min_sd

    def prepare(self, w: Windows) -> dict[str, Any]:
        x = _confounds(w)
        known = np.isfinite(x)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0.0).sum(axis=0) / n
        sd = np.sqrt(np.where(known, (x - mean) ** 2, 0.0).sum(axis=0) / n)
        z = np.where(known, x - mean, 0.0) / np.maximum(sd, 1e-9)
        ends = {"c_low": z.min(axis=0, initial=0.0), "c_high": z.max(axis=0, initial=0.0)}
        pairs = np.array([*combinations_with_replacement(range(x.shape[1]), 2)], dtype=np.int64).reshape(-1, 2)
        if MIN_TRIALS_PER_TERM * (x.shape[1] + len(pairs)) > len(w):
            pairs = pairs[pairs[:, 0] == pairs[:, 1]]
        return {**self.of.prepare(w), "c_mean": mean, "c_sd": np.maximum(sd, 1e-9), "c_pairs": pairs, **ends}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        return self.of.features(w, prepared)


class Residualised(ConfoundControlled):
    """Features minus their least-squares regression on the confounds, fitted in the training trials of a fold.

    The fit is applied to the test trials (cross-validated confound regression; Snoek et al. 2019, NeuroImage 184:741).
    A regression over all trials would use the test trials for what is taken from them, and pushes scores below chance.
    What features share with the confounds goes, whether or not the decision follows it; what depends on them in
    another shape than a parabola stays.
    """

    name = "residualised"

    def prepare(self, w: Windows) -> dict[str, Any]:
        prepared = super().prepare(w)
        if not len(w):
            return prepared | {"c_slope": np.zeros((0, 0))}
        slope = np.linalg.lstsq(_basis(w, prepared), self.of.features(w, prepared), rcond=None)[0]
        return prepared | {"c_slope": slope}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        return np.asarray(self.of.features(w, prepared) - _basis(w, prepared) @ prepared["c_slope"])


class Matched(ConfoundControlled):
    """Trials weighted so that the confounds are balanced between decisions, in training and in test.

    Overlap weights: with e_k(c) the chance of decision k given the confounds, a trial of decision y counts (1 / e_y) /
    sum_k 1 / e_k, for two decisions the chance of the other one (Li, Morgan & Zaslavsky 2018, JASA 113:390; several: Li
    & Li 2019, Ann Appl Stat 13:2389). Trials whose confounds leave the decision open count most, so nothing is
    extrapolated. e is a logistic regression on the training trials, and is applied to the test trials. Assumes that it
    has the right shape; the decision is that of the balanced classes, so shares of the classes are not used.
    """

    name = "matched"

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        super()._fit(train, valid, rng, on_epoch)
        self.class_shares = {r: [1 / len(self.classes)] * len(self.classes) for r in self.class_shares}

    def prepare(self, w: Windows) -> dict[str, Any]:
        from sklearn.linear_model import LogisticRegression

        prepared = super().prepare(w)
        present, k = np.unique(w.label), len(w.classes)
        terms = prepared["c_mean"].size + len(prepared["c_pairs"])
        slope, level = np.zeros((terms, k)), np.full(k, -np.inf)
        level[present] = 0.0
        if len(present) > 1:
            fit = LogisticRegression(C=PROPENSITY_C, max_iter=2000).fit(_basis(w, prepared)[:, 1:], w.label)
            two = len(present) == 2  # scikit-learn keeps the second class alone
            slope[:, present[1:] if two else present] = fit.coef_.T
            level[present[1:] if two else present] = fit.intercept_
        return prepared | {"e_slope": slope, "e_level": level}

    def _weights(self, w: Windows, prepared: Arrays) -> Array:
        weights = overlap_weights(_basis(w, prepared)[:, 1:] @ prepared["e_slope"] + prepared["e_level"], w.label)
        return weights / weights.mean()

    def weights_of(self, w: Windows) -> Array:
        """(window,), in [0, 1]: how much each labelled window of a fitted recording counts in a score."""
        prepared = self.fits[self.check_recording(w.recording)]
        return overlap_weights(_basis(w, prepared)[:, 1:] @ prepared["e_slope"] + prepared["e_level"], w.label)


def overlap_weights(log_odds: Array, label: NDArray[np.int64]) -> Array:
    """(trial,), weights that sum to one over the decisions of a trial. log_odds: (trial, class), -inf: never seen.

    A decision that the training trials lack has no weight, and takes none from the others.
    """
    seen = np.isfinite(log_odds)
    inverse = np.where(seen, np.exp(-(log_odds - np.where(seen, log_odds, np.inf).min(axis=1, keepdims=True))), 0.0)
    return np.asarray((inverse / inverse.sum(axis=1, keepdims=True))[np.arange(len(label)), label])


def _confounds(w: Windows) -> Array:
    return w.covariates[:, [n.startswith(CONFOUND) for n in w.covariate_names]]


def _basis(w: Windows, prepared: Arrays) -> Array:
    """(window, term): one, values, squares and products of standardised confounds."""
    x = _confounds(w)
    z = np.where(np.isfinite(x), x - prepared["c_mean"], 0.0) / prepared["c_sd"]
    z = np.clip(z, prepared["c_low"], prepared["c_high"])
    first, second = prepared["c_pairs"].T
    return np.column_stack([np.ones(len(w)), z, z[:, first] * z[:, second]])
