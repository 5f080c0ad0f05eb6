"""Times of single precision: exact at first, coarse after hours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

COARSE_MS = 0.05
"""About one sample of an amplifier."""


def coarse(values: NDArray[Any], where: str, ticks_per_s: float = 1.0, least_ms: float = COARSE_MS) -> list[str]:
    """A note where times are of single (or half) precision and too large for it: the step at the largest of them.

    values: as the file holds them, before they become float64. least_ms: a smaller step is not worth a note.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize > 4:
        return []
    largest = np.max(np.abs(values), initial=0, where=np.isfinite(values))
    step_ms = 1e3 * float(np.spacing(largest)) / ticks_per_s
    if step_ms < least_ms:
        return []
    bits = 8 * values.dtype.itemsize
    return [f"{where}: float{bits} holds these times only to {step_ms:.2g} ms; save them as float64 (double)"]
