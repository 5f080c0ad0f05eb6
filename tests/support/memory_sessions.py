"""Recordings in memory, read by a reader that takes files named *.memory, and the fixture that inspects them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.errors import DataError
from spikebridge.inspection import Inspection, InspectOptions, inspect
from spikebridge.io import Contents
from spikebridge.io import reader_registry as readers
from spikebridge.io.contents import no_behavior

Inspected = Callable[..., Inspection]


def session(
    *,
    regions: Mapping[str, int] | None = None,
    columns: Mapping[str, Any] | None = None,
    trials: int = 60,
    rate_hz: float = 8.0,
    seed: int = 0,
    **changes: Any,
) -> Contents:
    """Poisson spikes of units of some regions, and trials of 4 s every 6 s with a decision after 3 s."""
    rng = np.random.default_rng(seed)
    regions = {"CA1": 6, "PL": 5} if regions is None else regions
    names = [name for name, n in regions.items() for _ in range(n)]
    length = 10.0 + 6.0 * trials
    trains = [np.sort(rng.uniform(0.0, length, rng.poisson(rate_hz * length))) for _ in names]
    start = 5.0 + 6.0 * np.arange(trials)
    table = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": start + 4.0,
            "decision_time": start + 3.0,
            "choice": rng.permutation(np.array(["left", "right"] * trials)[:trials]),
        }
    ).assign(**(columns or {}))
    made: dict[str, Any] = {
        "name": "day",
        "animal": "rat",
        "spikes": pd.DataFrame(
            {"unit": np.repeat(np.arange(len(names)), [len(t) for t in trains]), "time_s": np.concatenate(trains)}
        ),
        "units": pd.DataFrame({"unit": np.arange(len(names)), "region": names}),
        "tables": {"trials": table},
        "behavior": no_behavior(),
        "source_file": "day.memory",
    }
    return Contents(**(made | changes))


@pytest.fixture
def inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inspected:
    """Inspect recordings held in memory: their names -> contents, or the words of the error they raise."""

    def inspected(
        *contents: Contents | str, asked: InspectOptions | None = None, base: dict[str, Any] | None = None
    ) -> Inspection:
        held = {f"{c.name}{i or ''}" if isinstance(c, Contents) else f"broken{i}": c for i, c in enumerate(contents)}

        def read(path: Path, options: Any) -> Contents:
            held_contents = held[path.stem]
            if isinstance(held_contents, str):
                raise DataError(f"{path}: {held_contents}")
            return replace(held_contents, name=path.stem)

        memory = SimpleNamespace(
            __name__="readers.memory",
            FORMAT="in memory",
            Options=readers.NoOptions,
            can_read=lambda path: path.suffix == ".memory" and path.stem in held,
            read=read,
        )
        monkeypatch.setattr(readers, "reader_names", lambda: ["memory"])
        monkeypatch.setattr(readers, "get_reader", lambda name: memory)
        for name in held:
            (tmp_path / f"{name}.memory").touch()
        return inspect(tmp_path if len(held) > 1 else tmp_path / f"{next(iter(held))}.memory", asked, base)

    return inspected
