"""Random forest on source counts (Breiman 2001, Machine Learning 45:5), one forest a recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares, segment_sums
from spikebridge.types import Predictions, Windows

TRUSTED = ["sklearn.tree._tree.Tree"]


class RandomForest(Model):
    """Trees on the counts of every source unit in `segments` consecutive parts of the window."""

    name = "random_forest"

    class Params(base.Params):
        segments: int = Field(4, ge=1)
        trees: int = Field(200, ge=1)
        max_features: float = Field(0.1, gt=0, le=1)
        min_leaf: int = Field(2, ge=1)

    space = {
        "segments": ("categorical", 1, 2, 4, 8),
        "max_features": ("log", 0.02, 0.5),
        "min_leaf": ("categorical", 1, 2, 4, 8),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        from sklearn.ensemble import RandomForestClassifier

        p: Any = self.params
        self.forests = {}
        self.shares = {}
        for w in train:
            w = w.select(w.labelled)
            seed = int(rng.integers(2**31))
            self.shares[w.recording] = class_shares(w.label, len(w.classes))
            if len(np.unique(w.label)) < 2:
                continue
            forest = RandomForestClassifier(
                p.trees, max_features=p.max_features, min_samples_leaf=p.min_leaf, random_state=seed, n_jobs=1
            )
            self.forests[w.recording] = forest.fit(segment_sums(w.source, p.segments), w.label)

    def predict(self, windows: Windows) -> Predictions:
        p: Any = self.params
        recording = self.known(windows.recording)
        if recording not in self.forests or len(windows) == 0:
            return Predictions(probabilities=np.tile(self.shares[recording], (len(windows), 1)))
        forest = self.forests[recording]
        probabilities = np.zeros((len(windows), len(self.classes)))
        probabilities[:, forest.classes_] = forest.predict_proba(segment_sums(windows.source, p.segments))
        return Predictions(probabilities=probabilities)

    def _save(self, folder: Path) -> None:
        import skops.io

        skops.io.dump({"forests": self.forests, "shares": self.shares}, folder / "forests.skops")

    def _load(self, folder: Path) -> None:
        import skops.io

        state = skops.io.load(folder / "forests.skops", trusted=TRUSTED)
        self.forests, self.shares = state["forests"], state["shares"]
