"""A session in MATLAB files as labs have it, and reading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mat_files import Cells, Structs, write_5, write_73

from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.readers import matlab

Writer = Callable[[Path, dict[str, Any]], Path]
VERSIONS = pytest.mark.parametrize("write", [write_5, write_73], ids=["v5", "v7.3"])


def session() -> dict[str, Any]:
    """A session as labs have it: a struct array of units, a struct of trial vectors, tracking on a clock of its own."""
    start = 5.0 + 10 * np.arange(6)
    return {
        "session": {
            "subject": "rat7",
            "units": Structs(
                [
                    {"spike_times": np.array([[0.5, 1.25, 40.1]]), "region": "CA1", "id": np.array([[11.0]])},
                    {"spike_times": np.zeros((0, 0)), "region": "PFC", "id": np.array([[12.0]])},
                    {"spike_times": np.array([[2.5], [30.75]]), "region": "PFC", "id": np.array([[13.0]])},
                ]
            ),
            "trials": {
                "tStart": start.reshape(-1, 1),
                "tEnd": start.reshape(1, -1) + 2,
                "choice": Cells(["L", "R", "", "L", "R", "L"]),
                "rewarded": np.array([[True, False, True, True, False, True]]),
            },
            "tracking": {"t": np.arange(8.0).reshape(-1, 1), "xy": np.arange(16.0).reshape(8, 2)},
        }
    }


OPTIONS: dict[str, Any] = {
    "spikes": "session.units.spike_times",
    "unit_id": "session.units.id",
    "region": "session.units.region",
    "trials": {
        "start_time": "session.trials.tStart",
        "stop_time": "session.trials.tEnd",
        "choice": "session.trials.choice",
        "rewarded": "session.trials.rewarded",
    },
    "behavior": {"xy": {"time": "session.tracking.t", "value": "session.tracking.xy"}},
    "animal": "session.subject",
}


def read(path: Path, **options: Any) -> Contents:
    return matlab.read(path, matlab.Options.model_validate(options))


def wrong(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value)


def trains(contents: Contents) -> dict[int, list[float]]:
    return {
        int(u): contents.spikes.loc[contents.spikes["unit"] == u, "time_s"].tolist() for u in contents.units["unit"]
    }


def proposed(text: str) -> dict[str, Any]:
    """The options of the block in an error."""
    block = yaml.safe_load(text.partition("names and sizes:\n")[2].partition("\nThe file holds")[0])["data"]
    assert block["reader"] == "matlab"
    options: dict[str, Any] = block["options"]
    return options
