"""Random forest on source counts (Breiman 2001, Machine Learning 45:5), one forest per recording."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from spikebridge.models import base
from spikebridge.models.parts.trees import TreeEnsemble


class RandomForest(TreeEnsemble):
    """Trees on the counts of every source unit in `segments` consecutive parts of the window."""

    name = "random_forest"

    class Params(base.Params):
        n_segments: int = Field(4, ge=1)
        n_estimators: int = Field(200, ge=1)
        max_features: float = Field(0.1, gt=0, le=1)
        min_samples_leaf: int = Field(2, ge=1)

    space = {
        "n_segments": ("categorical", 1, 2, 4, 8),
        "max_features": ("log", 0.02, 0.5),
        "min_samples_leaf": ("categorical", 1, 2, 4, 8),
    }

    def _classifier(self, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        p: Any = self.params
        return RandomForestClassifier(
            p.n_estimators,
            max_features=p.max_features,
            min_samples_leaf=p.min_samples_leaf,
            random_state=seed,
            n_jobs=1,
        )
