"""What every test may use: simulated recordings cut into windows, and a guard of the global random state."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from studies import simulated_windows, small_config

from spikebridge.types import Windows


@pytest.fixture(scope="session")
def windows() -> list[Windows]:
    """Two small simulated recordings of 40 trials."""
    return simulated_windows(small_config())


@pytest.fixture(scope="session")
def halves(windows: list[Windows]) -> tuple[list[Windows], list[Windows]]:
    """The first and the last part of `windows`, well apart."""
    cut = [int(0.7 * len(w)) for w in windows]
    first = [w.select(np.arange(c - 3)) for w, c in zip(windows, cut, strict=True)]
    return first, [w.select(np.arange(c, len(w))) for w, c in zip(windows, cut, strict=True)]


@pytest.fixture(autouse=True)
def _no_global_randomness() -> Any:
    """No test, and nothing that it calls, may move numpy's global random state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert np.array_equal(before, np.random.get_state()[1]), "numpy's global random state was used"  # noqa: NPY002
