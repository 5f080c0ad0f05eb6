"""Two small simulated recordings as objects."""

from __future__ import annotations

import numpy as np
import pytest
from studies import as_recording

from spikebridge.config import SimulateConfig
from spikebridge.simulate import simulate_session
from spikebridge.types import Recording

KNOBS = SimulateConfig(n_trials=40, n_source_units=(16, 16), n_target_units=(10, 10))


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    return [
        as_recording(simulate_session(KNOBS, np.random.default_rng([5, day]), f"rat1_day{day}", "rat1"))
        for day in (1, 2)
    ]
