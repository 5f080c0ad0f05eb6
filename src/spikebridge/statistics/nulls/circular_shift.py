"""Circular shift: the labels of a session rotated against its predictions, its end joined to its start. Descriptive.

Widely used, shown because readers ask for it; no claim rests on it.

Assumptions: labels or predictions come from a process that is stationary AND periodic with the length of the session.
Fails under drift: where both drift, as brain and behaviour do over any session, the end differs from the start, a
rotation breaks the common drift, and the null scores lie below the observed score: up to 100 % false positives (Harris
2020, "Nonsense correlations in neuroscience"). The linear shift does not wrap around.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.result import NullResult, sampled

NAME = "circular_shift"
ASSUMPTIONS = (
    "descriptive: wraps the end of a session to its start; up to 100 % false positives under drift (Harris 2020)"
)
Labels = NDArray[np.int64]


def rotate(label: Labels, draws: int, rng: np.random.Generator) -> Labels:
    """(draw, trial): the labels rotated by 1 .. n - 1 trials, at random. label: (trial,)."""
    n = len(label)
    shift = rng.integers(1, max(n, 2), draws)
    return np.asarray(label[(np.arange(n) + shift[:, None]) % n])


def circular_shift(observed: float, null: NDArray[np.float64], trials: Sequence[int]) -> NullResult:
    """p of the observed score among those of rotated labels. null: (draw,). trials: of each recording."""
    return sampled(observed, null, float(np.prod(np.asarray(trials, dtype=np.float64))))
