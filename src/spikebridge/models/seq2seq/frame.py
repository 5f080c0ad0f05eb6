"""The shared frame of a translator's latents, fitted when it is first needed, and the recordings aligned to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.models.parts.shared_frame import FRAME, MIN_TRIALS, Aligned, SharedFrame, fit_frame, load_frame
from spikebridge.models.seq2seq.translator import Translator
from spikebridge.types import Windows


class LazyFrame:
    """Fitted to the latents of the labelled windows that a model was fitted on; most fits of tuning never need it.

    aligned: recordings that were adapted to without labels.
    """

    def __init__(self, translator: Translator, labelled: Sequence[Windows], fitted: SharedFrame | None = None) -> None:
        self.translator = translator
        self.labelled = labelled
        self.fitted = fitted
        self.aligned: dict[str, Aligned] = {}

    def get(self) -> SharedFrame:
        """Raises DataError where the model was fitted without a label."""
        if self.fitted is None:
            latents = {w.recording: self.translator.latents(w) for w in self.labelled}
            self.fitted = fit_frame(latents, {w.recording: w for w in self.labelled})
        return self.fitted

    def align(self, w: Windows) -> bool:
        """Align a recording by its trial windows, whatever their labels; False where there are too few to do so."""
        trials = w.select(w.in_trial)
        if len(trials) < MIN_TRIALS or not (self.labelled or self.fitted):
            return False
        self.aligned[w.recording] = self.get().align(self.translator.latents(trials), trials)
        return True

    def learn_labels(self, w: Windows) -> NDArray[np.float64]:
        """Shares of the classes (class,) with these labels. Raises DataError where the recording was not aligned."""
        if w.recording not in self.aligned:
            raise DataError(f"{w.recording}: expected a recording that was adapted to without labels")
        known = w.select(w.labelled)
        part, shares = self.get().with_labels(self.aligned[w.recording], self.translator.latents(known), known.label)
        self.aligned[w.recording] = part
        return shares

    def probabilities(self, recording: str, latents: NDArray[np.floating]) -> NDArray[np.float64]:
        """(window, bin, latent) -> (window, class)."""
        return self.get().probabilities(self.aligned[recording], latents)

    def save(self, folder: Path) -> None:
        """Write the frame; nothing where the model was fitted without a label."""
        if self.labelled or self.fitted:
            self.get().save(folder, self.aligned)

    @staticmethod
    def load(folder: Path, translator: Translator, n_classes: int) -> LazyFrame:
        """Read what `save` wrote. Raises DataError where it does not fit together."""
        frame = LazyFrame(translator, [])
        if (folder / FRAME).is_file():
            n_latents = translator.params.n_latents
            frame.fitted, frame.aligned = load_frame(folder, n_classes, n_latents, translator.recordings)
        return frame
