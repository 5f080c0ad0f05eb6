"""Gradient-boosted trees on source counts (Friedman 2001, Annals of Statistics 29:1189), one per recording."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.models import base
from spikebridge.models.parts.forest import Forest, from_sklearn
from spikebridge.models.parts.trees import TreeEnsemble


class GradientBoosting(TreeEnsemble):
    """Shallow trees, each fitted to what those before it leave, on the counts in `segments` parts of the window.

    Exact splits rather than histograms, because they are faster for hundreds of trials and hundreds of counts.
    """

    name = "gradient_boosting"

    class Params(base.Params):
        n_segments: int = Field(2, ge=1)
        n_estimators: int = Field(100, ge=1)
        max_depth: int = Field(2, ge=1)
        learning_rate: float = Field(0.05, gt=0, le=1)
        max_features: float = Field(0.1, gt=0, le=1)
        subsample: float = Field(0.7, gt=0, le=1)

    space = {
        "n_segments": ("categorical", 1, 2, 4),
        "max_depth": ("categorical", 1, 2, 3),
        "learning_rate": ("log", 0.01, 0.2),
        "max_features": ("log", 0.02, 0.5),
    }

    def _grow(self, x: NDArray[np.float32], label: NDArray[np.int64], seed: int) -> Forest:
        from sklearn.ensemble import GradientBoostingClassifier

        p: Any = self.params
        classifier = GradientBoostingClassifier(
            n_estimators=p.n_estimators, max_depth=p.max_depth, learning_rate=p.learning_rate,
            max_features=p.max_features, subsample=p.subsample, random_state=seed,
        )  # fmt: skip
        return from_sklearn(classifier.fit(x, label))
