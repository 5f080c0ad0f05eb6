"""Simulated recordings with known shared latents, lag, dimension and label coupling."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge.config import SimulateConfig
from spikebridge.simulate.nwb import write_nwb
from spikebridge.simulate.session import SHARED, STEP_S, Session, Truth, simulate_session

__all__ = ["SHARED", "STEP_S", "Session", "Truth", "simulate", "simulate_session", "write_nwb"]


def simulate(knobs: SimulateConfig, seed: int, folder: Path) -> list[Path]:
    """Write `knobs.n_recordings` NWB files into `folder` and their truth into `folder/truth`.

    Recordings are dealt to the animals in turn. Each has its own random stream, so more recordings leave the first
    ones as they were.
    """
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(knobs.n_recordings):
        animal = f"rat{number % knobs.n_animals + 1}"
        name = f"{animal}_day{number // knobs.n_animals + 1}"
        session = simulate_session(knobs, np.random.default_rng([seed, number]), name, animal)
        paths.append(folder / f"{name}.nwb")
        write_nwb(session, paths[-1])
        session.truth.save(truth / f"{name}.npz")
    return paths
