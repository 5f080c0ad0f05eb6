"""Trial shuffle: do translated rates tell about this very trial, or only what trials have in common?

Rates predicted for one held-out trial are held against the counts of a trial next to it: trials change places within
runs of SPAN consecutive ones of a test block. What remains under the null is the average time course around the event
(a PSTH) and everything slower than a run; what is lost is what the source said about the single trial.

Assumptions: SPAN consecutive trials are exchangeable under the null. Over a whole block of minutes they are not: drift
in both regions makes any two of them correlate (Harris 2020), and shuffling the block would take that for a link.
Nor are they where trial types alternate and both regions know the type: condition_shuffle asks what is left then.
Local shuffling is the remedy of Amarasingham et al. 2012, "Conditional modeling and the jitter method".

The folds share what they learn from, and the shuffle does not refit: the chance agreement of blocks j and k helps the
rates of j, learned from k, and those of k, learned from j. To first order the score is a sum over pairs of blocks, each
counted twice and in step, so its true spread under the null is sqrt(2) times that of a shuffle which breaks the two
apart (Bengio & Grandvalet 2004, "No unbiased estimator of the variance of K-fold cross-validation"). The null is
widened by that much around its mean. Measured by the calibration audit's studies: 9 % false claims without, 4 % with.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.result import NullResult, sampled

NAME = "trial_shuffle"
SPAN = 4
SHARED_FOLDS = 2**0.5
"""How much wider the null is because folds learn from each other's test blocks."""
ASSUMPTIONS = f"runs of {SPAN} consecutive trials exchangeable; widened for folds that learn from each other"


def trial_shuffle(
    blocks: Sequence[NDArray[np.float64]],
    observed_nats: float,
    spikes: float,
    rng: np.random.Generator,
    resamples: int = 2_000,
) -> NullResult:
    """p of bits/spike under random pairings of predictions and trials within runs of SPAN trials of each block.

    blocks: each (trial, trial), trials in time order, entry [a, b] = sum_{t,u} y_b log(rate_a) - rate_a, natural
    logarithm. The base rate of the information is the same for all pairings of a block and drops out of the difference.
    observed_nats, spikes: sums over all trials of the blocks, of the information and of target spikes.
    """
    return shuffled(blocks, [np.arange(len(pairs)) // SPAN for pairs in blocks], observed_nats, spikes, rng, resamples)


def shuffled(
    blocks: Sequence[NDArray[np.float64]],
    groups: Sequence[NDArray[np.int64]],
    observed_nats: float,
    spikes: float,
    rng: np.random.Generator,
    resamples: int,
) -> NullResult:
    """As trial_shuffle, within groups of trials: groups holds (trial,) of each block, numbers of the groups."""
    gain, log_arrangements = np.zeros(resamples), 0.0
    for pairs, group in zip(blocks, groups, strict=True):
        trials = np.argsort(group, kind="stable")
        dealt = np.argsort(group + rng.random((resamples, len(group))), axis=1)
        gain += pairs[dealt, trials].sum(axis=1) - np.trace(pairs)
        log_arrangements += sum(lgamma(n + 1) for n in np.bincount(group).tolist())
    scale = spikes * np.log(2)
    null = (observed_nats + gain.mean() + SHARED_FOLDS * (gain - gain.mean())) / scale
    return sampled(observed_nats / scale, null, float(np.exp(min(log_arrangements, 700.0))))
