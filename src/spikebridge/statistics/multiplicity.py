"""Holm's step-down correction within a family of tests that was declared beforehand.

Assumptions: none about the dependence between tests; the family was fixed before the data were seen. Not statsmodels'
multipletests, which has no place for a declared test that could not be made (NaN).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return the adjusted p of each test: reject where it is at most alpha.

    Parameters
    ----------
    p : ArrayLike, shape (test,)
        p of each test. A test that could not be made is NaN: it stays NaN and counts as a member, since it was
        declared.

    Returns
    -------
    NDArray, shape (test,)
        Adjusted p, in the order of the tests.

    References
    ----------
    Holm 1979, Scandinavian J Statistics 6:65.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)  # NaN last
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
