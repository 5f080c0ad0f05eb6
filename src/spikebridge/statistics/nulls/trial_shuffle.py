"""Trial shuffle: do translated rates tell about this very trial, or only what trials have in common?

Rates predicted for one held-out trial are held against the counts of another trial of the same recording and fold.
What remains under the null is the average time course around the event (a PSTH); what is lost is what the source said
about the single trial.

Assumptions: trials of one test block are exchangeable under the null. A block lasts minutes; drift within it breaks
this a little, in favour of the model (Amarasingham et al. 2012, "Conditional modeling and the jitter method").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikebridge.statistics.nulls.result import NullResult, at_least

NAME = "trial_shuffle"
ASSUMPTIONS = "trials of one test block exchangeable"


def trial_shuffle(
    blocks: Sequence[NDArray[np.float64]],
    observed_nats: float,
    spikes: float,
    rng: np.random.Generator,
    resamples: int = 2_000,
) -> NullResult:
    """p of bits/spike under random pairings of predictions and trials within blocks.

    blocks: each (trial, trial), entry [a, b] = sum_{t,u} y_b log(rate_a) - rate_a, natural logarithm. The base rate
    of the information is the same for all pairings of a block and drops out of the difference.
    observed_nats, spikes: sums over all trials of the blocks, of the information and of target spikes.
    """
    gain = np.zeros(resamples)
    for pairs in blocks:
        trials = np.arange(len(pairs))
        dealt = rng.permuted(np.tile(trials, (resamples, 1)), axis=1)
        gain += pairs[dealt, trials].sum(axis=1) - np.trace(pairs)
    scale = spikes * np.log(2)
    null = (observed_nats + gain) / scale
    observed = observed_nats / scale
    p = (1 + int(np.count_nonzero(at_least(null, observed)))) / (1 + resamples)
    return NullResult(observed, null, p, 1 / (1 + resamples))
