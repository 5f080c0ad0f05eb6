"""Time in the recording without spikes: what slow drift of behaviour predicts; one fit per recording.

Elber-Dorozko & Loewenstein 2018 (eLife 7:e34248): neurons that drift decode anything else that drifts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.interpolate import BSpline

from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.saved_arrays import Expected, float64_arrays
from spikebridge.types import Windows

DEGREE = 3


class TimeInRecording(FeatureDecoder):
    """Logistic in a cubic spline of the window's start, constant before the first and after the last training trial."""

    name = "time_in_recording"
    from_source = False

    class Params(FeatureDecoder.Params):
        n_pieces: int = Field(2, ge=1, description="cubic pieces of the spline")

    space = {"n_pieces": ("categorical", 1, 2, 4, 8), "penalty": ("log", 0.1, 1000.0)}

    def prepare(self, w: Windows) -> dict[str, NDArray[Any]]:
        span = [w.start_s.min(), w.start_s.max()] if len(w) else [0.0, 1.0]
        return {"span": np.array(span)}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        p: Any = self.params
        first, last = prepared["span"]
        at = np.clip((w.start_s - first) / max(last - first, 1e-9), 0.0, 1.0)
        knots = np.concatenate([np.zeros(DEGREE), np.linspace(0, 1, p.n_pieces + 1), np.ones(DEGREE)])
        return np.asarray(BSpline.design_matrix(at, knots, DEGREE).toarray()[:, 1:])  # the basis sums to one

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        p: Any = self.params
        return float64_arrays(span=(2,)), p.n_pieces + DEGREE - 1
