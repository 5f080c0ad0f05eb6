"""Crossed recordings, a negative control from real data: the source of one recording, target and trials of another.

Trials are matched by their order. No link exists by construction, and both sides keep the drift, the streaks and the
imbalance that real recordings have; a simulation has only those that somebody thought of. It is the permutation of
sessions that Harris 2020 ("Nonsense correlations in neuroscience") recommends, for whole studies: with n recordings
there are n - 1 shifts, each a study of n crossed recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spikebridge.errors import ConfigError, DataError
from spikebridge.types import Windows


def cross(source: Windows, target: Windows) -> Windows:
    """Put the source counts of one recording beside the target counts and the trials of another.

    Parameters
    ----------
    source : Windows
        Of the recording that gives source counts and source units.
    target : Windows
        Of the recording that gives everything else: target, times, labels, covariates and behaviour.

    Returns
    -------
    Windows
        One for each of the first trials of both, as many as the recording with fewer trials has: trial k of `target`
        has the source counts of trial k of `source`, in the order of time. Windows between trials are left out. Named
        <source>_x_<target>.

    Raises
    ------
    DataError
        Where both are one recording, or differ in their bins.
    """
    name = f"{source.recording}_x_{target.recording}"
    if source.recording == target.recording:
        raise DataError(f"{name}: expected two recordings to cross, got one")
    if (source.n_bins, source.bin_s) != (target.n_bins, target.bin_s):
        raise DataError(
            f"{name}: expected windows of the same bins, got {source.n_bins} of {source.bin_s:g} s and "
            f"{target.n_bins} of {target.bin_s:g} s"
        )
    trials = [np.flatnonzero(w.in_trial) for w in (source, target)]
    n = min(len(rows) for rows in trials)
    of_source, of_target = source.select(trials[0][:n]), target.select(trials[1][:n])
    return replace(of_target, recording=name, source=of_source.source, source_units=of_source.source_units)


def crossed_pairs(recordings: Sequence[str], shift: int) -> list[tuple[str, str]]:
    """Pair every recording with the one that comes `shift` places later in the order of names, the last with the first.

    Parameters
    ----------
    recordings : sequence of str
        Their names.
    shift : int
        From 1 to the number of recordings less one.

    Returns
    -------
    list of (str, str)
        Recording that gives the source, recording that gives the target. Every recording gives each once.

    Raises
    ------
    ConfigError
        For a shift that does not exist.
    """
    ordered = sorted(recordings)
    if not 0 < shift < len(ordered):
        raise ConfigError(f"expected a shift from 1 to {len(ordered) - 1} of {len(ordered)} recordings, got {shift}")
    return [(name, ordered[(k + shift) % len(ordered)]) for k, name in enumerate(ordered)]
