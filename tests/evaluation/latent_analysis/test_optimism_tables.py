"""The audit's table and summary from a fake analysis of known effects; and where its leaky scores must not be."""

from __future__ import annotations

import json
from pathlib import Path

import fake_analysis
import pandas as pd
import pytest
from fake_runs import Study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table, table_path
from spikebridge.evaluation import EvaluationSections, evaluate


@pytest.fixture(scope="module")
def audited(study: Study) -> Path:
    folder = study.root / "analysis_optimism"
    fake_analysis.make_analysis(study, folder.name)
    evaluate(EvaluationSections.of(study.config), *study.places, study.root / "out_optimism", folder)
    return study.root / "out_optimism"


@pytest.mark.slow
def test_known_effects_are_found(audited: Path) -> None:
    optimism = EvaluationRun(audited).read_metrics()["analysis"]["optimism"]
    bits = optimism["bits_per_spike"]["seq2seq"]
    assert bits["blocked"] == pytest.approx(fake_analysis.TOLD["blocked"])
    assert bits["leaky"] == pytest.approx(fake_analysis.TOLD["leaky"])
    assert [bits[k] for k in ("leaky_minus_blocked", "ci_low", "ci_high")] == pytest.approx([0.3] * 3)
    assert bits["seeds_sd"] == pytest.approx(0, abs=1e-12) and bits["n_seeds"] == 2
    assert bits["inner"] == pytest.approx(0.15)
    for model in ("seq2seq", "dnn"):
        row = optimism["balanced_accuracy"][model]
        assert row["ci_low"] < 0.2 < row["ci_high"] and row["leaky_minus_blocked"] == pytest.approx(0.2, abs=0.1)
        assert row["inner"] is None  # the fake tuner says nothing of decisions


@pytest.mark.slow
def test_outer_is_the_reported_score(audited: Path) -> None:
    scores = EvaluationRun(audited).read_metrics()
    table = read_table(EvaluationRun(audited).tables, "optimism").set_index(["model", "metric"])
    told = scores["translation"]["seq2seq"]["bits_per_spike"]["value"]
    assert table.loc[("seq2seq", "bits_per_spike"), "outer"] == pytest.approx(told)
    assert table.loc[("seq2seq", "bits_per_spike"), "inner_minus_outer"] == pytest.approx(0.15 - told)


def test_the_figure_compares_the_same_trials(audited: Path, study: Study) -> None:
    """The reported score of the blocked trials, by hand; the other two are those of the audit."""
    tables = EvaluationRun(audited).tables
    table = read_table(tables, "optimism_folds").set_index(["model", "metric", "folds"])
    audit = read_table(tables, "optimism").set_index(["model", "metric"])
    for (model, metric, folds), row in table.iterrows():
        if folds != "reported":
            assert row["value"] == pytest.approx(audit.loc[(model, metric), folds])
        assert row["ci_low"] <= row["value"] + 1e-9 and row["value"] <= row["ci_high"] + 1e-9
    raw = pd.read_csv(study.root / "analysis_optimism" / "optimism.csv")
    blocked = raw[(raw["model"] == "seq2seq") & (raw["folds"] == "blocked") & (raw["seed"] == 0)]
    reported = pd.read_parquet(study.root / "train" / "seq2seq" / "predictions.parquet")
    same = blocked[["recording", "trial"]].merge(reported, on=["recording", "trial"])
    assert len(same) == len(blocked) < len(reported)
    right = same["label"] == same["predicted"]
    by_hand = right.groupby(same["label"]).mean().mean()
    row = table.loc[("seq2seq", "balanced_accuracy", "reported")]
    assert row["value"] == pytest.approx(by_hand) and row["n_trials"] == len(same)
    assert row["chance"] == 0.5 and table.loc[("seq2seq", "bits_per_spike", "leaky"), "chance"] == 0


def test_leaky_scores_are_nowhere_but_in_the_audit(audited: Path, out: Path) -> None:
    """With and without the audit, everything that the gate and the registry read is the same."""
    with_audit, without = EvaluationRun(audited), EvaluationRun(out)
    for file_of in (lambda run: run.comparisons, lambda run: run.nulls, lambda run: run.leakage,
                    lambda run: table_path(run.tables, "scores")):  # fmt: skip
        text = file_of(with_audit).read_text()
        assert text == file_of(without).read_text()
        assert "leaky" not in text
    scores, plain = with_audit.read_metrics(), without.read_metrics()
    assert "leaky" in json.dumps(scores.pop("analysis")) and "leaky" not in json.dumps(scores)
    assert scores == plain
