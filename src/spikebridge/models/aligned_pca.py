"""Principal components of the source, aligned between recordings without labels, with one logistic read-out.

What the field does today to decode across days and animals: a linear reduction of each recording, aligned by condition
averages (Pandarinath et al. 2018, Nat Methods 15:805; Gallego et al. 2020, Nat Neurosci 23:260; Safaie et al. 2023,
Nature 623:765). It uses no target, and is the yardstick of translators that meet new units.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from spikebridge.errors import DataError
from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import join
from spikebridge.models.parts.history import recorded
from spikebridge.models.parts.regressors import MAX_S
from spikebridge.models.parts.saved_arrays import check_positive, float64_arrays, load_arrays, save_arrays, with_prefix
from spikebridge.models.parts.shared_frame import Aligned, fit_frame, load_frame
from spikebridge.types import History, Predictions, Windows

FILE = "components.safetensors"
MIN_SD = 0.05
"""Spikes per bin, of the smoothed counts of a unit."""
Array = NDArray[np.float64]


class AlignedPca(Model):
    """softmax(W s(A_r P_r x) + b): P_r the components of recording r, A_r its alignment, s a summary over the window.

    x: smoothed counts of the source, each unit standardised. A_r comes from landmarks (see
    spikebridge.models.parts.landmarks), W and b from the labels of all training recordings.
    """

    name = "aligned_pca"
    pooled = True
    adapts = True

    class Params(base.Params):
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel on the source's counts")
        n_components: int = Field(8, ge=1, le=1000, description="principal components of each recording")

    space = {"smoothing_s": ("log", 0.05, 0.3), "n_components": ("categorical", 4, 8, 12)}

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.components = {w.recording: self._components(w) for w in train}
        labelled = {w.recording: w.select(w.labelled) for w in train if w.labelled.any()}
        latents = {name: self._latents(w) for name, w in labelled.items()}
        self.frame = fit_frame(latents, labelled)
        self.aligned: dict[str, Aligned] = {}
        for w in train:
            self._align(w)

    def adapt(
        self,
        train: Sequence[Windows],
        valid: Sequence[Windows],
        rng: np.random.Generator,
        on_epoch: base.OnEpoch | None = None,
    ) -> History:
        """Find components and alignment of new recordings; labels are used where there are any.

        Parameters
        ----------
        train, valid : sequence of Windows
            What to learn from; both are used alike.
        rng : numpy.random.Generator
            Not used.
        on_epoch : callable, optional
            Not called: there are no epochs.

        Returns
        -------
        History
            Empty.

        Raises
        ------
        DataError
            Where a recording is known, differs in bins or classes, or has too few trials.
        """
        held = {w.recording: w for w in valid}
        for w in train:
            self.check_new(w)
            both = join(w, held.get(w.recording))
            self._register(w, held.get(w.recording))
            self.components[w.recording] = self._components(both)
            self._align(both)
            if both.labelled.any():
                self.learn_labels(both)
            else:
                self.class_shares[w.recording] = self.frame.shares.tolist()
        return History(tuple(recorded(None)[0]))

    def learn_labels(self, windows: Windows) -> None:
        """Weigh some labels of a recording against those of the training recordings.

        Parameters
        ----------
        windows : Windows
            Labelled windows of the recording. Labels of an earlier call are forgotten.
        """
        name, known = self.check_recording(windows.recording), windows.select(windows.labelled)
        self.aligned[name], shares = self.frame.with_labels(self.aligned[name], self._latents(known), known.label)
        self.class_shares[name] = shares.tolist()

    def _align(self, w: Windows) -> None:
        trials = w.select(w.in_trial)
        self.aligned[w.recording] = self.frame.align(self._latents(trials), trials)

    def _components(self, w: Windows) -> dict[str, Array]:
        """mean, sd (unit,) and weights (unit, component) of the principal components; missing ones are zero."""
        p: Any = self.params
        x = self._smoothed(w).reshape(-1, w.source.shape[2])
        mean, sd = x.mean(axis=0), np.maximum(x.std(axis=0), MIN_SD)
        z = (x - mean) / sd
        vectors = np.linalg.eigh(z.T @ z / len(z))[1][:, ::-1][:, : p.n_components]
        weights = np.zeros((len(mean), p.n_components))
        weights[:, : vectors.shape[1]] = vectors
        return {"mean": mean, "sd": sd, "weights": weights}

    def _latents(self, w: Windows) -> Array:
        c = self.components[w.recording]
        return np.asarray((self._smoothed(w) - c["mean"]) / c["sd"] @ c["weights"])

    def _smoothed(self, w: Windows) -> Array:
        p: Any = self.params
        counts = w.source.astype(np.float64)
        return np.asarray(gaussian_filter1d(counts, p.smoothing_s / w.bin_s, axis=1, mode="nearest"))

    def _predict(self, windows: Windows) -> Predictions:
        recording = self.check_recording(windows.recording)
        latents = self._latents(windows)
        return Predictions(self.frame.probabilities(self.aligned[recording], latents))

    def _save(self, folder: Path) -> None:
        self.frame.save(folder, self.aligned)
        names = enumerate(self.units)
        save_arrays(folder / FILE, {f"{i}.{k}": v for i, name in names for k, v in self.components[name].items()})

    def _load(self, folder: Path) -> None:
        p: Any = self.params
        path, names = folder / FILE, list(self.units)
        expected: dict[str, tuple[str, tuple[int, ...]]] = {}
        for i, units in enumerate(self.units.values()):
            n = len(units["source_units"])
            shapes = {"mean": (n,), "sd": (n,), "weights": (n, p.n_components)}
            expected |= float64_arrays(**{f"{i}.{k}": shape for k, shape in shapes.items()})
        arrays = load_arrays(path, expected)
        check_positive(path, arrays, *(f"{i}.sd" for i in range(len(names))))
        self.components = {name: with_prefix(arrays, f"{i}.") for i, name in enumerate(names)}
        self.frame, self.aligned = load_frame(folder, len(self.classes), p.n_components, self.units)
        if missing := sorted(set(names) - set(self.aligned)):
            raise DataError(f"{folder}: lacks the alignment of {missing[0]}")
