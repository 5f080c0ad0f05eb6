"""The audit of optimism finds what random folds would have given, where there is nothing to be found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_windows import windows_of
from studies import small_config

from spikebridge import gates
from spikebridge.artifacts.latent_analysis import INNER_SCORES, LatentAnalysisRun
from spikebridge.artifacts.tuning import TunedFold
from spikebridge.baseline import Baselines
from spikebridge.evaluation.latent_analysis.optimism_tables import COLUMNS, optimism_scores, optimism_table
from spikebridge.evaluation.latent_analysis.scores import IntervalSettings
from spikebridge.latent_analysis import optimism
from spikebridge.latent_analysis.refit import Refits
from spikebridge.metrics import balanced_accuracy
from spikebridge.splits import inner_partitions, make_splits
from spikebridge.types import Windows

FOLDS = 5
RUN = 15
"""Trials that the labels remember."""


def drifting(name: str, seed: int, n: int = 150) -> Windows:
    """Rates of 20 units that wander, and labels that come in runs, each on its own: no unit tells of a decision."""
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, 0.25, (n, 20)), axis=0)
    rates = 0.6 * np.exp(np.clip(wander - wander.mean(axis=0), -2, 2))
    counts = rng.poisson(np.repeat(rates[:, None], 8, axis=1))
    slow = np.convolve(rng.normal(size=n + RUN - 1), np.ones(RUN), mode="valid")
    label = (slow > np.median(slow)).astype(np.int64)
    start = 6.0 * np.arange(n)
    return windows_of(counts, counts[:, :, :5], recording=name, label=label, start_s=start, decision_s=start + 0.8)


@pytest.fixture(scope="module")
def config() -> Any:
    settings = small_config(split={"n_outer_folds": FOLDS}, analysis={"n_folds": FOLDS, "max_epochs": 1})
    return settings.model_copy(update={"models": {"random_forest": {}, "majority": {}}})


@pytest.fixture(scope="module")
def data() -> list[Windows]:
    return [drifting(f"rec.{k}", k) for k in range(3)]


def refits(config: Any, data: list[Windows], fold: int) -> Refits:
    splits = make_splits(data, config.split)
    tuned = {"random_forest": TunedFold(fold, {"n_estimators": 15}, {"balanced_accuracy": 0.6})}
    return Refits(
        config.seed, config.analysis, data, splits, splits.folds[fold], "cpu", lambda row: None, tuned, Baselines()
    )


@pytest.fixture(scope="module")
def told(config: Any, data: list[Windows], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optimism")
    tables = [optimism.tables(refits(config, data, k))["optimism"] for k in range(FOLDS)]
    best = {"random_forest": [TunedFold(k, {}, {"balanced_accuracy": 0.5 + k / 10}) for k in range(FOLDS)]}
    made = {"optimism": pd.concat(tables), INNER_SCORES: optimism.inner_scores(best)}
    LatentAnalysisRun(folder).write_tables(made)
    return folder


@pytest.fixture(scope="module")
def table(config: Any, told: Path) -> pd.DataFrame:
    scores = {"models": {"random_forest": {"balanced_accuracy": {"value": 0.55}}}}
    return optimism_table(told, scores, IntervalSettings(config.statistics, np.random.default_rng(0), {}))


def test_leaky_folds_find_a_decision_where_there_is_none(table: pd.DataFrame) -> None:
    """Strong drift, labels in runs, no information: random folds are far above chance, blocked ones are not."""
    row = table.iloc[0]
    chance = 0.5 + 2 * 0.5 / np.sqrt(450 / RUN)  # labels in runs: as many independent ones as there are runs
    assert row["leaky"] > chance > row["blocked"]
    assert row["leaky_minus_blocked"] > 0.08
    assert row["leaky_minus_blocked"] == pytest.approx(row["leaky"] - row["blocked"])
    assert row["ci_low"] < row["leaky_minus_blocked"] < row["ci_high"]
    assert row["n_trials_blocked"] == row["n_trials_leaky"] == 450


def test_the_rest_of_the_row(table: pd.DataFrame, told: Path) -> None:
    row = table.iloc[0]
    assert list(table.columns) == COLUMNS and table["model"].tolist() == ["random_forest"]
    assert row["inner"] == pytest.approx(0.7) and row["inner_minus_outer"] == pytest.approx(0.15)
    raw = pd.read_csv(told / "optimism.csv")
    by_hand = [
        balanced_accuracy(rows["label"].to_numpy(int), rows["predicted"].to_numpy(int))
        for _, rows in raw[raw["folds"] == "blocked"].groupby("seed")
    ]
    assert row["blocked"] == pytest.approx(by_hand[0])
    assert len(by_hand) == row["n_seeds"] == 3 and row["seeds_sd"] == pytest.approx(np.std(by_hand, ddof=1))
    scores = optimism_scores(table)["balanced_accuracy"]["random_forest"]
    assert scores["leaky"] == row["leaky"] and "value" not in scores


def test_both_schemes_fit_as_many_windows_and_leaky_folds_test_every_trial_once(
    config: Any, data: list[Windows]
) -> None:
    tested: dict[str, list[int]] = {w.recording: [] for w in data}
    near = 0
    for k in range(FOLDS):
        fold_refits = refits(config, data, k)
        blocked = inner_partitions(fold_refits.splits, str(k))[0]
        dealt, test = optimism.random_fold(fold_refits, blocked)
        for w in data:
            name = w.recording
            sides = [dealt.train[name], dealt.valid[name], test[name]]
            assert len(np.unique(np.concatenate(sides))) == sum(map(len, sides))  # no trial on two sides
            assert (len(sides[0]), len(sides[1])) == (len(blocked.train[name]), len(blocked.valid[name]))
            tested[name] += test[name].tolist()
            near += int(np.isin(test[name] + 1, np.concatenate(sides[:2])).sum())
    assert all(sorted(tested[w.recording]) == list(range(len(w))) for w in data)
    assert near > 0.3 * sum(map(len, data))  # and its neighbour was learned from


def test_leaky_scores_are_called_so_and_the_gate_never_reads_them(told: Path) -> None:
    raw = pd.read_csv(told / "optimism.csv")
    assert set(raw["folds"]) == {"blocked", "leaky"}
    source = Path(gates.__file__).read_text(encoding="utf-8")
    assert "analysis" not in source and "optimism" not in source


def test_models_without_a_claim_are_not_audited() -> None:
    assert optimism.models_of(["majority", "ridge", "dnn", "logistic", "seq2seq"]) == ["seq2seq", "dnn", "ridge"]
