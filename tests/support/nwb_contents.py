"""Small NWB files: what they hold, and what a configuration chooses of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.io import choose
from spikebridge.io.contents import Contents
from spikebridge.io.readers import nwb
from spikebridge.types import Recording

SPIKES = {7: [0.5, 1.5, 9.0], 3: [2.0, 4.5]}
REGIONS = {"region": ["HC", "PFC"]}
Settings = Callable[..., Config]
Writer = Callable[..., Path]


def contents(path: Path, **options: str) -> Contents:
    return nwb.read(path, nwb.Options(**options))


def read(path: Path, settings: Config) -> Recording:
    """Contents, and what the parameters choose of them; what was odd joins the warnings."""
    chosen = choose(contents(path), settings.data, settings.trials)
    wrong = [str(f) for f in chosen.findings if f.is_error]
    if wrong:
        raise DataError(f"{chosen.recording.source_file}: {'; '.join(wrong)}")
    return replace(chosen.recording, warnings=(*chosen.recording.warnings, *chosen.findings))


def add_behavior(file: Any) -> None:
    from pynwb import TimeSeries
    from pynwb.behavior import Position, SpatialSeries

    clock = {"rate": 10.0, "starting_time": 1.0}
    module = file.create_processing_module("behavior", "")
    position = Position()
    position.add_spatial_series(
        SpatialSeries("at", data=np.arange(8.0).reshape(4, 2), reference_frame="", conversion=0.5, **clock)
    )
    module.add(position)
    module.add(TimeSeries("speed", data=[1.0, 2.0], unit="m/s", timestamps=[3.0, 4.0]))
    module.add(TimeSeries("wide", data=np.zeros((2, 40)), unit="", **clock))
    file.add_acquisition(TimeSeries("speed", data=[5], unit="V", **clock))
    file.add_acquisition(TimeSeries("pair", data=np.zeros((1, 2)), unit="V", **clock))
