"""The base class of ensembles of trees on source counts: one per recording, probabilities, and files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares, segment_sums
from spikebridge.models.parts.forest import Forest, named_arrays, read_forest
from spikebridge.models.parts.saved_arrays import (
    check_arrays,
    check_positive,
    float64_arrays,
    load_arrays,
    save_arrays,
    with_prefix,
)
from spikebridge.types import Predictions, Windows

FILE = "forests.safetensors"
SHARE = "share."


class TreeEnsemble(Model):
    """Trees of scikit-learn on the counts of every source unit in `n_segments` consecutive parts of the window.

    With labels of a single class, predictions are the class shares; a class without a trial keeps its share.
    """

    libraries: ClassVar[tuple[str, ...]] = ("sklearn.ensemble",)

    @abstractmethod
    def _grow(self, x: NDArray[np.float32], label: NDArray[np.int64], seed: int) -> Forest:
        """The ensemble, from features (trial, feature) and labels (trial,) of two classes or more."""

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        self.ensembles: dict[str, Forest] = {}
        self.shares: dict[str, np.ndarray] = {}
        for w in train:
            w = w.select(w.labelled)
            seed = int(rng.integers(2**31))
            self.shares[w.recording] = class_shares(w.label, len(w.classes))
            if len(np.unique(w.label)) > 1:
                self.ensembles[w.recording] = self._grow(segment_sums(w.source, p.n_segments), w.label, seed)

    def _predict(self, windows: Windows) -> Predictions:
        p: Any = self.params
        recording = self.check_recording(windows.recording)
        probabilities = np.tile(self.shares[recording], (len(windows), 1))
        if recording in self.ensembles and len(windows):
            ensemble = self.ensembles[recording]
            present = ensemble.classes
            present_probabilities = ensemble.predict_proba(segment_sums(windows.source, p.n_segments))
            absent = np.delete(self.shares[recording], present).sum()
            probabilities[:, present] = present_probabilities * (1.0 - absent)
        return Predictions(probabilities=probabilities)

    def _save(self, folder: Path) -> None:
        shares = {f"{SHARE}{i}": self.shares[name] for i, name in enumerate(self.units)}
        save_arrays(folder / FILE, shares | named_arrays(self.ensembles, list(self.units)))

    def _load(self, folder: Path) -> None:
        p: Any = self.params
        path = folder / FILE
        arrays = load_arrays(path)
        shares = with_prefix(arrays, SHARE)
        check_arrays(path, shares, float64_arrays(**{str(i): (len(self.classes),) for i in range(len(self.units))}))
        check_positive(path, shares, *shares)
        self.ensembles, self.shares = {}, {}
        used = {f"{SHARE}{i}" for i in range(len(self.units))}
        for i, (name, units) in enumerate(self.units.items()):
            self.shares[name] = shares[str(i)]
            if fields := with_prefix(arrays, f"{i}."):
                n_features = min(p.n_segments, self.n_bins) * len(units["source_units"])
                self.ensembles[name] = read_forest(path, name, fields, n_features, len(self.classes))
                used |= {f"{i}.{field}" for field in fields}
        check_arrays(path, {k: a for k, a in arrays.items() if k not in used}, {})
