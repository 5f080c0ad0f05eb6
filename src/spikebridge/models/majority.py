"""The majority-class model: what can be said without looking at a spike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares
from spikebridge.models.parts.saved_files import read_json_object
from spikebridge.types import Predictions, Windows


class Majority(Model):
    """Predicts, for every trial of a recording, the class shares of its training trials, or of all recordings'."""

    name = "majority"
    transfers = True

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.shares = {w.recording: class_shares(w.label, len(w.classes)) for w in train}
        self.pooled_shares = class_shares(np.concatenate([w.label for w in train]), len(self.classes))

    def predict(self, windows: Windows) -> Predictions:
        share = self.shares.get(windows.recording, self.pooled_shares)
        return Predictions(probabilities=np.tile(share, (len(windows), 1)))

    def decide(self, probabilities: NDArray[np.float64], recording: str) -> NDArray[np.int64]:
        """The most probable class: shares are all that this model has."""
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)

    def _save(self, folder: Path) -> None:
        shares = {name: share.tolist() for name, share in self.shares.items()}
        about = {"recordings": shares, "pooled": self.pooled_shares.tolist()}
        (folder / "shares.json").write_text(json.dumps(about), encoding="utf-8")

    def _load(self, folder: Path) -> None:
        path = folder / "shares.json"
        about = read_json_object(path)
        recordings = about.get("recordings")
        if (
            about.keys() != {"recordings", "pooled"}
            or not isinstance(recordings, dict)
            or set(recordings) != set(self.units)
        ):
            raise DataError(f"{path}: expected the shares of {', '.join(self.units)}, and those of all as 'pooled'")
        for name, share in [*recordings.items(), ("pooled", about["pooled"])]:
            numbers = isinstance(share, list) and all(type(s) is float and s > 0 for s in share)
            if not numbers or len(share) != len(self.classes) or abs(sum(share) - 1) > 1e-6:
                raise DataError(
                    f"{path}: {name}: expected a share greater than 0 for each of {', '.join(self.classes)}, with the "
                    f"sum 1, got {str(share)[:80]}"
                )
        self.shares = {name: np.array(share) for name, share in recordings.items()}
        self.pooled_shares = np.array(about["pooled"])
