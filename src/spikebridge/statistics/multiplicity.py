"""Corrections for many tests: Holm within a small declared family, false discovery rate over a large map of tests.

Holm bounds the probability of any false claim, whatever the dependence between tests; the family was fixed before the
data were seen. Not statsmodels' multipletests, which has no place for a declared test that could not be made (NaN).

The false discovery rate is the expected share of false claims among all claims. Benjamini & Hochberg bound it for tests
that are independent or positively dependent, Benjamini & Yekutieli for any dependence, at the price of a factor
1 + 1/2 + ... + 1/n.
"""

from __future__ import annotations

from typing import Literal

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


def false_discovery_rate(p: ArrayLike, dependence: Literal["positive", "any"] = "positive") -> NDArray[np.float64]:
    """Return the q of each test: the smallest false discovery rate at which it is a claim.

    Parameters
    ----------
    p : ArrayLike, shape (test,)
        p of each test. NaN, a test that could not be made, stays NaN and counts as a member with p = 1.
    dependence : {"positive", "any"}
        What is assumed of the dependence between the tests: Benjamini & Hochberg, or Benjamini & Yekutieli.

    Returns
    -------
    NDArray, shape (test,)
        q, in the order of the tests.

    References
    ----------
    Benjamini & Hochberg 1995, J R Statist Soc B 57:289. Benjamini & Yekutieli 2001, Annals of Statistics 29:1165.
    """
    from statsmodels.stats.multitest import multipletests  # slow to import

    p = np.asarray(p, dtype=np.float64)
    if not len(p):
        return p
    known = np.isfinite(p)
    q = multipletests(np.where(known, p, 1.0), method="fdr_bh" if dependence == "positive" else "fdr_by")[1]
    return np.where(known, q, np.nan)
