"""Shrinkage of predicted rates towards the baseline, as strong as held-out windows ask for.

Two regions that drift without a link agree or disagree over a whole held-out block by chance ("nonsense correlations",
Harris 2020), and so do two responses to a stimulus whose strength drifts. Within a run of LOCAL windows both hardly
change. So the source must predict within runs: of the spikes that a unit has in one bin of a run's windows, it must
predict in which of the windows they lie (the likelihood that is conditional on their number, Andersen 1970). Spike
counts vary more than Poisson counts, and units vary together. So the standard error comes from how much the scores of
windows differ (the sandwich variance of White 1982, with the correction for few windows of MacKinnon & White 1985).

Harris 2020, "Nonsense correlations in neuroscience", bioRxiv 2020.11.29.402719. Andersen 1970, J R Stat Soc B 32:283.
White 1982, Econometrica 50:1. MacKinnon & White 1985, J Econometrics 29:305.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

SCALES = tuple(k / 20 for k in range(25))
"""Candidate factors on log(rate / baseline), from 0 (the baseline) to 1.2."""
LOCAL = 4
"""Windows over which rates hardly drift."""
LEVEL = 0.025
"""Of the one-sided t test that the scale lies above 0."""
MIN_RATIO = 1e-6
"""Of rate and baseline: a predicted rate of zero has no logarithm."""


class WindowRun(NamedTuple):
    """At most LOCAL neighbouring windows of held-out data.

    Parameters
    ----------
    modulation : NDArray, shape (window, bin, unit)
        Log ratio of the predicted rates and the baseline, up to a constant of each unit.
    baseline : NDArray, shape (window, bin, unit)
        Rates without the source, up to a factor of each unit.
    counts : NDArray, shape (window, bin, unit)
        Of the target.
    """

    modulation: NDArray[Any]
    baseline: NDArray[Any]
    counts: NDArray[Any]


def shrink(rates: NDArray[Any], baseline: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """Scale the log ratio of rates and baseline: baseline * (rates / baseline)^scale.

    Parameters
    ----------
    rates, baseline : NDArray, shape (window, bin, unit), spikes per bin
        Predicted with and without the source.
    scale : float
        0: the baseline; 1: the rates.

    Returns
    -------
    NDArray, shape (window, bin, unit)
        Spikes per bin.
    """
    if scale == 1:
        return np.asarray(rates, dtype=np.float32)
    ratio = np.maximum(rates / baseline, MIN_RATIO)
    return np.asarray(baseline * ratio**scale, dtype=np.float32)


def best_scale(rates: NDArray[Any], baseline: NDArray[Any], counts: NDArray[Any]) -> float:
    """Choose the scale of `shrink` by held-out counts; see `scale_of_runs`.

    Parameters
    ----------
    rates, baseline : NDArray, shape (window, bin, unit), spikes per bin
        Predicted with and without the source, by fits that did not see the counts.
    counts : NDArray, shape (window, bin, unit), spikes per bin
        Of the target, windows in the order of time.

    Returns
    -------
    float
        One of SCALES. Of equals the smallest.
    """

    def runs() -> Iterator[WindowRun]:
        for start in range(0, len(counts), LOCAL):
            rows = slice(start, start + LOCAL)
            known = baseline[rows].astype(np.float64)
            yield WindowRun(np.log(np.maximum(rates[rows] / known, MIN_RATIO)), known, counts[rows])

    return scale_of_runs(runs)


def scale_of_runs(runs: Callable[[], Iterable[WindowRun]], free_level: bool = False) -> float:
    """Choose the scale of the modulation by held-out counts.

    The smaller of two: the scale of highest Poisson likelihood, and the one of highest likelihood within runs, which
    is 0 where it does not lie above 0 by a t test. The first likelihood is concave in the scale: with its best scale,
    and with any smaller one, it is at least that of the baseline.

    Parameters
    ----------
    runs : callable
        Gives the runs of the windows, as often as it is called, so that not all need to be in memory.
    free_level : bool
        Whether each unit's level is the one of highest likelihood, instead of that of the baseline.

    Returns
    -------
    float
        One of SCALES. Of equals the smallest.
    """
    linear, within = 0.0, np.zeros(len(SCALES))
    expected: NDArray[np.float64] = np.zeros((len(SCALES), 1))
    spikes: NDArray[np.float64] = np.zeros(1)
    for run in runs():
        totals, of_scales = run.counts.sum(axis=0, dtype=np.float64), _expected(run)
        linear += float((run.counts * run.modulation).sum())
        within -= (totals * np.log(of_scales)).sum(axis=(1, 2))
        spikes, expected = spikes + totals.sum(axis=0), expected + of_scales.sum(axis=1)
    gain = linear * np.array(SCALES)
    whole = gain - ((spikes * np.log(expected)).sum(axis=1) if free_level else expected.sum(axis=1))
    best = int(np.argmax(gain + within))
    smaller = min(int(np.argmax(whole)), best)
    return SCALES[smaller] if smaller and lies_above_zero(runs(), SCALES[best]) else 0.0


def lies_above_zero(runs: Iterable[WindowRun], scale: float) -> bool:
    """Whether the scale within runs lies above 0: a one-sided t test at LEVEL, with the sandwich variance.

    Each window has a score, the derivative of its share of the log likelihood. Under the best scale scores differ only
    by chance, so that their squares give the variance whatever the distribution of the counts, also where units vary
    together.

    Parameters
    ----------
    runs : iterable of WindowRun
        A run of one window is left out.
    scale : float
        That of highest likelihood within runs, one of SCALES.

    Returns
    -------
    bool
        False where too few windows are left for the test.
    """
    parts = [window_scores(run, scale) for run in runs if len(run.counts) > 1]
    freedom = sum(len(score) - 1 for score, _ in parts) - 1
    if freedom < 1:
        return False
    score, information = (np.concatenate(each) for each in zip(*parts, strict=True))
    total = information.sum()
    if total <= 0:
        return False
    step = score.sum() / total  # from the nearest of SCALES to the maximum
    rest = score - step * information
    error = np.sqrt((rest**2).sum() * len(rest) / freedom) / total
    return bool(scale + step > error * stdtrit(freedom, 1 - LEVEL))


def _expected(run: WindowRun) -> NDArray[np.float64]:
    """(scale, bin, unit): expected counts of the run's windows together, with each of SCALES."""
    step, rates = np.exp(SCALES[1] * run.modulation), np.asarray(run.baseline, dtype=np.float64)
    out = np.empty((len(SCALES), *rates.shape[1:]))
    for k in range(len(SCALES)):
        out[k] = rates.sum(axis=0)
        rates = rates * step
    return out


def window_scores(run: WindowRun, scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the scores of the windows of a run, and their information.

    Parameters
    ----------
    run : WindowRun
        Of at least two windows.
    scale : float
        Of the modulation.

    Returns
    -------
    score : NDArray, shape (window,), nats
        Share of the window in the derivative of the log likelihood within the run by the scale.
    information : NDArray, shape (window,), nats
        The same of the second derivative, with the opposite sign.
    """
    rates = run.baseline * np.exp(scale * run.modulation)
    shares = rates / rates.sum(axis=0)
    expected = shares * run.counts.sum(axis=0)
    around = run.modulation - (shares * run.modulation).sum(axis=0)
    return (around * (run.counts - expected)).sum(axis=(1, 2)), (expected * around**2).sum(axis=(1, 2))
