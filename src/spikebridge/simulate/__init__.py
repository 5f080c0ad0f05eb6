"""Simulated recordings with known shared latents, lag, dimension and label coupling."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge.config import SimulateConfig
from spikebridge.simulate.nwb import write_nwb
from spikebridge.simulate.processes import STEP_S
from spikebridge.simulate.session import SHARED, Session, Truth, simulate_session

__all__ = ["SHARED", "STEP_S", "Session", "Truth", "simulate", "simulate_session", "write_nwb"]


def simulate(settings: SimulateConfig, seed: int, folder: Path) -> list[Path]:
    """Simulate recordings; write them as NWB files into a folder, and their truth into its subfolder truth.

    The recordings are assigned to the animals in turn. Each recording has its own random stream, so a larger number of
    recordings does not change the first ones.

    Parameters
    ----------
    settings : SimulateConfig
        How many recordings of how many animals, their size and their coupling.
    seed : int
        Seed of all random streams.
    folder : Path
        Where the files are written.

    Returns
    -------
    list of Path
        The NWB files.
    """
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(settings.n_recordings):
        animal = f"rat{number % settings.n_animals + 1}"
        name = f"{animal}_day{number // settings.n_animals + 1}"
        session = simulate_session(settings, np.random.default_rng([seed, number]), name, animal)
        paths.append(folder / f"{name}.nwb")
        write_nwb(session, paths[-1])
        session.truth.save(truth / f"{name}.npz")
    return paths
