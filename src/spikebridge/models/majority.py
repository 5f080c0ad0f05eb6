"""The majority model: predicts decisions without looking at spikes, from the class shares of the training trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import class_shares
from spikebridge.models.parts.saved_arrays import check_positive, float64_arrays, load_arrays, save_arrays
from spikebridge.types import Predictions, Windows

FILE = "shares.safetensors"
ALL = "all recordings"


class Majority(Model):
    """Class shares of the training trials of a recording, or of all recordings for a recording not in training."""

    name = "majority"
    transfers = True

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.shares = {w.recording: class_shares(w.label, len(w.classes)) for w in train}
        self.all_shares = class_shares(np.concatenate([w.label for w in train]), len(self.classes))

    def _predict(self, windows: Windows) -> Predictions:
        """Predict the class shares for every window.

        Parameters
        ----------
        windows : Windows
            Of any recording.

        Returns
        -------
        Predictions
            Probabilities (window, class), the same in every window.
        """
        share = self.shares.get(windows.recording, self.all_shares)
        return Predictions(probabilities=np.tile(share, (len(windows), 1)))

    def decide(self, probabilities: NDArray[np.float64], recording: str) -> NDArray[np.int64]:
        """Decide for the most probable class: this model has no information besides the shares.

        Parameters
        ----------
        probabilities : NDArray, shape (trial, class)
            As `predict` gives them.
        recording : str
            Not used.

        Returns
        -------
        NDArray, shape (trial,)
            Index of the class.
        """
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)

    def _save(self, folder: Path) -> None:
        shares = {str(i): self.shares[name] for i, name in enumerate(self.units)}
        save_arrays(folder / FILE, {**shares, ALL: self.all_shares})

    def _load(self, folder: Path) -> None:
        path = folder / FILE
        names = [*map(str, range(len(self.units))), ALL]
        arrays = load_arrays(path, float64_arrays(**dict.fromkeys(names, (len(self.classes),))))
        check_positive(path, arrays, *names)
        self.shares = {name: arrays[str(i)] for i, name in enumerate(self.units)}
        self.all_shares = arrays[ALL]
