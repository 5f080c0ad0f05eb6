"""Which model is best, and what it must show."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pandas as pd
import pytest

from spikebridge import gates
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.artifacts.tuning import TUNING_FOLDER, TunedFold, TunedSettings, TuningRun
from spikebridge.errors import DataError
from spikebridge.gates.present_champion import decide


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_project.make(tmp_path_factory.mktemp("gates") / "project", trials=4)


def newcomer(project: Path, model: str = "dnn", fingerprint: str = "new") -> gates.Newcomer:
    return gates.Newcomer(model, fingerprint, "data0", project)


def tuned(project: Path, model: str) -> TuningRun:
    return TuningRun(project / TUNING_FOLDER / model)


def trained(project: Path, model: str) -> TrainingRun:
    return TrainingRun(project / TRAINING_FOLDER / model)


def evaluated(project: Path) -> EvaluationRun:
    return EvaluationRun(project / EVALUATION_FOLDER)


def rewrite_inner(project: Path, scores: dict[str, tuple[float, float]]) -> None:
    for model, (accuracy, loss) in scores.items():
        folds = [TunedFold(k, {}, {"balanced_accuracy": accuracy, "log_loss": loss}) for k in range(2)]
        tuned(project, model).write_settings(TunedSettings(model, folds))


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ({"seq2seq": (0.7, 0.5), "random_forest": (0.6, 0.1), "dnn": (0.6, 0.1)}, "seq2seq"),
        ({"seq2seq": (0.6, 0.5), "random_forest": (0.6, 0.4), "dnn": (0.6, 0.6)}, "random_forest"),
        ({"seq2seq": (0.6, 0.5), "random_forest": (0.6, 0.5), "dnn": (0.6, 0.5)}, "dnn"),
        ({"seq2seq": (0.4, 0.9), "random_forest": (0.3, 0.9), "dnn": (0.3, 0.9), "majority": (0.5, 0.1)}, "seq2seq"),
    ],
    ids=["highest", "tie by log-loss", "tie by name", "majority is no candidate"],
)
def test_best_is_chosen_by_inner_scores(project: Path, scores: dict[str, tuple[float, float]], best: str) -> None:
    rewrite_inner(project, scores)
    assert gates.best_model(list(fake_project.settings().models), project) == best


def test_outer_scores_are_never_looked_at(tmp_path: Path) -> None:
    project = fake_project.make(tmp_path / "p", trials=4, best="dnn")
    evaluated(project).metrics.unlink()
    assert gates.best_model(list(fake_project.settings().models), project) == "dnn"


def test_majority_stands_alone_where_there_is_no_other(project: Path) -> None:
    assert gates.best_model(list({"majority": {}, "ridge": {}}), project) == "majority"


def test_a_yardstick_is_no_candidate_beside_the_mission(tmp_path: Path) -> None:
    """However well it decides: nothing was declared of it, and it may need more than source counts."""
    project = fake_project.make(tmp_path / "p", trials=4)
    for name in ("logistic", "choice_history"):
        shutil.copytree(trained(project, "dnn").folder, trained(project, name).folder)
    rewrite_inner(project, {"logistic": (0.9, 0.1), "choice_history": (1.0, 0.0)})
    everything = {name: {} for name in ("logistic", "choice_history", "random_forest", "dnn", "majority")}
    assert gates.best_model(list(everything), project) == "random_forest"
    yardsticks = {name: {} for name in ("choice_history", "logistic", "majority")}
    assert gates.best_model(list(yardsticks), project) == "logistic"
    unservable = {name: {} for name in ("choice_history", "majority")}
    assert gates.best_model(list(unservable), project) == "majority"


def test_without_scores_there_is_no_best(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected predictions of at least one model"):
        gates.best_model(list(fake_project.settings().models), tmp_path)
    project = fake_project.make(tmp_path / "p", trials=4)
    tuned(project, "dnn").best.write_text('{"folds": []}')
    with pytest.raises(DataError, match="expected an inner balanced_accuracy"):
        gates.best_model(list(fake_project.settings().models), project)
    tuned(project, "dnn").best.write_text("[]")
    with pytest.raises(DataError, match="expected a JSON object"):
        gates.best_model(list(fake_project.settings().models), project)
    tuned(project, "dnn").best.unlink()
    with pytest.raises(DataError, match="cannot be read as JSON"):
        gates.best_model(list(fake_project.settings().models), project)


def test_all_gates_from_files(project: Path) -> None:
    decided = gates.check(fake_project.settings().statistics, newcomer(project))
    assert list(decided) == ["leakage", "above_majority", "nulls", "translation", "present_champion"]
    assert all(g.passed for g in decided.values())
    assert gates.failed(decided) == []
    assert decided["translation"].outcome == "for information"


@pytest.mark.parametrize("missing", ["leakage", "comparisons", "nulls", "metrics"])
def test_a_missing_file_is_no_passed_gate(tmp_path: Path, missing: str) -> None:
    project = fake_project.make(tmp_path / "p", trials=4)
    path = getattr(evaluated(project), missing)
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        gates.check(fake_project.settings().statistics, newcomer(project))


def comparison(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame([fake_project.comparison("above_majority", "dnn", "majority").row() | changes])


@pytest.mark.parametrize(
    ("changes", "passed", "reason"),
    [
        ({}, True, "Holm p = 0.01"),
        ({"p_holm": 0.05}, True, "Holm p = 0.05"),
        ({"p_holm": 0.2, "verdict": "too few recordings to decide (needs 6)"}, False, "too few recordings"),
        ({"p_holm": float("nan")}, False, "nan"),
        ({"estimate": -0.1}, False, "-0.100"),
        ({"role": "descriptive"}, False, "no primary comparison"),
        ({"family": "pairs"}, False, "no primary comparison"),
        ({"model_a": "seq2seq"}, False, "no primary comparison"),
    ],
)
def test_better_than_majority(changes: dict[str, Any], passed: bool, reason: str) -> None:
    gate = gates.above_majority(comparison(**changes), "dnn", 0.05)
    assert gate.passed is passed
    assert reason in gate.reason


def test_one_failed_primary_test_among_two_fails() -> None:
    both = pd.concat([comparison(), comparison(p_holm=0.4, test="cluster_bootstrap")])
    assert not gates.above_majority(both, "dnn", 0.05).passed
    assert not gates.above_majority(comparison(), "majority", 0.05).passed


@pytest.mark.parametrize("truth", [True, "True", 1])
def test_nulls(truth: Any) -> None:
    row = {"null": "shift", "model": "dnn", "role": "primary", "passed": truth}
    assert gates.nulls(pd.DataFrame([row]), "dnn").passed
    assert gates.nulls(pd.DataFrame([row, row | {"role": "descriptive", "passed": False}]), "dnn").passed
    failed = gates.nulls(pd.DataFrame([row, row | {"null": "permutation", "passed": False}]), "dnn")
    assert failed == gates.Gate(False, "not passed: permutation")
    assert gates.nulls(pd.DataFrame([row]), "seq2seq") == gates.Gate(False, "no primary null of seq2seq")


def test_leakage_must_have_been_checked() -> None:
    report = {"passed": True, "checks": ["a"], "trials": 3, "models": ["dnn"]}
    assert gates.leakage(report, "dnn").reason == "1 checks on 3 trials"
    assert gates.leakage(report, "seq2seq") == gates.Gate(
        False, "the leakage check of evaluate did not look at seq2seq"
    )
    assert not gates.leakage(report | {"passed": False}, "dnn").passed
    assert not gates.leakage({}, "dnn").passed


# --- what may be said of a translation --------------------------------------------------------------------------------

NOTHING = {"code": "nothing_to_translate", "text": "nothing to translate: the source adds 0.0001 bits/spike"}


def from_source(**changes: Any) -> pd.DataFrame:
    row = fake_project.comparison("translation_from_source", "seq2seq", "without_source")
    return pd.DataFrame([row.row() | changes])


def said_of(verdict: dict[str, Any] | None, rows: pd.DataFrame) -> gates.Gate:
    metrics = {"translation": {"seq2seq": {"verdict": verdict}}}
    return gates.translation(gates.claims(metrics, rows, 0.05), "seq2seq")


def test_a_translator_must_have_shown_that_it_translates() -> None:
    passed = said_of(fake_project.VERDICT, from_source())
    assert passed.passed
    assert gates.translation_status(passed) == "shown"
    assert passed.reason == "the source adds 0.05 bits/spike; Holm p = 0.01 (sign_flip)"
    for verdict, rows, why in [
        (NOTHING, from_source(), "nothing to translate: the source adds 0.0001"),
        (fake_project.VERDICT, from_source(p_holm=0.06, verdict="too few"), "Holm p = 0.06 (sign_flip), too few"),
        (fake_project.VERDICT, from_source(estimate=-0.1), "the source adds"),
        (fake_project.VERDICT, from_source(p_holm=float("nan")), "Holm p = nan"),
        (fake_project.VERDICT, from_source(role="descriptive"), "no primary test was declared"),
        (None, from_source(), "it has no score for what the source adds to its baseline"),
    ]:
        gate = said_of(verdict, rows)
        assert gate.decisive
        assert not gate.passed
        assert why in gate.reason
        assert gates.translation_status(gate) == "not shown"


def test_a_model_that_only_decides_claims_nothing_about_translation() -> None:
    gate = gates.translation(
        gates.claims({"translation": {"seq2seq": {"verdict": NOTHING}}}, from_source(), 0.05), "dnn"
    )
    assert gate.outcome == "for information"
    assert gates.failed({"translation": gate}) == []
    assert gates.translation_status(gate) == "not claimed"
    assert gate.reason == "dnn does not translate, and claims nothing about it (seq2seq not shown)"


@pytest.mark.parametrize("outcome", list(gates.GateOutcome))
def test_an_outcome_of_a_tag_reads_back_as_it_was(outcome: gates.GateOutcome) -> None:
    """A gate for information is not a failed one."""
    gate = gates.Gate.of(gates.GateOutcome(str(outcome)), "because")
    assert gate.outcome is outcome
    assert gates.failed({"any": gate}) == (["any"] if outcome is gates.GateOutcome.FAILED else [])


def test_without_coupling_a_translator_stays_a_candidate_and_a_decider_may_pass(tmp_path: Path) -> None:
    project = fake_project.make(tmp_path / "p", trials=4)
    content = evaluated(project).read_metrics()
    for entry in content["translation"].values():
        entry["verdict"] = NOTHING
    evaluated(project).write_metrics(content)
    assert gates.failed(gates.check(fake_project.settings().statistics, newcomer(project, "seq2seq"))) == [
        "translation"
    ]
    assert gates.failed(gates.check(fake_project.settings().statistics, newcomer(project, "random_forest"))) == []


# --- the present champion ---------------------------------------------------------------------------------------------


@pytest.fixture
def studied(tmp_path: Path) -> Path:
    """A project whose dnn predicts 24 trials of each of three recordings, two blocks each, three in four right."""
    project = fake_project.make(tmp_path / "p", trials=24)
    write(trained(project, "dnn").folder, right(project))
    return project


def right(project: Path, wrong: int = 4) -> pd.DataFrame:
    """Predictions that miss every `wrong`-th trial of either label."""
    table = trained(project, "dnn").read_predictions()
    label = table["label"].to_numpy()
    other = pd.Series(label).map({"skip": "stay", "stay": "skip"}).to_numpy()
    miss = (table["trial"].to_numpy() // 2) % wrong == 0
    return table.assign(predicted=[o if m else t for t, o, m in zip(label, other, miss, strict=True)])


def write(folder: Path, table: pd.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(TrainingRun(folder).predictions)
    return folder


def champion(evidence: Path | None, **changes: Any) -> gates.Champion:
    about: dict[str, Any] = {"fingerprint": "old", "split_hash": "split0", "data_hash": "data0"} | changes
    return gates.Champion(version=3, model="random_forest", evidence=evidence, **about)


def judged(project: Path, holder: gates.Champion | None) -> gates.Gate:
    return gates.present_champion(fake_project.settings().statistics, newcomer(project), holder)


def test_as_good_as_the_champion_on_the_same_trials(studied: Path, tmp_path: Path) -> None:
    evidence = write(tmp_path / "evidence", right(studied).sample(frac=1, random_state=0))
    same = judged(studied, champion(evidence))
    assert same.passed
    assert "dnn - version 3 (random_forest) = +0.000 balanced accuracy within blocks, 90 % interval" in same.reason
    assert same.reason.endswith("over 3 recordings, margin 0.05: equivalent, TOST p = 0")


def test_better_and_worse_than_the_champion(studied: Path, tmp_path: Path) -> None:
    worse = judged(
        studied,
        champion(write(tmp_path / "perfect", right(studied, wrong=10**6).assign(predicted=lambda t: t["label"]))),
    )
    assert not worse.passed
    assert worse.reason.endswith("margin 0.05: worse")
    poor = right(studied, wrong=2)
    better = judged(studied, champion(write(tmp_path / "poor", poor)))
    assert better.passed
    assert better.reason.endswith("margin 0.05: better")


@pytest.mark.parametrize(
    ("holder", "passed", "reason"),
    [
        (None, True, "there is no champion yet"),
        (champion(None, fingerprint="new"), True, "version 3 (random_forest) is the champion already"),
        (champion(None, fingerprint="new", recorded=gates.Gate(False, "worse")), False, "worse"),
        (
            champion(None, split_hash="b"),
            True,
            "not comparable: version 3 (random_forest) was made on another split of",
        ),
        (champion(None, split_hash="b", data_hash="b"), True, "was made on other data, another split; the newer"),
        (champion(None, gone=True), True, "not comparable: the files of version 3 (random_forest) are gone"),
        (
            champion(None, problem="it carries none"),
            False,
            "made on this split, but cannot be compared with: it carries",
        ),
        (champion(Path("nowhere")), False, "predictions of version 3 (random_forest) cannot be read"),
    ],
    ids=["none", "itself", "itself, past a gate", "other split", "other data", "gone", "no evidence", "unreadable"],
)
def test_who_the_champion_is_matters(studied: Path, holder: gates.Champion | None, passed: bool, reason: str) -> None:
    gate = judged(studied, holder)
    assert gate.passed is passed
    assert reason in gate.reason


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.iloc[1:],
        lambda t: t.assign(trial=t["trial"] + 1),
        lambda t: t.assign(label=t["label"].to_numpy()[::-1]),
        lambda t: t.assign(split_hash="another"),
    ],
    ids=["a trial less", "other trials", "other labels", "another split"],
)
def test_other_trials_are_no_comparison(studied: Path, tmp_path: Path, spoil: Any) -> None:
    gate = judged(studied, champion(write(tmp_path / "evidence", spoil(right(studied)))))
    assert not gate.passed
    assert "of other trials, folds or labels" in gate.reason


def test_cluster_margin_and_alpha_are_those_of_the_settings(studied: Path, tmp_path: Path) -> None:
    evidence = write(tmp_path / "evidence", right(studied))
    config = fake_project.settings(statistics={"cluster": "block", "equivalence_margin": 0.1, "alpha": 0.01})
    gate = gates.present_champion(config.statistics, newcomer(studied), champion(evidence))
    assert "98 % interval" in gate.reason
    assert "over 6 blocks, margin 0.1: equivalent" in gate.reason


@pytest.mark.parametrize(
    ("differences", "passed", "word"),
    [
        ([0.10, 0.12, 0.11, 0.10], True, "better"),
        ([0.10, -0.02, 0.11, 0.02], True, "not worse, p = "),
        ([0.01, -0.01, 0.01, -0.01], True, "equivalent, TOST p = "),
        ([-0.10, -0.12, -0.11, -0.10], False, "worse"),
        ([0.2, -0.2, 0.2, -0.2], False, "too few recordings to decide (needs about "),
        ([0.0, float("nan")], False, "too few recordings to decide: 1 with every class, and two is the least"),
        ([float("nan")] * 3, False, "too few recordings to decide: 0 with every class"),
        ([-0.04, -0.05, -0.045, -0.06, 0.0, 0.01] * 8, True, "equivalent (worse, but by less than matters), TOST"),
        ([-0.149, 0.099] * 30, False, "neither better nor shown to be equivalent"),
    ],
)
def test_words_for_a_difference(differences: list[float], passed: bool, word: str) -> None:
    gate = decide(np.array(differences), "a - b", "recording", 0.05, 0.05)
    assert gate.passed is passed, gate.reason
    assert word in gate.reason, gate.reason


@pytest.mark.slow
def test_the_gate_lets_a_worse_model_through_at_most_at_alpha() -> None:
    """Models worse by the margin itself: the boundary, where the error is largest."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(-0.05, 0.06, (4000, 8))
    share = np.mean([decide(d, "a - b", "recording", 0.05, 0.05).passed for d in drawn])
    assert 0.035 < share < 0.065
