"""Random forest on source counts (Breiman 2001, Machine Learning 45:5), one forest per recording."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.models import base
from spikebridge.models.parts.forest import Forest
from spikebridge.models.parts.tree_growth import Growth, grow
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

    def _grow(self, x: NDArray[np.float32], label: NDArray[np.int64], seed: int) -> Forest:
        p: Any = self.params
        return grow(x, label, Growth(p.n_estimators, p.max_features, p.min_samples_leaf), seed)
