"""Time shift: do translated rates fit the target at their own time better than at other times?

The counts of the target are scored under rates predicted from the source some trials earlier or later. One step of the
shift has so many trials that it exceeds the decorrelation time of the population rate, so that rates and counts at
different shifts share no slow noise. Nothing wraps around: only those trials are scored that every shift leaves.
(Harris 2020; shift predictors: Perkel, Gerstein & Moore 1967.) The null keeps the average time course around the event,
because trials are shifted whole, and the autocorrelation of both regions. It breaks simultaneity.

Assumptions: under the null hypothesis source and target are independent, and one of the two is stationary over the
recording. Then p = m / (n + 1) holds its level as in linear_shift: the scores at multiples of one step are a stationary
sequence too.
Fails where both drift along one trend over the whole session, and where trial types come in a fixed cycle: then few
shifts are alike, and the test detects the cycle. Rates that follow the target's own drift or past, without any source,
fit their own time best as well (see source_bits_per_spike).
Limit: n steps of s trials leave N - 2 n s of N trials, and each side may have at most two fifths. With 100 trials and
steps of one trial p >= 1/40; with steps of two n = 20 and p >= 1/21; with steps of three n = 13 and p >= 1/14: no
rejection at 5 %.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.linear_shift import conservative
from spikebridge.statistics.nulls.result import NullResult

NAME = "time_shift"
ASSUMPTIONS = "source or target stationary over the recording, steps longer than the decorrelation time; conservative"
MAX_SHIFT_SHARE = 0.4
"""Largest shift to one side, as a share of the trials."""


def steps(n_trials: int, step: int, alpha: float = 0.05) -> int:
    """How many steps of `step` trials to either side, for recordings whose shortest has n_trials.

    For a smallest p of alpha / 2, but at least a fifth of the trials is left: each holds many bins and units.
    """
    return min(int(np.ceil(2 / alpha)) - 1, int(MAX_SHIFT_SHARE * n_trials / step))


def trials_a_step(start_s: NDArray[np.float64], decorrelation_s: float) -> int:
    """Trials from one shift to the next: the fewest that lie farther apart than the decorrelation time, nine in ten.

    start_s: (trial,), seconds, rising. At most the number of trials.
    """
    for step in range(1, len(start_s)):
        if np.quantile(start_s[step:] - start_s[:-step], 0.1) > decorrelation_s:
            return step
    return max(len(start_s), 1)


def shifted_nats(rates: NDArray[np.float64], counts: NDArray[np.float64], step: int, n: int) -> NDArray[np.float64]:
    """(2 n + 1,): sum over middle trials b of sum_{t,u} y_b log(rate_a) - rate_a, a = b + k step, k = -n .. n.

    rates, counts: (trial, ...), spikes per bin, in the order of time; rates above zero. The middle trials, those that
    have a partner at every shift, are the same for all k: the base rate of the information drops out of differences.
    """
    rates, counts = rates.reshape(len(rates), -1), counts.reshape(len(counts), -1)
    reach = n * step
    middle = counts[reach : len(counts) - reach]
    log, total = np.log(rates), rates.sum(axis=1)
    scores = []
    for k in range(-n, n + 1):
        at = slice(reach + k * step, len(counts) - reach + k * step)
        scores.append(float(np.sum(middle * log[at]) - total[at].sum()))
    return np.array(scores)


def time_shift(scores: NDArray[np.float64]) -> NullResult:
    """p of the score without shift. scores: (2 n + 1,), of the shifts -n .. n, all about the same counts."""
    return conservative(scores)
