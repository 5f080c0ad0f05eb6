"""Small recordings whose trials and spikes are on one clock, or on two, and the generators of faulty inputs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from project import ROOT
from read_one import read_recording

from spikebridge import config
from spikebridge.config import Config, RecordingSections, WindowSections
from spikebridge.errors import DataError
from spikebridge.io import named_recordings
from spikebridge.preprocess import classes_of, make_windows
from spikebridge.types import Recording

Array = NDArray[np.float64]
NWB = "session_1.nwb"
SHARED = Path(os.environ.get("SPIKEBRIDGE_SHARED", ROOT.parent / "shared"))


def generated(name: str, folder: Path) -> dict[str, Any]:
    """Run the generator of that name in the shared folder of cases: what it says is true of the input."""
    script = SHARED / "cases" / f"{name}.py"
    if not script.is_file():
        pytest.skip(f"the generator {script} is not here")
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=True)
    truth: dict[str, Any] = json.loads(done.stdout)
    return truth


def settings(folder: Path, source: str = "CA1", align: str = "choice_time", **data: Any) -> Config:
    return config.parse(
        {
            "data": {"path": str(folder), "source": [source], "target": ["PFC"], **data},
            "trials": {"align": align, "label": "choice", "window_s": [-1.0, 0.0]},
            "bins": {"width_s": 0.1},
            "quality": {"max_isi_violations": None, "min_presence_ratio": None},
            "models": {"majority": {}},
        }
    )


def read_all(asked: Config) -> dict[str, Recording]:
    readers = named_recordings(Path(asked.data.path), asked.data.reader)
    return {name: read_recording(path, RecordingSections.of(asked), name) for path, name in readers.items()}


def refusal(asked: Config) -> str:
    with pytest.raises(DataError) as caught:
        read_all(asked)
    return str(caught.value)


def only(asked: Config) -> Recording:
    (recording,) = read_all(asked).values()
    return recording


def warned(asked: Config) -> str:
    return "\n".join(map(str, only(asked).warnings))


def named_offset(text: str) -> dict[str, Any]:
    """The setting in a message, as YAML reads it."""
    line = re.search(r"data\.offset_s: (\{.*?\}+)", text)
    assert line, text
    offset: dict[str, Any] = yaml.safe_load(line[1])
    return offset


def nwb_units(path: Path) -> np.ndarray:
    import h5py

    with h5py.File(path, "r") as handle:
        times: np.ndarray = handle["units/spike_times"][:]
    return times


def counts(recording: Recording, asked: Config) -> dict[int, int]:
    """Row of the trial table -> spikes of all units in the window, as preprocess cuts it."""
    windows, _ = make_windows(recording, WindowSections.of(asked), classes_of([recording], asked.trials))
    total = windows.source.sum(axis=(1, 2), dtype=int) + windows.target.sum(axis=(1, 2), dtype=int)
    return {int(t): int(n) for t, n in zip(windows.trial, total, strict=True) if t >= 0}


def brute_force(spikes: Array, align: dict[int, float]) -> dict[int, int]:
    """Row -> spikes in [align - 1, align)."""
    return {row: int(((spikes >= at - 1.0) & (spikes < at)).sum()) for row, at in align.items()}


def session(seed: int = 0, trials: int = 80, gain: float = 0.0) -> tuple[dict[int, Array], pd.DataFrame]:
    """Twelve units and trials at irregular times, seconds. gain: of the units' response to the choice."""
    rng = np.random.default_rng(seed)
    start = 5.0 + np.cumsum(rng.uniform(4.0, 11.0, trials))
    choice = start + rng.uniform(1.5, 3.0, trials)
    table = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": choice + 0.8,
            "choice_time": choice,
            "reaction_s": choice - start,
            "choice": rng.permutation((["left", "right"] * trials)[:trials]),
        }
    )
    trains = {}
    for unit in range(12):
        base = np.cumsum(0.003 + rng.exponential(1 / 5, int(8 * (start[-1] + 20))))
        base = base[base < start[-1] + 8.0]
        extra = np.concatenate([at + rng.uniform(0.1, 0.4, rng.poisson(gain)) for at in choice] if unit % 2 else [[]])
        every = np.unique(np.round(np.concatenate([base, extra]), 5))
        trains[unit] = every[np.diff(every, prepend=-1.0) > 0.002]
    return trains, table


def moved(table: pd.DataFrame, by: Any) -> pd.DataFrame:
    """by: seconds, or a function of the times."""
    how = by if callable(by) else lambda times: times + by
    return table.assign(**{c: how(table[c].to_numpy()) for c in ("start_time", "stop_time", "choice_time")})


def write_tables(folder: Path, trains: dict[int, Array], trials: pd.DataFrame) -> Path:
    folder.mkdir(parents=True)
    flat = [(unit, time) for unit, times in trains.items() for time in times]
    pd.DataFrame(flat, columns=["unit", "time_s"]).to_csv(folder / "spikes.csv", index=False)
    pd.DataFrame({"unit": list(trains), "region": ["CA1"] * 6 + ["PFC"] * 6}).to_csv(folder / "units.csv", index=False)
    trials.to_csv(folder / "trials.csv", index=False)
    return folder


def write_phy(folder: Path, trains: dict[int, Array], trials: pd.DataFrame, **arrays: NDArray[Any]) -> Array:
    """Samples at 30 kHz. arrays: further files by stem, in the order of the spikes. Times of the samples, seconds."""
    folder.mkdir(parents=True)
    owner = np.concatenate([np.full(len(t), unit) for unit, t in trains.items()])
    samples = np.rint(np.concatenate(list(trains.values())) * 30_000).astype(np.int64)
    np.save(folder / "spike_times.npy", samples)
    np.save(folder / "spike_clusters.npy", owner)
    (folder / "params.py").write_text("sample_rate = 30000\n", encoding="utf-8")
    for stem, values in arrays.items():
        np.save(folder / f"{stem}.npy", values)
    pd.DataFrame({"unit": list(trains), "region": ["CA1"] * 6 + ["PFC"] * 6}).to_csv(folder / "units.csv", index=False)
    trials.to_csv(folder / "trials.csv", index=False)
    return samples / 30_000
