"""The majority-class model: what can be said without looking at a spike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares
from spikebridge.types import Predictions, Windows


class Majority(Model):
    """Predicts, for every trial of a recording, the class shares of its training trials."""

    name = "majority"

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.shares = {w.recording: class_shares(w.label, len(w.classes)) for w in train}

    def predict(self, windows: Windows) -> Predictions:
        share = self.shares[self.known(windows.recording)]
        return Predictions(probabilities=np.tile(share, (len(windows), 1)))

    def _save(self, folder: Path) -> None:
        shares = {name: share.tolist() for name, share in self.shares.items()}
        (folder / "shares.json").write_text(json.dumps(shares), encoding="utf-8")

    def _load(self, folder: Path) -> None:
        shares = json.loads((folder / "shares.json").read_text(encoding="utf-8"))
        self.shares = {name: np.array(share) for name, share in shares.items()}
