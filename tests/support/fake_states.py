"""Behaviour and interval tables for a fake study, with states that are known bin by bin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fake_runs import Study

from spikebridge.artifacts.recordings import save_ingested
from spikebridge.config import Config
from spikebridge.types import Recording

CONDITION = "speed > 5"


def as_ingested(
    name: str, behavior: pd.DataFrame | None = None, trials: pd.DataFrame | None = None, **tables: pd.DataFrame
) -> tuple[Recording, dict[str, pd.DataFrame]]:
    """A recording without spikes, and its interval tables, as `save_ingested` takes them."""
    none = {"series": pd.Series(dtype="str"), "time_s": pd.Series(dtype=float), "value": pd.Series(dtype=float)}
    trials = pd.DataFrame({"start_time": [0.0], "stop_time": [1.0]}) if trials is None else trials
    recording = Recording(
        name=name,
        animal="rat",
        spikes=pd.DataFrame({"unit": pd.Series(dtype="int64"), "time_s": pd.Series(dtype=float)}),
        units=pd.DataFrame({"unit": [0], "region": ["HC"]}),
        trials=trials,
        behavior=pd.DataFrame(none) if behavior is None else behavior,
        observed=np.array([[0.0, 1e4]]),
    )
    return recording, {**tables, "trials": trials}


def make_states(study: Study, seed: int = 5) -> dict[str, np.ndarray]:
    """Write <root>/ingested. Returns recording -> (window, bin): where the animal runs, a Markov process.

    The series speed has two samples a bin; ripples are the stretches of rest, as a table.
    """
    rng, running = np.random.default_rng(seed), {}
    for w in study.windows:
        flags = (np.cumsum(rng.random((len(w), w.n_bins)) < 0.1, axis=1) + rng.integers(0, 2, (len(w), 1))) % 2 == 1
        running[w.recording] = flags
        edges = w.start_s[:, None] + np.arange(w.n_bins) * w.bin_s
        times = np.concatenate([(edges + share * w.bin_s).ravel() for share in (0.25, 0.75)])
        speed = np.tile(np.where(flags, 10.0, 1.0).ravel(), 2)
        behavior = pd.DataFrame({"series": "speed", "time_s": times, "value": speed})
        rest = pd.DataFrame({"start_time": edges[~flags], "stop_time": edges[~flags] + w.bin_s})
        recording, tables = as_ingested(w.recording, behavior, rest=rest)
        save_ingested(recording, study.root / "ingested" / w.recording, intervals=tables)
    return running


def with_states(study: Study, states: dict[str, Any], **statistics: Any) -> Study:
    """The study with these states in its settings."""
    config: Config = study.config
    analysis = type(config.analysis)(states=states)
    settings = config.statistics.model_copy(update=statistics)
    return replace(study, config=config.model_copy(update={"analysis": analysis, "statistics": settings}))


def ingested(study: Study) -> Path:
    return study.root / "ingested"
