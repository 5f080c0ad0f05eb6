"""Whether a population keeps its rate over a recording. Slow drift in both regions, or in one and the decisions, looks
like coupling (Harris 2020, "Nonsense correlations in neuroscience"; Elber-Dorozko & Loewenstein 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors.findings import Finding
from spikebridge.preprocess.unit_metrics import ObservedTrain
from spikebridge.types import Recording
from spikebridge.types.intervals import total_s
from spikebridge.types.spike_trains import spike_trains

CHANGE = 1.5
"""Fold by which the rate of a population may change before it is said. Of the four recordings of Steinmetz et al. 2019
that the tests hold, none changes more than 1.14 times in source or target."""
FEWEST_S = 300.0
"""A shorter recording is told by a few bursts, not by drift."""
SIGMAS = 5.0
"""Standard errors of the change, were all spikes independent, that it must exceed besides."""


def drift(recording: Recording, kept: Mapping[str, NDArray[np.int64]]) -> Iterator[Finding]:
    """One line for each role whose population rate changes from the first to the last third of the observed time.

    kept: {role: (unit,)}, the units that are used. The change is n_last / n_first, over all spikes of these units.
    """
    if total_s(recording.observed) < FEWEST_S:
        return
    for role, ids in kept.items():
        n_first, n_last = thirds(recording, ids)
        change = (n_last + 0.5) / (n_first + 0.5)
        error = np.sqrt(1 / (n_last + 0.5) + 1 / (n_first + 0.5))
        if abs(np.log(change)) > max(np.log(CHANGE), SIGMAS * error):
            yield Finding.warning(
                "rate-drift",
                role,
                f"the population rate of {role} changes {change:.2g} times from the first to the last third of the "
                "observed time: slow drift that both regions share passes for coupling;",
                "see the nulls, or limit the units by quality.max_rate_change",
            )


def thirds(recording: Recording, ids: NDArray[np.int64]) -> tuple[int, int]:
    """Spikes of some units in the first and in the last third of the observed time."""
    spikes, n_first, n_last = recording.spikes, 0, 0
    for train in spike_trains(spikes["time_s"].to_numpy(), spikes["unit"].to_numpy(), ids):
        seen = ObservedTrain.of(train, recording.observed)
        upto, since = np.searchsorted(seen.position_s, [seen.total_s / 3, 2 * seen.total_s / 3])
        n_first, n_last = n_first + int(upto), n_last + len(seen) - int(since)
    return n_first, n_last
