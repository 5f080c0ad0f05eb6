"""Scores of a translation, and the verdict whether the source predicts the target.

The trial-shift contrast compares the model's rates of a trial with its rates of neighbouring trials. Two regions that
drift together are translated, a little, above a constant rate: the source predicts the time, and the time the target's
slow level ("nonsense correlations", Harris 2020). A test against zero bits then claims a link where there is none
(measured: with `simulate.coupling: 0` all six recordings gain, and a sign flip gives p = 1/64). The rates of the trials
just before and after contain the slow level and the course of a trial as well, but not this trial. So the contrast has
mean zero without a link, under any drift that is slow over REACH trials; the trials on both sides cancel linear
changes. It follows the local shuffles of Amarasingham et al. 2012 (J Neurophysiol 107:517), but takes a mean and not a
draw, so that every trial has a value and the mean an interval over clusters.
It is a contrast, not an amount of information: the rates of another trial are not uninformed but wrong, so with a link
it exceeds bits/spike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.metrics import clustered, floored
from spikebridge.types.verdicts import TranslationVerdict

Array = NDArray[np.float64]
TRIAL_SHIFT = "trial_contrast_bits_per_spike"
"""The trial-shift contrast in metrics.json and comparisons.csv."""
REACH = 2
"""Number of neighbouring trials on each side, within a test block."""
MIN_BITS = 0.002
"""Bits/spike. A source that adds no more than this predicts next to nothing, however narrow the interval."""
NOTHING = "nothing to translate"


def trial_shift_nats(inputs: Inputs, t: Translation) -> NDArray[np.float64]:
    """(trial,), in the order of t.table: log likelihood of the counts under the trial's own rates, less its mean under
    the rates of up to REACH trials on each side; nats. Zero in a block of one trial."""
    nats = np.zeros(len(t.table))
    for (recording, _), rows in t.table.groupby(["recording", "fold"], sort=True):  # rows in the order of time
        at = t.table.index.get_indexer(rows.index)
        nats[at] = minus_neighbours(
            pairings(*rates_and_counts(inputs, t, str(recording), rows["trial"].to_numpy(np.int64)))
        )
    return nats


def minus_neighbours(pairs: NDArray[np.float64], reach: int = REACH) -> NDArray[np.float64]:
    """(trial,): pairs[b, b] less the mean of pairs[a, b] over the trials a at most `reach` away from b, but b itself.

    pairs: (trial, trial), trials in the order of time, rates of a against the counts of b.
    """
    order = np.arange(len(pairs))
    near = np.abs(order[:, None] - order) <= reach
    np.fill_diagonal(near, False)
    n = near.sum(axis=0)
    others = np.where(near, pairs, 0.0).sum(axis=0)
    return np.asarray(np.where(n > 0, np.diag(pairs) - others / np.maximum(n, 1), 0.0))


def rates_and_counts(inputs: Inputs, t: Translation, recording: str, trials: NDArray[np.int64]) -> tuple[Array, Array]:
    """(trial, bin x unit), what the model predicts of these trials and what was counted; rates are floored, never 0."""
    windows, (known, rates) = inputs.windows[recording], t.rates[recording]
    order = np.argsort(known)
    predicted = floored(rates[order[np.searchsorted(known, trials, sorter=order)]]).reshape(len(trials), -1)
    return predicted, np.asarray(windows.target[rows_of(windows, trials)], np.float64).reshape(len(trials), -1)


def pairings(rates: Array, counts: Array) -> Array:
    """(trial, trial): entry [a, b] = sum_{t,u} y_b log(rate_a) - rate_a, nats. rates, counts: (trial, bin x unit)."""
    return np.asarray(np.log(rates) @ counts.T - rates.sum(axis=1)[:, None])


def translation_score(t: Translation, index: NDArray[np.int64]) -> clustered.Score:
    """Bits per spike; index: (trial,), number of each trial's cluster."""
    return clustered.ratio(t.nats / np.log(2), t.spikes, index)


def source_score(t: Translation, index: NDArray[np.int64]) -> clustered.Score:
    """Bits per spike that the source adds to the model without it."""
    return clustered.ratio(t.from_source / np.log(2), t.spikes, index)


def trial_shift_score(inputs: Inputs, t: Translation, index: NDArray[np.int64]) -> clustered.Score:
    """Trial-shift contrast: bits per spike of the own trial's rates less those of neighbouring trials' rates."""
    return clustered.ratio(trial_shift_nats(inputs, t) / np.log(2), t.spikes, index)


def translation_verdict(
    source: dict[str, float], contrast: dict[str, float], null_p: float | None, alpha: float
) -> dict[str, str] | None:
    """{"code": of TranslationVerdict, "text": the scores and what speaks against it}; None for a model
    without a baseline that leaves the source out.

    source, contrast: value, ci_low and ci_high of source_bits_per_spike and of the trial-shift contrast. null_p: p of
    the model's primary translation null. The model translates where both values are more than MIN_BITS, the interval of
    the second lies above zero (the first may come from drift, see above) and the null is rejected. Rates that equal the
    model's baseline throughout (a reduced rank of zero) add exactly nothing.
    """
    if not math.isfinite(source["value"]):
        return None
    low = float(contrast["ci_low"])
    shown = f"the source adds {_shown(source)} bits/spike, its rates beat the next trials' by {_shown(contrast)}"
    reasons = []
    if min(source["value"], contrast["value"]) <= MIN_BITS:
        reasons.append(f"at most {MIN_BITS:g} is next to nothing")
    if not math.isfinite(low):
        reasons.append("there are too few clusters for an interval")
    elif low <= 0:
        reasons.append("the interval reaches zero")
    if null_p is not None and not null_p <= alpha:
        reasons.append(f"trials in another order do as well (p = {null_p:.2g})")
    if reasons:
        text = f"{NOTHING}: {shown}; {', and '.join(reasons)}"
        return {"code": TranslationVerdict.NOTHING.value, "text": text}
    return {"code": TranslationVerdict.TRANSLATES.value, "text": shown}


def _shown(score: dict[str, float]) -> str:
    known, interval = math.isfinite(score["ci_low"]), f" [{score['ci_low']:.4f}, {score['ci_high']:.4f}]"
    return f"{score['value']:.4f}{interval if known else ''}"
