"""Gradient-boosted trees on source counts (Friedman 2001, Annals of Statistics 29:1189), one a recording."""

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


class GradientBoosting(Model):
    """Shallow trees, each fitted to what those before it leave, on the counts in `segments` parts of the window.

    Exact splits rather than histograms: with hundreds of trials and hundreds of counts these are the faster ones.
    """

    name = "gradient_boosting"

    class Params(base.Params):
        segments: int = Field(2, ge=1)
        trees: int = Field(100, ge=1)
        depth: int = Field(2, ge=1)
        rate: float = Field(0.05, gt=0, le=1)
        max_features: float = Field(0.1, gt=0, le=1)
        subsample: float = Field(0.7, gt=0, le=1)

    space = {
        "segments": ("categorical", 1, 2, 4),
        "depth": ("categorical", 1, 2, 3),
        "rate": ("log", 0.01, 0.2),
        "max_features": ("log", 0.02, 0.5),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        from sklearn.ensemble import GradientBoostingClassifier

        p: Any = self.params
        self.boosters, self.shares = {}, {}
        for w in train:
            w = w.select(w.labelled)
            seed = int(rng.integers(2**31))
            self.shares[w.recording] = class_shares(w.label, len(w.classes))
            if len(np.unique(w.label)) < 2:
                continue
            booster = GradientBoostingClassifier(
                n_estimators=p.trees, max_depth=p.depth, learning_rate=p.rate, max_features=p.max_features,
                subsample=p.subsample, random_state=seed,
            )  # fmt: skip
            self.boosters[w.recording] = booster.fit(segment_sums(w.source, p.segments), w.label)

    def predict(self, windows: Windows) -> Predictions:
        p: Any = self.params
        recording = self.known(windows.recording)
        said = np.tile(self.shares[recording], (len(windows), 1))
        if recording in self.boosters and len(windows):
            booster = self.boosters[recording]
            present = booster.classes_
            found = booster.predict_proba(segment_sums(windows.source, p.segments))
            said[:, present] = found * self.shares[recording][present].sum()
        return Predictions(probabilities=said)

    def _save(self, folder: Path) -> None:
        import skops.io

        skops.io.dump({"boosters": self.boosters, "shares": self.shares}, folder / "boosters.skops")

    def _load(self, folder: Path) -> None:
        import skops.io

        state = skops.io.load(folder / "boosters.skops", trusted=TRUSTED)
        self.boosters, self.shares = state["boosters"], state["shares"]
