"""Random streams, one for every purpose, so that a change in one place leaves the draws of all others as they were."""

from __future__ import annotations

import numpy as np

from spikebridge.runtime.hashing import digest


def random_generator(seed: int, *key: str | int) -> np.random.Generator:
    """The generator of one purpose.

    Parameters
    ----------
    seed : int
        The seed of the configuration.
    *key : str or int
        Name the purpose, for example ``"fit", model, fold``. The same seed and key always give the same draws;
        renaming a part of a key changes the results.

    Returns
    -------
    numpy.random.Generator
        PCG64, from the seed and the SHA-256 of the key.
    """
    return np.random.default_rng([seed, int(digest(*map(str, key)), 16)])
