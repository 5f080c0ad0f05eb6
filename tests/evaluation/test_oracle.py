"""The oracle: nothing else that is log-linear in the shared latents tells more, a free fit of them tells as much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.artifacts.truth import Truth, load_truth, save_truth, truth_path
from spikebridge.config import SimulateConfig
from spikebridge.evaluation.recovery import oracle, shares_of_oracle
from spikebridge.metrics import information, truth_at
from spikebridge.simulate import simulate_session
from spikebridge.types import Fold

BIN_S, BINS = 0.05, 40


class Cut(SimpleNamespace):
    """What the oracle looks at of windows."""

    def __len__(self) -> int:
        return len(self.start_s)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    return made(tmp_path_factory.mktemp("oracle"))


def made(folder: Path, bin_s: float = BIN_S, **regime: Any) -> tuple[Any, Path]:
    size: dict[str, Any] = {"n_trials": 120, "n_source_units": (12, 12), "n_target_units": (10, 10)}
    n_bins = round(BINS * BIN_S / bin_s)
    knobs = SimulateConfig(**size, private_gain=0.3, drift=0.0, **regime)
    session = simulate_session(knobs, np.random.default_rng(5), "day", "rat")
    save_truth(session.truth, folder, "day")
    start = session.trials["decision_time"].to_numpy() - BINS * BIN_S
    target = [u for u, region in enumerate(session.regions) if region == "PFC"]
    counts = np.stack(
        [[np.histogram(session.spikes[u], bins=s + np.arange(n_bins + 1) * bin_s)[0] for u in target] for s in start]
    ).transpose(0, 2, 1)
    w = Cut(start_s=start, target=counts, target_units=np.array(target), n_bins=n_bins, bin_s=bin_s)
    rows = np.arange(len(start))
    folds = [
        Fold(fold=k, test={"day": test}, train={"day": np.setdiff1d(rows, test)}, inner=(), test_intervals={})
        for k, test in enumerate(np.array_split(rows, 4))
    ]
    return SimpleNamespace(windows={"day": w}, splits=SimpleNamespace(folds=folds), translations={}), folder


def best_linear(inputs: Any, folder: Path) -> float:
    """Bits/spike of the best log-linear map of the true latents of the source, and of its state, without any noise.

    The lags (none, or the 0.4 s before) are chosen on the scored data, which favours the map.
    """
    w = inputs.windows["day"]
    truth = load_truth(truth_path(folder, "day"))
    at = w.start_s[:, None] + (np.arange(w.n_bins) + 0.5) * w.bin_s - truth.lag_s
    lagged = [truth_at(truth.time_s, truth.shared, at - lag) for lag in (0.0, 0.1, 0.2, 0.3, 0.4)]
    bits = []
    for x in (lagged[0], np.concatenate(lagged, axis=-1)):
        nats = spikes = 0.0
        for fold in inputs.splits.folds:
            train, test = fold.train["day"], fold.test["day"]
            learned, scored = (x[rows].reshape(-1, x.shape[2]) for rows in (train, test))
            units = w.target[train].reshape(len(learned), -1).T
            fits = [PoissonRegressor(alpha=1e-3, solver="newton-cholesky").fit(learned, unit) for unit in units]
            rates = np.stack([f.predict(scored) for f in fits], axis=1).reshape(w.target[test].shape)
            told, n = information(rates, w.target[test], w.target[train].mean(axis=(0, 1)))
            nats, spikes = nats + told.sum(), spikes + n.sum()
        bits.append(nats / spikes / np.log(2))
    return max(bits)


@pytest.mark.parametrize(
    ("regime", "bin_s", "low", "high"),
    [("linear", 0.05, 0.97, 1.02), ("gated", 0.05, 0, 0.7), ("integrated", 0.05, 0, 0.75), ("theta", 0.025, 0, 0.88)],
)
@pytest.mark.quick_cases(1)
def test_a_linear_map_of_the_true_latents_reaches_the_oracle_in_the_linear_regime_alone(
    tmp_path: Path, regime: str, bin_s: float, low: float, high: float
) -> None:
    inputs, folder = made(tmp_path, bin_s, regime=regime)
    best = oracle(inputs, folder, ["PFC"])["bits_per_spike"]
    assert best > 0.05
    assert low < best_linear(inputs, folder) / best < high
    if regime != "linear":  # the truth without what was transferred is not the truth
        truth = load_truth(truth_path(folder, "day"))
        save_truth(replace(truth, transferred=None, shared=truth.shared[:, :4]), tmp_path / "other", "day")
        assert oracle(inputs, tmp_path / "other", ["PFC"])["bits_per_spike"] < best


def test_bits_over_the_baseline_are_those_of_the_same_trials(study: tuple[Any, Path]) -> None:
    inputs, folder = study
    spikes = inputs.windows["day"].target.sum(axis=(1, 2)).astype(float)
    trial = np.arange(len(spikes))
    known = np.linspace(-1.0, 3.0, len(spikes))
    table = pd.DataFrame({"recording": "day", "trial": trial, "nats": 9.0, "spikes": spikes})
    t = Translation("ridge", table.assign(nats_without_source=known), folder)
    unknown = Translation("past", table.assign(nats_without_source=np.nan), folder)
    w = Cut(**vars(inputs.windows["day"]), trial=trial)
    with_baseline = SimpleNamespace(
        windows={"day": w}, splits=inputs.splits, translations={"past": unknown, "ridge": t}
    )
    scores = oracle(with_baseline, folder, ["PFC"])
    assert scores["bits_per_spike"] == oracle(inputs, folder, ["PFC"])["bits_per_spike"]
    less = known.sum() / spikes.sum() / np.log(2)
    assert scores["source_bits_per_spike"] == pytest.approx(scores["bits_per_spike"] - less)


def test_a_free_fit_on_the_true_latents_tells_as_much(study: tuple[Any, Path]) -> None:
    inputs, folder = study
    w = inputs.windows["day"]
    truth = load_truth(truth_path(folder, "day"))
    at = w.start_s[:, None] + (np.arange(BINS) + 0.5) * BIN_S - truth.lag_s
    latents = truth_at(truth.time_s, truth.shared, at)
    nats = spikes = 0.0
    for fold in inputs.splits.folds:
        train, test = fold.train["day"], fold.test["day"]
        x, y = latents[train].reshape(-1, latents.shape[2]), w.target[train].reshape(-1, w.target.shape[2])
        fits = [PoissonRegressor(alpha=1e-6, max_iter=500).fit(x, unit) for unit in y.T]
        rates = np.stack([f.predict(latents[test].reshape(-1, x.shape[1])) for f in fits], axis=1)
        told, n = information(rates.reshape(w.target[test].shape), w.target[test], w.target[train].mean(axis=(0, 1)))
        nats, spikes = nats + told.sum(), spikes + n.sum()
    scores = oracle(inputs, folder, ["PFC"])
    assert scores["bits_per_spike"] > 0.2
    assert scores["bits_per_spike"] == pytest.approx(nats / spikes / np.log(2), rel=0.03)
    assert scores["recordings"]["day"] == pytest.approx(scores["bits_per_spike"])


def later(truth: Truth) -> Truth:
    return replace(truth, lag_s=truth.lag_s + 0.2)


def weaker(truth: Truth) -> Truth:
    return replace(truth, target=replace(truth.target, loadings=0.7 * truth.target.loadings))


@pytest.mark.parametrize("changed", [later, weaker])
def test_any_other_truth_tells_less(study: tuple[Any, Path], tmp_path: Path, changed: Any) -> None:
    inputs, folder = study
    save_truth(changed(load_truth(truth_path(folder, "day"))), tmp_path, "day")
    assert oracle(inputs, tmp_path, ["PFC"])["bits_per_spike"] < oracle(inputs, folder, ["PFC"])["bits_per_spike"]


def test_a_truth_of_before_has_no_oracle(study: tuple[Any, Path], tmp_path: Path) -> None:
    inputs, folder = study
    truth = load_truth(truth_path(folder, "day"))
    regions = {"source": replace(truth.source, loadings=None), "target": replace(truth.target, loadings=None)}
    save_truth(replace(truth, **regions), tmp_path, "day")
    assert oracle(inputs, tmp_path, ["PFC"]) == {}
    assert oracle(inputs, tmp_path / "nowhere", ["PFC"]) == {}


def test_shares_of_it() -> None:
    told = {"ridge": {"bits_per_spike": {"value": 0.3}}}
    assert shares_of_oracle({"bits_per_spike": 0.4}, told) == {"ridge": pytest.approx(0.75)}
    assert shares_of_oracle({"bits_per_spike": -1e-4}, told) == {}
