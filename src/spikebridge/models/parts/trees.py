"""What ensembles of trees on source counts share: one a recording, their probabilities, and their files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np

from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares, segment_sums
from spikebridge.types import Predictions, Windows

TRUSTED = ["sklearn.tree._tree.Tree"]


class TreeEnsemble(Model):
    """A classifier of scikit-learn on the counts of every source unit in `segments` consecutive parts of the window.

    Labels of a single class give the shares of the classes; so does a class without a trial beside others.
    """

    @abstractmethod
    def _grown(self, seed: int) -> Any:
        """A classifier that has not been fitted."""

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        self.ensembles: dict[str, Any] = {}
        self.shares: dict[str, np.ndarray] = {}
        for w in train:
            w = w.select(w.labelled)
            seed = int(rng.integers(2**31))
            self.shares[w.recording] = class_shares(w.label, len(w.classes))
            if len(np.unique(w.label)) > 1:
                self.ensembles[w.recording] = self._grown(seed).fit(segment_sums(w.source, p.segments), w.label)

    def predict(self, windows: Windows) -> Predictions:
        p: Any = self.params
        recording = self.known(windows.recording)
        said = np.tile(self.shares[recording], (len(windows), 1))
        if recording in self.ensembles and len(windows):
            ensemble = self.ensembles[recording]
            present = ensemble.classes_
            found = ensemble.predict_proba(segment_sums(windows.source, p.segments))
            absent = np.delete(self.shares[recording], present).sum()
            said[:, present] = found * (1.0 - absent)
        return Predictions(probabilities=said)

    def _save(self, folder: Path) -> None:
        import skops.io

        state = {"ensembles": self.ensembles, "shares": self.shares}
        skops.io.dump(state, folder / "forests.skops", compression=ZIP_DEFLATED)

    def _load(self, folder: Path) -> None:
        import skops.io

        state = skops.io.load(folder / "forests.skops", trusted=TRUSTED)
        self.ensembles, self.shares = state["ensembles"], state["shares"]
