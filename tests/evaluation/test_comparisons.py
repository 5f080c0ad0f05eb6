"""comparisons.csv: known effects are found, and noise wins no more often than the level allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, make_study
from scipy import stats

from spikebridge import mission, models
from spikebridge.evaluation.comparisons import families
from spikebridge.metrics import balanced_accuracy, balanced_accuracy_within_blocks
from spikebridge.statistics import sign_flip

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def comparisons(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "comparisons.csv")


def test_known_effects_are_found(comparisons: pd.DataFrame) -> None:
    primary = comparisons[comparisons["role"] == "primary"].set_index(["family", "model_a", "model_b"])
    assert primary.loc[("above_majority", "seq2seq", "majority"), "verdict"] == "seq2seq better"
    assert primary.loc[("above_majority", "seq2seq", "majority"), "p_holm"] == pytest.approx(3 / 64)
    assert primary.loc[("seq2seq_against_competitors", "seq2seq", "dnn"), "verdict"] == "seq2seq better"
    assert primary.loc[("translation", "seq2seq", "ridge"), "p"] == 1 / 64
    assert primary.loc[("translation_from_source", "ridge", "without_source"), "verdict"] == "ridge better"
    assert (primary["n_clusters"] == 6).all()
    assert ((primary["ci_low"] < primary["estimate"]) & (primary["estimate"] < primary["ci_high"])).all()


def test_yardsticks_never_enter_a_family() -> None:
    """However many models run, six recordings can still decide: what is tested is declared, not what is there."""
    names = models.names()
    deciders = [n for n in names if models.kind(n).decides]
    translators = [n for n in names if models.kind(n).translates]
    assert len(deciders) > 4 and len(translators) > 2
    declared = {f.name: f.pairs for f in families([*deciders, "mine"], [*translators, "mine"])}
    assert declared == {
        "above_majority": (("seq2seq", "majority"), ("random_forest", "majority"), ("dnn", "majority")),
        "seq2seq_against_competitors": (("seq2seq", "random_forest"), ("seq2seq", "dnn")),
        "translation": (("seq2seq", "ridge"),),
        "translation_from_source": (("seq2seq", "without_source"), ("ridge", "without_source")),
    }
    assert all(len(pairs) / 2**6 < 0.05 for pairs in declared.values())
    assert {*mission.DECIDING, *mission.TRANSLATING, mission.BASELINE} <= set(names)


def test_a_yardstick_changes_no_primary_row_and_is_described(tmp_path: Path, run: Run) -> None:
    decode = dict(Plan().decode)
    tables = []
    for k, (more_decode, more_translate) in enumerate(
        [({}, {}), ({"logistic": 1.2}, {"reduced_rank": 0.7, "mean_rate": 0.0})]
    ):
        translate = Plan().translate | more_translate
        found = run(make_study(tmp_path / str(k), Plan(decode=decode | more_decode, translate=translate)))
        tables.append(pd.read_csv(found / "comparisons.csv"))
    few, many = tables
    primary = [
        set(t.loc[t["role"] == "primary", ["family", "model_a", "model_b"]].agg("|".join, axis=1)) for t in tables
    ]
    assert primary[0] == primary[1] and len(primary[0]) == 8
    new = many[many[["model_a", "model_b"]].isin(["logistic", "reduced_rank"]).any(axis=1)]
    assert set(new["role"]) == {"descriptive"} and {"seq2seq", "majority"} <= {*new["model_a"], *new["model_b"]}
    assert len(few) < len(many)


def test_every_pair_is_described(comparisons: pd.DataFrame) -> None:
    described = comparisons[comparisons["role"] == "descriptive"]
    assert set(described["verdict"]) == {"descriptive"}
    assert described["p_holm"].isna().all()
    for test in ("mcnemar_exact", "mcnemar_mid_p"):
        rows = described[described["test"] == test]
        assert len(rows) == 6
        assert rows["p"].between(0, 1).all()
    bootstrap = described[described["test"] == "cluster_bootstrap"]
    assert set(bootstrap["metric"]) >= {"accuracy", "auc", "log_loss", "brier", "bits_per_spike"}


def test_differences_are_those_of_metrics(comparisons: pd.DataFrame, scores: dict[str, Any]) -> None:
    rows = comparisons[(comparisons["test"] == "cluster_bootstrap") & (comparisons["metric"] != "bits_per_spike")]
    for row in rows.to_dict("records"):
        a, b = (scores["models"][row[m]][row["metric"]]["value"] for m in ("model_a", "model_b"))
        assert row["estimate"] == pytest.approx(a - b)


def test_uninformative_models_do_not_win(tmp_path: Path, run: Run) -> None:
    nothing = dict.fromkeys(Plan().decode, 0.0)
    quiet = make_study(tmp_path, Plan(decode=nothing, translate={"seq2seq": 0.0, "ridge": 0.0}, seed=3))
    table = pd.read_csv(run(quiet) / "comparisons.csv")
    primary = table[table["role"] == "primary"]
    assert set(primary["verdict"]) == {"no difference shown"}
    nulls = pd.read_csv(quiet.root / "out" / "nulls.csv")
    assert not nulls[nulls["role"] == "primary"]["passed"].any()


# --- the primary test's level -----------------------------------------------------------------------------------------


def guesses(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels without information; a majority model and one that guesses at random in the training shares.

    Returns recording, block, label, majority's and the guesser's predictions, each (trial,).
    """
    rows = []
    for recording in range(6):
        label = (rng.random(50) < rng.uniform(0.45, 0.55)).astype(int)
        fold = np.repeat(np.arange(5), 10)
        for k in range(5):
            share = label[fold != k].mean()
            n = int((fold == k).sum())
            guess = (rng.random(n) < share).astype(int)
            rows.append(
                np.column_stack(
                    [
                        np.full(n, recording),
                        np.full(n, 5 * recording + k),
                        label[fold == k],
                        np.full(n, share > 0.5),
                        guess,
                    ]
                )
            )
    recording, block, label, majority, guess = np.concatenate(rows).astype(np.int64).T
    return recording, block, label, majority, guess


def test_primary_test_holds_its_level_where_the_pooled_score_does_not() -> None:
    rng = np.random.default_rng(0)
    studies = 300
    pooled_majority, rejected = [], {"within": 0, "pooled": 0}
    for _ in range(studies):
        recording, block, label, majority, guess = guesses(rng)
        within = [balanced_accuracy_within_blocks(label, p, block, 2).reshape(6, 5) for p in (guess, majority)]
        difference = np.nanmean(within[0] - within[1], axis=1)
        rejected["within"] += sign_flip(difference, rng).p <= 0.05
        each = [recording == r for r in range(6)]
        pooled = np.array([[balanced_accuracy(label[r], p[r]) for r in each] for p in (guess, majority)])
        pooled_majority.append(pooled[1].mean())
        rejected["pooled"] += sign_flip(pooled[0] - pooled[1], rng).p <= 0.05
    assert np.mean(pooled_majority) < 0.48  # an uninformative model below chance: the bias
    assert rejected["pooled"] / studies > 0.15  # ... by which noise "beats majority"
    assert stats.binomtest(rejected["within"], studies, 0.05, alternative="greater").pvalue > 0.01
