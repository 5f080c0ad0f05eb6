"""The modes of a refitted translator, from its predictions in training windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.models import Model
from spikebridge.models.seq2seq.modes import MAX_WINDOWS, Modes, modes_of
from spikebridge.types import Windows

Array = NDArray[np.float64]
FLOOR = 1e-9


def translation_modes(model: Model, windows: Sequence[Windows]) -> Modes:
    """The modes of a fitted translator in these training windows, the same for all recordings."""
    parts = {}
    for w in (some(w) for w in windows):
        predicted = model.predict(w)
        assert predicted.latents is not None and predicted.rates is not None and predicted.baseline is not None
        log_rates = np.log(np.maximum(predicted.rates, FLOOR)) - np.log(np.maximum(predicted.baseline, FLOOR))
        parts[w.recording] = (_flat(predicted.latents), _flat(log_rates))
    return modes_of(parts)


def some(w: Windows, most: int = MAX_WINDOWS) -> Windows:
    """At most so many windows, evenly spaced."""
    return w.select(np.unique(np.linspace(0, len(w) - 1, min(len(w), most)).round().astype(int)))


def _flat(values: NDArray[np.floating]) -> Array:
    return values.reshape(-1, values.shape[-1]).astype(np.float64)
