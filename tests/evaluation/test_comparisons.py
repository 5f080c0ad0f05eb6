"""comparisons.csv: known effects are found, and noise wins no more often than the level allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, Study, make_study
from scipy import stats

from spikebridge import models, statistics
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.config import declared_tests
from spikebridge.evaluation.comparisons import BLOCK_NULL_SCALE, families
from spikebridge.metrics import balanced_accuracy, balanced_accuracy_within_blocks
from spikebridge.statistics import sign_flip, sign_flip_power

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def comparisons(out: Path) -> pd.DataFrame:
    return EvaluationRun(out).read_comparisons()


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
    deciders = [n for n in names if models.get_class(n).decides]
    translators = [n for n in names if models.get_class(n).translates]
    assert len(deciders) > 4 and len(translators) > 2
    declared = {f.name: f.pairs for f in families([*deciders, "mine"], [*translators, "mine"])}
    assert declared == {
        "above_majority": (("seq2seq", "majority"), ("random_forest", "majority"), ("dnn", "majority")),
        "seq2seq_against_competitors": (("seq2seq", "random_forest"), ("seq2seq", "dnn")),
        "translation": (("seq2seq", "ridge"),),
        "translation_from_source": (("seq2seq", "without_source"), ("ridge", "without_source")),
    }
    assert all(len(pairs) / 2**6 < 0.05 for pairs in declared.values())
    assert {*declared_tests.DECIDING, *declared_tests.TRANSLATING, declared_tests.BASELINE} <= set(names)


@pytest.mark.slow
def test_a_yardstick_changes_no_primary_row_and_is_described(tmp_path: Path, run: Run) -> None:
    decode = dict(Plan().decode)
    tables = []
    for k, (more_decode, more_translate) in enumerate(
        [({}, {}), ({"logistic": 1.2}, {"reduced_rank": 0.7, "mean_rate": 0.0})]
    ):
        translate = Plan().translate | more_translate
        folder = run(make_study(tmp_path / str(k), Plan(decode=decode | more_decode, translate=translate)))
        tables.append(EvaluationRun(folder).read_comparisons())
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
    assert described["verdict"].str.startswith("descriptive").all()
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


@pytest.mark.slow
def test_uninformative_models_do_not_win(tmp_path: Path, run: Run) -> None:
    nothing = dict.fromkeys(Plan().decode, 0.0)
    quiet = make_study(tmp_path, Plan(decode=nothing, translate={"seq2seq": 0.0, "ridge": 0.0}, seed=3))
    table = EvaluationRun(run(quiet)).read_comparisons()
    primary = table[table["role"] == "primary"]
    assert primary["verdict"].str.startswith("no difference shown").all()
    deciding = primary[primary["metric"] == "balanced_accuracy_within_blocks"]
    for row in deciding.to_dict("records"):
        assert row["verdict"] == f"no difference shown (could have seen {row['detectable']:.2g})"
    nulls = EvaluationRun(quiet.root / "out").read_nulls()
    assert not nulls[nulls["role"] == "primary"]["passed"].any()


@pytest.mark.slow
def test_blocks_of_few_recordings_have_a_wider_null(tmp_path: Path, run: Run) -> None:
    """Held against majority over blocks, with the null of random signs made wider; two models over recordings."""
    study = make_study(tmp_path, Plan(decode=dict(Plan().decode) | {"dnn": 0.4}, recordings=4))
    table = EvaluationRun(run(study)).read_comparisons()
    primary = table[table["role"] == "primary"].set_index(["family", "model_b", "model_a"])
    decisions = _sorted(study, "dnn").assign(majority=_sorted(study, "majority")["predicted"])
    each = np.array([_within(b, "predicted") - _within(b, "majority") for _, b in decisions.groupby("block")])
    row = primary.loc[("above_majority", "majority", "dnn")]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(100_000, len(each)))
    sums = BLOCK_NULL_SCALE * (signs @ each)
    expected = float(np.mean(sums >= each.sum()))
    assert 0.001 < expected < 0.5 and row["n_clusters"] == len(each) > 4
    assert row["p"] == pytest.approx(expected, abs=4 * np.sqrt(expected / 2000))
    plain = sign_flip_power(each, 0.05, tests=3).detectable
    assert row["detectable"] == pytest.approx(BLOCK_NULL_SCALE * plain)
    between = primary.loc[("seq2seq_against_competitors", "dnn", "seq2seq")]
    assert (between["n_clusters"], between["smallest_attainable_p"]) == (4, 1 / 16)


# --- the descriptive tests --------------------------------------------------------------------------------------------

OF_PAIRS = {
    "mcnemar_exact", "mcnemar_mid_p", "mcnemar_design_effect", "delong", "nadeau_bengio", "tost", "tost_bootstrap",
    "rope", "bayes_factor",
}  # fmt: skip


def row_of(table: pd.DataFrame, test: str, a: str = "seq2seq", b: str = "dnn") -> dict[str, Any]:
    rows = table[(table["test"] == test) & (table["model_a"] == a) & (table["model_b"] == b)]
    assert len(rows) == 1
    return dict(rows.to_dict("records")[0])


def test_every_pair_has_every_test_and_the_slow_one_only_where_declared(comparisons: pd.DataFrame) -> None:
    described = comparisons[comparisons["family"] == "pairs"]
    deciders = described[described["metric"] != "bits_per_spike"]
    by_pair = deciders.groupby(["model_a", "model_b"])["test"].agg(set)
    assert len(by_pair) == 6
    assert all(tests - {"gee", "cluster_bootstrap"} == OF_PAIRS for tests in by_pair)
    declared = {p for f in families(list(Plan().decode), []) for p in f.pairs}
    assert {pair for pair, tests in by_pair.items() if "gee" in tests} == declared
    dependent = described[described["test"].isin(["mcnemar_exact", "mcnemar_mid_p", "delong"])]
    assert set(dependent["verdict"]) == {"descriptive: trials are not independent"}


def test_descriptions_are_the_tests_of_what_lies_on_disk(comparisons: pd.DataFrame, study: Study) -> None:
    a, b = (_sorted(study, m) for m in ("seq2seq", "dnn"))
    right_a, right_b = (np.asarray(t["label"] == t["predicted"]) for t in (a, b))
    cluster = np.asarray(pd.factorize(a["recording"])[0])
    inflated = statistics.design_effect(right_a, right_b, cluster)
    row = row_of(comparisons, "mcnemar_design_effect")
    assert (row["p"], row["design_effect"]) == pytest.approx((inflated.p, inflated.effect))
    assert row["effective_n"] == pytest.approx(inflated.effective_n)
    label = np.asarray(a["label"] == "stay", dtype=np.int64)
    areas = statistics.delong(label, *(t[["p_skip", "p_stay"]].to_numpy() for t in (a, b)))
    assert row_of(comparisons, "delong")["p"] == pytest.approx(areas.p)
    animal = np.asarray(pd.factorize(a["recording"].str[:4])[0])
    fitted = statistics.correctness_model(right_a, right_b, cluster, animal)
    assert row_of(comparisons, "gee")["p"] == pytest.approx(fitted.p)

    differences = []
    for rows in (a.assign(other=b["predicted"]).groupby("recording"), a.assign(other=b["predicted"]).groupby("fold")):
        each = [
            [_within(block, "predicted") - _within(block, "other") for _, block in part.groupby("block")]
            for _, part in rows
        ]
        differences.append(np.array([np.mean(part) for part in each]))
    of_recordings, of_folds = differences
    alike = statistics.equivalence(of_recordings, 0.05)
    row = row_of(comparisons, "tost")
    assert (row["p"], row["ci_low"]) == pytest.approx((alike.p, alike.ci_low))
    assert row["clusters_for_power"] == alike.needed
    assert row_of(comparisons, "rope")["ci_high"] == pytest.approx(statistics.rope(of_recordings, 0.05).ci_high)
    factor = statistics.bayes_factor(of_recordings)
    assert row_of(comparisons, "bayes_factor")["verdict"] == f"descriptive: BF10 = {factor:.3g}"
    corrected = statistics.nadeau_bengio(of_folds, 4, 1)
    assert row_of(comparisons, "nadeau_bengio")["p"] == pytest.approx(corrected.p)
    assert row_of(comparisons, "tost_bootstrap")["ci_low"] == pytest.approx(alike.ci_low, abs=0.02)


def _sorted(study: Study, model: str) -> pd.DataFrame:
    table = pd.read_parquet(study.run(model).predictions)
    return table.sort_values(["recording", "time_s"]).reset_index(drop=True)


def _within(block: pd.DataFrame, column: str) -> float:
    return balanced_accuracy(*(np.asarray(block[c] == "stay", dtype=np.int64) for c in ("label", column)))


def test_three_classes_have_every_test(tmp_path: Path, run: Run) -> None:
    decode = {"seq2seq": 2.0, "random_forest": 0.8, "majority": 0.0}
    plan = Plan(trials=40, folds=3, classes=("left", "none", "right"), decode=decode, translate={}, truth=False)
    table = EvaluationRun(run(make_study(tmp_path, plan))).read_comparisons()
    rows = table[(table["model_a"] == "seq2seq") & (table["model_b"] == "random_forest")].set_index("test")
    assert {*OF_PAIRS, "gee", "sign_flip"} <= set(rows.index)
    for test in ("mcnemar_design_effect", "delong", "nadeau_bengio", "tost", "gee", "sign_flip"):
        assert np.isfinite(rows.loc[test, "p"]), test
        assert rows.loc[test, "estimate"] > 0
    assert rows.loc["delong", "estimate"] == pytest.approx(
        table[
            (table["test"] == "cluster_bootstrap") & (table["metric"] == "auc") & (table["model_b"] == "random_forest")
        ]["estimate"].iloc[0]
    )


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
