"""A small sound recording, and NWB files written to order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from binned_files import N_BINS, N_TRIALS, N_UNITS
from numpy.typing import NDArray

from spikebridge import config
from spikebridge.config import Config
from spikebridge.types import Recording

TRIALS = {"start_time": [1.0, 4.0, 7.0], "stop_time": [2.0, 5.0, 8.0], "choice": ["stay", "skip", "stay"]}


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Config]:
    """A configuration for the files below; keyword arguments are sections to change."""

    def make(**sections: dict[str, Any]) -> Config:
        raw: dict[str, Any] = {
            "data": {"path": str(tmp_path / "raw"), "source": ["HC"], "target": ["PFC"]},
            "trials": {"align": "stop_time", "window_s": [-0.5, 0.0]},
            "models": {"majority": {}},
            "compute": {"workers": 1},  # starting a process takes longer than these recordings
        }
        for name, changes in sections.items():
            raw[name] = raw.get(name, {}) | changes
        return config.parse(raw)

    return make


@pytest.fixture
def recording() -> Recording:
    """Two units, three trials, 10 s; nothing odd about it."""
    spikes = pd.DataFrame({"unit": [0, 0, 1, 1], "time_s": [0.5, 9.0, 1.5, 7.5]})
    return Recording(
        name="small",
        animal="rat",
        spikes=spikes,
        units=pd.DataFrame({"unit": [0, 1], "region": ["HC", "PFC"]}),
        trials=pd.DataFrame(TRIALS),
        behavior=pd.DataFrame({"series": ["x"], "time_s": [0.0], "value": [1.0]}),
        observed=np.array([[0.0, 10.0]]),
        source_file="small.nwb",
    )


@pytest.fixture
def write_nwb() -> Callable[..., Path]:
    return _write_nwb


def _write_nwb(
    path: Path,
    *,
    spikes: dict[int, list[float]] | None = None,
    columns: dict[str, list[Any]] | None = None,
    electrodes: dict[str, Any] | None = None,
    obs: list[list[list[float]]] | None = None,
    trials: dict[str, list[Any]] | None = TRIALS,
    subject: str | None = "rat",
    extra: Callable[[Any], None] | None = None,
) -> Path:
    """electrodes: {"location": [...], "of_unit": [[row, ...], ...], "groups": [(name, location), ...]}, more columns.

    A path that ends in .zarr becomes a Zarr folder.
    """
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.file import Subject

    nwb = NWBFile("test", path.stem, datetime(2026, 1, 1, tzinfo=UTC))
    if subject:
        nwb.subject = Subject(subject_id=subject, species="Rattus norvegicus", sex="U", age="P1Y")
    if electrodes:
        _add_electrodes(nwb, electrodes)
    for name in columns or {}:
        nwb.add_unit_column(name, name)
    for row, (unit, times) in enumerate((spikes or {}).items()):
        more: dict[str, Any] = {name: values[row] for name, values in (columns or {}).items()}
        if electrodes:
            more["electrodes"] = electrodes["of_unit"][row]
        if obs:
            more["obs_intervals"] = np.array(obs[row], dtype=float)
        nwb.add_unit(id=unit, spike_times=times, **more)
    if trials:
        for name in [name for name in trials if name not in ("start_time", "stop_time")]:
            nwb.add_trial_column(name, name)
        for row in pd.DataFrame(trials).to_dict("records"):
            nwb.add_trial(**row)
    if extra:
        extra(nwb)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zarr":
        from hdmf_zarr import NWBZarrIO

        with NWBZarrIO(str(path), mode="w") as handle:
            handle.write(nwb)
        return path
    with NWBHDF5IO(str(path), "w") as handle:
        handle.write(nwb)
    return path


def _add_electrodes(nwb: Any, electrodes: dict[str, Any]) -> None:
    device = nwb.create_device("probe")
    groups = electrodes.get("groups", [("shank", "")] * len(electrodes["location"]))
    made = {
        name: nwb.create_electrode_group(name, description="", location=at, device=device)
        for name, at in dict(groups).items()
    }
    more = {n: v for n, v in electrodes.items() if n not in ("location", "of_unit", "groups")}
    for name in more:
        nwb.add_electrode_column(name, name)
    for row, place in enumerate(electrodes["location"]):
        others = {name: values[row] for name, values in more.items()}
        nwb.add_electrode(location=place, group=made[groups[row][0]], **others)


@pytest.fixture
def counts() -> NDArray[np.uint8]:
    """(trial, bin, unit), with empty bins and full ones."""
    counts = np.random.default_rng(1).poisson(0.7, (N_TRIALS, N_BINS, N_UNITS)).astype(np.uint8)
    counts[2, 3, 1] = 251
    counts[:, :, 4] = 0
    return counts
