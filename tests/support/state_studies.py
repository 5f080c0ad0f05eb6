"""Studies whose link between the regions depends on a state, or does not, with real fits of cheap translators."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from studies import small_config

from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.windows import save_windows
from spikebridge.config import StateConfig, StatisticsConfig, TrialsConfig
from spikebridge.evaluation.count_coupling import estimate_coupling
from spikebridge.evaluation.inputs import read
from spikebridge.evaluation.states.run import state_tables
from spikebridge.evaluation.states.values import Draws
from spikebridge.fitting import training
from spikebridge.nested_models.encoding.models import TranslatorLatents, fit_encoding_models
from spikebridge.preprocess.states import Timeline, find_states
from spikebridge.splits import make_splits
from spikebridge.types import Windows

STATES = {"run": StateConfig(where="speed > 5")}
BIN_S, LATENTS = 0.05, 3


@dataclass(frozen=True)
class LinkedStates:
    """What a study simulates.

    link: strength of the link while running and while still, in log rate. gain: factor of the rates of all units while
    running. share: of time that the animal runs. lag_bins: bins by which the target follows.
    """

    recordings: int = 6
    trials: int = 60
    n_bins: int = 30
    units: tuple[int, int] = (20, 16)
    link: tuple[float, float] = (0.5, 0.5)
    gain: float = 1.0
    share: float = 0.5
    lag_bins: int = 2
    base: float = 0.5
    folds: int = 3


def smooth(rng: np.random.Generator, n: int, k: int, tau: float) -> np.ndarray:
    """(time, k), of unit variance and correlation time tau in bins."""
    a = np.exp(-1 / tau)
    noise = rng.normal(size=(n, k)) * np.sqrt(1 - a**2)
    z = np.empty((n, k))
    z[0] = rng.normal(size=k)
    for t in range(1, n):
        z[t] = a * z[t - 1] + noise[t]
    return z


def recording(truth: LinkedStates, name: str, rng: np.random.Generator) -> tuple[Windows, pd.DataFrame]:
    """Windows with a pause of two windows between them, and the series speed: 10 while running, else 1."""
    step = 3 * truth.n_bins
    n = truth.trials * step
    z, private = smooth(rng, n, LATENTS, 4.0), smooth(rng, n, 2, 8.0)
    stay = 30 * np.array([1 - truth.share, truth.share]) / 0.5
    state = np.zeros(n, dtype=int)
    for t in range(1, n):
        state[t] = state[t - 1] ^ (rng.random() < 1 / stay[state[t - 1]])
    loads = [rng.normal(0, 0.4, (LATENTS, k)) for k in truth.units]
    gain = np.where(state == 1, truth.gain, 1.0)[:, None]
    behind = np.maximum(np.arange(n) - truth.lag_bins, 0)
    link = np.where(state == 1, *truth.link)[:, None]
    rates = [
        gain * truth.base * np.exp(1.2 * z @ loads[0]),
        gain
        * truth.base
        * np.exp(2.4 * link * (z[behind] @ loads[1]) + 0.3 * private @ rng.normal(0, 0.4, (2, truth.units[1]))),
    ]
    counts = [
        rng.poisson(np.minimum(r, 20.0)).astype(np.uint8).reshape(truth.trials, 3, truth.n_bins, -1)[:, 1]
        for r in rates
    ]
    start = (np.arange(truth.trials) * 3 + 1) * truth.n_bins * BIN_S
    windows = Windows(
        name, *counts, start, BIN_S, np.arange(truth.trials), np.arange(truth.trials) % 2,
        start + truth.n_bins * BIN_S, ("a", "b"), np.arange(truth.units[0]), 100 + np.arange(truth.units[1]),
    )  # fmt: skip
    time = (np.arange(n) + 0.5) * BIN_S
    return windows, pd.DataFrame({"series": "speed", "time_s": time, "value": np.where(state == 1, 10.0, 1.0)})


def state_study(
    root: Path, truth: LinkedStates, seed: int, model: str = "poisson_glm", nested: bool = False, cluster: str = "auto"
) -> dict[str, pd.DataFrame]:
    """Simulate, fit out of fold, and make the tables of the states."""
    made = [recording(truth, f"day{k}", np.random.default_rng([seed, k])) for k in range(truth.recordings)]
    data, config = [w for w, _ in made], small_config(split={"n_outer_folds": truth.folds, "gap_s": 1.0})
    (root / "windows").mkdir(parents=True)
    for w in data:
        save_windows(w, root / "windows")
    splits = make_splits(data, config.split)
    save_splits(splits, root / "splits.json")
    params: dict[str, float] = {"penalty": 10.0, "smoothing_s": 0.05, "max_lag_s": 0.2}
    folds = [{"fold": f, "params": params} for f in [*range(truth.folds), "full"]]
    (root / "best.json").write_text(json.dumps({"model": model, "folds": folds[:-1], "full": folds[-1]}))
    places = root / "windows", root / "splits.json", root / "best.json", root / "train" / model
    (root / "train").mkdir()
    training.train(model, seed, config.baseline, config.compute, *places, lambda row: None)
    folder = None
    if nested:
        by_name = {w.recording: w for w in data}
        latents = TranslatorLatents(TrainingRun(root / "train" / "none"), "it was not trained", causal=False)
        encoding = fit_encoding_models(by_name, splits, latents, config.compute)
        folder = root / "nested"
        folder.mkdir()
        NestedModelRun(folder).write_encoding(encoding, splits.hash)
    inputs = read([model], root / "windows", root / "splits.json", root / "train")
    timelines = [Timeline(w.recording, behavior) for w, behavior in made]
    states = find_states(STATES, TrialsConfig(), timelines, inputs.windows)
    settings = StatisticsConfig(n_resamples=1000, cluster=cluster)
    lag = estimate_coupling(inputs).lag.lag_s
    return state_tables(inputs, states, model, lag, Draws(settings, (seed, 10), {}), folder)
