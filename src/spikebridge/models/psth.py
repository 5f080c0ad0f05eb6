"""The peristimulus time histogram (PSTH): what the time in a trial predicts without the source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.regressors import MIN_RATE_SHARE, PRIOR_WINDOWS, SmoothedPsth
from spikebridge.models.parts.saved_arrays import float64_arrays, load_arrays, save_arrays
from spikebridge.types import Predictions, Windows


class Psth(Model):
    """Every unit at the smoothed mean of the training trials' windows, shrunk towards its mean rate.

    Continuous windows get the mean rate. Rates are at least 5 % of it.
    """

    name = "psth"
    decides = False
    translates = True
    yardstick = True

    class Params(base.Params):
        smoothing_s: float = Field(0.03, gt=0, description="SD of the Gaussian kernel")
        shrink_windows: float = Field(PRIOR_WINDOWS, gt=0, description="windows without a course that are added")

    space = {"smoothing_s": ("log", 0.01, 0.3), "shrink_windows": ("log", 1.0, 1000.0)}

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        self.means = {
            w.recording: SmoothedPsth.fit(w.target, w, p.smoothing_s / w.bin_s, p.shrink_windows) for w in train
        }

    def _predict(self, windows: Windows) -> Predictions:
        psth = self.means[self.check_recording(windows.recording)]
        rates = np.maximum(psth.expected(windows), MIN_RATE_SHARE * psth.mean).astype(np.float32)
        return Predictions(rates=rates)

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            psth = self.means[name]
            save_arrays(folder / f"{i}.safetensors", {"mean": psth.mean, "curve": psth.curve})

    def _load(self, folder: Path) -> None:
        self.means = {}
        for i, (name, units) in enumerate(self.units.items()):
            n = len(units["target_units"])
            a = load_arrays(folder / f"{i}.safetensors", float64_arrays(mean=(n,), curve=(self.n_bins, n)))
            self.means[name] = SmoothedPsth(a["mean"], a["curve"])
