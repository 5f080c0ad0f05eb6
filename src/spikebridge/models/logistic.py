"""Ridge-penalised logistic regression on source counts, one per recording: the linear decoder of decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.features import segment_sums
from spikebridge.models.parts.saved_arrays import Expected
from spikebridge.types import Windows


class Logistic(FeatureDecoder):
    """Linear in the square root (which evens out Poisson variance) of counts in `segments` parts of the window."""

    name = "logistic"
    min_sd = 0.2

    class Params(FeatureDecoder.Params):
        n_segments: int = Field(1, ge=1)
        penalty: float = Field(300.0, gt=0, description="on the squared weights of standardised features")

    space = {"n_segments": ("categorical", 1, 2, 4), "penalty": ("log", 3.0, 30000.0)}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        p: Any = self.params
        return np.sqrt(segment_sums(w.source, p.n_segments).astype(np.float64))

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        p: Any = self.params
        return {}, min(p.n_segments, self.n_bins) * n_source
