"""Recordings and windows made to order, without files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge import config
from spikebridge.config import Config
from spikebridge.types import Recording, Windows


@pytest.fixture
def settings() -> Callable[..., Config]:
    """1 s windows of 0.25 s bins that end at the column `go`; keyword arguments are sections to change."""

    def make(**sections: dict[str, Any]) -> Config:
        raw: dict[str, Any] = {
            "data": {"path": "raw", "source": ["HC"], "target": ["PFC"], "min_rate_hz": 0.0},
            "trials": {"align": "go", "window_s": [-1.0, 0.0]},
            "bins": {"width_s": 0.25},
            "models": {"majority": {}},
            "compute": {"workers": 1},  # starting a process takes longer than these recordings
        }
        for name, changes in sections.items():
            raw[name] = raw.get(name, {}) | changes
        return config.parse(raw)

    return make


@pytest.fixture
def make_recording() -> Callable[..., Recording]:
    def make(
        go: list[float],
        choice: list[Any],
        *,
        observed: list[list[float]] | None = None,
        spikes: dict[int, list[float]] | None = None,
        regions: tuple[str, ...] = ("HC", "PFC"),
        **columns: list[Any],
    ) -> Recording:
        spikes = {unit: [0.1 + 0.5 * i for i in range(40)] for unit in (0, 1)} if spikes is None else spikes
        rows = [(unit, t) for unit, times in spikes.items() for t in times]
        return Recording(
            name="small",
            animal="rat",
            spikes=pd.DataFrame(rows, columns=["unit", "time_s"]),
            units=pd.DataFrame({"unit": list(spikes), "region": regions}),
            trials=pd.DataFrame({"go": go, "choice": choice} | columns),
            behavior=pd.DataFrame({"series": [], "time_s": [], "value": []}),
            observed=np.array([[0.0, 20.0]] if observed is None else observed),
        )

    return make


@pytest.fixture
def make_windows() -> Callable[..., Windows]:
    return _make_windows


def _make_windows(
    n_trials: int,
    *,
    name: str = "a",
    every_s: float = 5.0,
    length_s: float = 1.0,
    continuous: bool = True,
    classes: tuple[str, ...] = ("x", "y"),
    label: np.ndarray | None = None,
    rate: np.ndarray | None = None,
) -> Windows:
    """Trials every `every_s` seconds, labels in turn, the time between them in continuous windows. rate: (window,)"""
    trial_start = np.arange(n_trials) * every_s
    between = np.concatenate([trial_start + k * length_s for k in range(1, int(every_s / length_s))] or [np.empty(0)])
    between = between if continuous else np.empty(0)
    start = np.concatenate([trial_start, between])
    order = np.argsort(start)
    trial = np.concatenate([np.arange(n_trials), np.full(len(between), -1)])[order]
    if label is None:
        label = np.arange(n_trials) % len(classes)
    counts = np.zeros((len(start), 4, 2), dtype=np.uint8)
    if rate is not None:
        counts[:, 0, 0] = rate
    return Windows(
        recording=name, source=counts, target=counts, start_s=start[order], bin_s=length_s / 4, trial=trial,
        label=np.where(trial >= 0, label[trial], -1), decision_s=np.where(trial >= 0, start[order] + length_s, np.nan),
        classes=classes, source_units=np.arange(2), target_units=np.arange(2),
    )  # fmt: skip
