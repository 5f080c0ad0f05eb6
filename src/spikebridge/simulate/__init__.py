"""Simulated recordings with known shared latents, lag, dimension and label coupling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikebridge.artifacts.truth import save_truth
from spikebridge.config import SimulateConfig
from spikebridge.runtime import parallel
from spikebridge.simulate.nwb import write_nwb
from spikebridge.simulate.processes import STEP_S
from spikebridge.simulate.session import SHARED, Session, simulate_session

__all__ = ["SHARED", "STEP_S", "Session", "simulate", "simulate_session", "write_nwb"]
MODULES = ("scipy.signal", "pynwb")
"""What the simulation of a recording loads."""


@dataclass(frozen=True)
class _Recording:
    """One recording to simulate: its number, and where its files are written."""

    settings: SimulateConfig
    seed: int
    number: int
    folder: Path

    @property
    def animal(self) -> str:
        return f"rat{self.number % self.settings.n_animals + 1}"

    @property
    def name(self) -> str:
        return f"{self.animal}_day{self.number // self.settings.n_animals + 1}"

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.nwb"


def simulate(settings: SimulateConfig, seed: int, folder: Path, workers: parallel.Workers = 1) -> list[Path]:
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
    workers : int or ComputeConfig
        Number of processes, or where they are; the files do not depend on it.

    Returns
    -------
    list of Path
        The NWB files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recordings = [_Recording(settings, seed, number, folder) for number in range(settings.n_recordings)]
    parallel.run_jobs(_write, recordings, workers, lambda _: None, MODULES)
    return [recording.path for recording in recordings]


def _write(recording: _Recording, report: parallel.Report) -> None:
    rng = np.random.default_rng([recording.seed, recording.number])
    session = simulate_session(recording.settings, rng, recording.name, recording.animal)
    write_nwb(session, recording.path)
    save_truth(session.truth, recording.folder, recording.name)
