"""A day in the Frank/Jadhav-lab layout, as the labs' own scripts write it: times in seconds, timerange in 1/10000 s."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mat_files import Cells, write_5, write_73

from spikebridge.config import DataConfig
from spikebridge.errors import DataError
from spikebridge.io.contents import Contents
from spikebridge.io.readers import frank

Writer = Callable[[Path, dict[str, Any]], Path]
VERSIONS = pytest.mark.parametrize("write", [write_5, write_73], ids=["v5", "v7.3"])
DATA = DataConfig(path="", source=["CA1"], target=["PFC"])
SPIKE_FIELDS = "time x y dir not_used amplitude(highest variance channel) posindex"
EPOCHS = {1: (0.0, 900.0), 2: (1000.0, 2000.0), 3: (2100.0, 3000.0)}
"""Sleep, run, sleep; seconds."""


def nested(values: dict[tuple[int, ...], Any]) -> Cells:
    """{(1, 2): x} -> a cell array whose first cell is a cell array whose second cell is x; cells between are empty."""
    cells = Cells([None] * max(k[0] for k in values))
    for number in {k[0] for k in values}:
        inner = {k[1:]: v for k, v in values.items() if k[0] == number}
        cells[number - 1] = inner[()] if () in inner else nested(inner)
    return cells


def unit(epoch: int, times: Any, fields: str = SPIKE_FIELDS, ticks: float = 1e4, **more: Any) -> dict[str, Any]:
    """A cell of spikes as the labs' scripts write it: seven columns, of which the first is the time."""
    times = np.asarray(times, dtype=float)
    data = np.column_stack([times, *np.tile(np.arange(6.0)[:, None], len(times))]) if len(times) else np.zeros((0, 0))
    span = np.array([EPOCHS[epoch]]) * ticks
    return {
        "data": data,
        "descript": "spike data",
        "fields": fields,
        "depth": np.array([[88.0]]),
        "timerange": span,
    } | more


def trains(contents: Contents) -> dict[str, list[float]]:
    of_unit = {u: contents.spikes.loc[contents.spikes["unit"] == u, "time_s"].tolist() for u in contents.units["unit"]}
    return {n: of_unit[u] for n, u in zip(contents.units["name"], contents.units["unit"], strict=True)}


SPIKES = {
    (3, 1, 5, 2): unit(1, [10.0, 450.5, 880.0]),
    (3, 2, 5, 2): unit(2, [1000.25, 1990.0]),
    (3, 2, 2, 1): unit(2, [1500.0]),
    (3, 2, 14, 3): unit(2, []),
    (3, 3, 5, 2): unit(3, [2100.5, 2990.0]),
    (3, 3, 14, 3): unit(3, [2222.0]),
}
CELLINFO = {
    (3, e, t, c): {"area": area, "tag": tag, "meanrate": np.array([[float(e)]]), "csi": np.array([[e / 10]])}
    for (_, e, t, c) in SPIKES
    for area, tag in [("PFC", "mua") if t == 14 else ("CA1", "accepted")]
}
POS_FIELDS = "time x y dir vel x-sm y-sm dir-sm vel-sm"


def positions(epoch: int) -> dict[str, Any]:
    time = np.arange(EPOCHS[epoch][0] + 1, EPOCHS[epoch][1] - 1, 1 / 30)
    data = np.column_stack([time, *(np.sin(time) + k for k in range(8))])
    return {"arg": Cells([]), "descript": Cells(["position data"]), "fields": POS_FIELDS, "data": data}


def trajinfo() -> dict[str, Any]:
    start = np.array([1010.0, 1050.0, 1100.0])
    return {
        "trajbound": np.array([[0.0], [1.0], [0.0]]),
        "rewarded": np.array([[1.0], [1.0], [0.0]]),
        "trajtime": np.column_stack([start, start + 20]),
        "wellstend": np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 3.0]]),
        "descript": "trajbound: 1=inbound, 0=outbound",
    }


def day(folder: Path, write: Writer = write_5, **changes: Any) -> Path:
    """bon, day 3, with everything beside it; changes: kind -> content, None leaves the file out."""
    content: dict[str, Any] = {
        "cellinfo": CELLINFO,
        "pos": {(3, e): positions(e) for e in EPOCHS},
        "task": {
            (3, 1): {"type": "sleep"},
            (3, 2): {"type": "run", "environment": "wtr1", "exposure": np.array([[4.0]]), "linearcoord": Cells([])},
            (3, 3): {"type": "sleep", "environment": "postsleep"},
        },
        "trajinfo": {(3, 2): trajinfo()},
        "spikes": SPIKES,
    } | changes
    for kind, values in content.items():
        number = "" if kind in ("cellinfo", "tetinfo") else "03"
        path = folder / f"bon{kind}{number}.mat"
        path.unlink(missing_ok=True)
        if values is not None:
            write(path, {kind: nested(values) if isinstance(values, dict) else values})
    return folder / "bonspikes03.mat"


def read(path: Path, **options: Any) -> Contents:
    return frank.read(path, frank.Options.model_validate(options))


def wrong(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value)
