"""Holm's step-down correction within a family of tests that was declared beforehand.

Assumptions: none about how the tests depend on each other; the family was fixed before the data were seen (Holm 1979).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p of each test: reject where it is at most alpha. p: (test,). Returns (test,).

    A test that could not be done (NaN) stays NaN, but counts as a member: it was declared.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)  # NaN last
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
