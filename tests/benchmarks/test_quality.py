"""The benchmark of quality at tiny size: its numbers are those that the library wrote. No timings."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import extras
import quality
from common import settings_of, write_part
from spikebridge.errors import ConfigError

pytestmark = pytest.mark.slow

MODELS = ["seq2seq", "seq2seq_label_direction", "ridge", "poisson_glm", "random_forest", "majority", "trial_columns"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> argparse.Namespace:
    """The benchmark's table and page, and the folder in which the library worked."""
    root = tmp_path_factory.mktemp("quality")
    words = ["--on", "simulator", "--quick", "--models", *MODELS, "--work", str(root / "work"), "--out", str(root)]
    quality.main(words)
    (work,) = (root / "work").iterdir()
    table = pd.read_csv(root / "quality.csv")
    page = (root / "quality.md").read_text(encoding="utf-8")
    return argparse.Namespace(table=table, page=page, work=work, words=words, root=root)


def value(table: pd.DataFrame, model: str, recording: str, metric: str) -> pd.Series:
    rows = table[(table["model"] == model) & (table["recording"] == recording) & (table["metric"] == metric)]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.slow
def test_scores_are_those_of_the_evaluation(made: argparse.Namespace) -> None:
    metrics = json.loads((made.work / "evaluation/metrics.json").read_text(encoding="utf-8"))
    for model in ("seq2seq", "ridge", "poisson_glm"):
        for metric in ("bits_per_spike", "source_bits_per_spike"):
            row, score = value(made.table, model, "all", metric), metrics["translation"][model][metric]
            assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx(list_of(score))
        for recording, score in metrics["translation"][model]["per_recording"].items():
            assert value(made.table, model, recording, "bits_per_spike")["value"] == pytest.approx(score["value"])
    metric = "source_bits_per_spike"  # one translator, two read-outs
    assert value(made.table, "seq2seq", "all", metric)["value"] == pytest.approx(
        value(made.table, "seq2seq_label_direction", "all", metric)["value"], abs=1e-12
    )
    row = value(made.table, "seq2seq - random_forest", "all", "auc")
    assert row["value"] == pytest.approx(
        metrics["models"]["seq2seq"]["auc"]["value"] - metrics["models"]["random_forest"]["auc"]["value"]
    )
    assert row["ci_low"] <= row["value"] <= row["ci_high"]


def list_of(score: dict[str, float]) -> list[float]:
    return [score["value"], score["ci_low"], score["ci_high"]]


@pytest.mark.slow
def test_auc_within_a_recording_is_that_of_scikit_learn(made: argparse.Namespace) -> None:
    values = {}
    for model in ("seq2seq", "random_forest"):
        table = pd.read_parquet(made.work / "train" / model / "predictions.parquet")
        for recording, rows in table.groupby("recording"):
            stay, skip = (rows[f"p_{c}"] / rows[f"share_{c}"] for c in ("stay", "skip"))
            values[model, recording] = roc_auc_score(rows["label"] == "stay", stay / (stay + skip))
            assert value(made.table, model, recording, "auc")["value"] == pytest.approx(values[model, recording])
    names = sorted({r for _, r in values})
    gains = [values["seq2seq", r] - values["random_forest", r] for r in names]
    for recording, gain in zip(names, gains, strict=True):
        assert value(made.table, "seq2seq - random_forest", recording, "auc")["value"] == pytest.approx(gain)
    mean = value(made.table, "seq2seq - random_forest", quality.MEAN, "auc")["value"]
    assert mean == pytest.approx(np.mean(gains))


@pytest.mark.slow
def test_the_ratio_is_of_the_pooled_bits(made: argparse.Namespace) -> None:
    metric = "source_bits_per_spike"
    bits = {m: value(made.table, m, "all", metric)["value"] for m in ("seq2seq", "ridge", "poisson_glm")}
    for other in ("ridge", "poisson_glm"):
        row = value(made.table, f"seq2seq / {other}", "all", metric)
        assert row["value"] == pytest.approx(bits["seq2seq"] / bits[other])
    best = max(bits["ridge"], bits["poisson_glm"])
    assert f"{bits['seq2seq'] / best:.3f} [" in made.page
    assert f"adds {bits['seq2seq']:.4f} bits/spike to the baseline in seq2seq, {best:.4f} in" in made.page


@pytest.mark.slow
def test_what_the_source_adds_in_a_recording_is_that_of_its_trials(made: argparse.Namespace) -> None:
    for model in ("seq2seq", "ridge"):
        table = pd.read_parquet(made.work / "train" / model / "translation.parquet")
        for recording, rows in table.groupby("recording"):
            bits = (rows["nats"] - rows["nats_without_source"]).sum() / np.log(2) / rows["spikes"].sum()
            assert value(made.table, model, recording, "source_bits_per_spike")["value"] == pytest.approx(bits)


@pytest.mark.slow
def test_costs_and_what_is_left_out_are_told(made: argparse.Namespace) -> None:
    costs = made.table[made.table["metric"].isin(["tune_s", "train_s", "cpu_s", "peak_mb"])]
    assert set(costs["model"]) == set(MODELS)
    assert (costs["value"] >= 0).all()
    assert "python benchmarks/quality.py --on simulator --quick" in made.page
    assert "torch 2." in made.page


@pytest.mark.slow
def test_what_is_done_in_the_work_folder_is_taken_over(
    made: argparse.Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality.subprocess, "run", lambda *_, **__: pytest.fail("trained again"))
    quality.main(made.words)
    pd.testing.assert_frame_equal(pd.read_csv(made.root / "quality.csv"), made.table)


def test_without_the_folder_of_recordings_a_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(["--on", "real", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert f"real: skipped, there is no folder {tmp_path / 'none'}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_mistake_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="quality: unknown model 'rigde', did you mean ridge"):
        quality.main(["--on", "simulator", "--models", "rigde", "--out", str(tmp_path)])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SystemExit, match=r"quality: .*empty"):
        quality.main(["--on", "real", "--data", str(empty), "--models", "majority", "--out", str(tmp_path)])


def test_the_best_linear_yardstick_is_the_best_of_that_row() -> None:
    table = pd.DataFrame(
        [
            ("ridge", "all", 0.10), ("reduced_rank", "all", 0.12), ("psth", "all", 0.9), ("seq2seq", "all", 0.15),
            ("ridge", "a", 0.30), ("reduced_rank", "a", 0.20), ("seq2seq / ridge", "all", 1.5),
        ],
        columns=["model", "recording", "value"],
    ).assign(metric="source_bits_per_spike")  # fmt: skip
    assert quality.best_linear(table) == ("reduced_rank", 0.12)
    assert quality.best_linear(table, "a") == ("ridge", 0.30)


def test_results_of_the_other_data_set_stay(tmp_path: Path) -> None:
    def table(name: str, bits: float) -> pd.DataFrame:
        row = (name, "seq2seq", "all", "bits_per_spike", bits, np.nan, np.nan)
        return pd.DataFrame([row], columns=quality.COLUMNS)

    stem = tmp_path / "quality"
    write_part(stem, quality.INTRO, "real", table("real", 1.0), "## real\n\n### A\n\nold")
    write_part(stem, quality.INTRO, "simulator", table("simulator", 2.0), "## simulator\n\nother")
    write_part(stem, quality.INTRO, "real", table("real", 3.0), "## real\n\n### A\n\nnew")
    assert pd.read_csv(tmp_path / "quality.csv")["value"].tolist() == [3.0, 2.0]
    page = (tmp_path / "quality.md").read_text(encoding="utf-8")
    assert page.count("## real\n\n### A\n\nnew") == 1
    assert page.count("## simulator\n\nother") == 1
    assert "### A\n\nold" not in page


def test_history_models_run_only_when_asked_for() -> None:
    assert not {"target_history", "target_history_source"} & set(quality.default_models(False))
    assert {"target_history", "target_history_source", "seq2seq", "ridge"} <= set(quality.default_models(True))


def test_the_parameters_are_those_of_the_data_set(tmp_path: Path) -> None:
    real = settings_of("real", tmp_path, ["seq2seq", "gradient_boosting"])
    assert real.bins.width_s == 0.02
    assert real.data.path == str(tmp_path)
    assert list(real.models) == ["seq2seq", "gradient_boosting"]
    assert real.baseline.drift == real.baseline.psth == "auto"
    assert settings_of("simulator", tmp_path, ["ridge"]).bins.width_s == 0.05
    for name in ("real", "simulator"):  # the two translators have the same settings, also where a file names one alone
        both = settings_of(name, tmp_path, ["seq2seq", "seq2seq_label_direction"]).models
        assert both["seq2seq_label_direction"] == both["seq2seq"] != {}


def test_extras_have_a_table_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"cebra", "nemos_glm"} & set(quality.default_models(True))
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(ConfigError, match=r"model cebra needs the package cebra.*model nemos_glm needs"):
        extras.extra_models()
    monkeypatch.setattr("importlib.util.find_spec", lambda package: package == "cebra" or None)
    assert extras.extra_models() == ["cebra", "seq2seq", "poisson_glm", "logistic", "majority"]
    models_of = pd.DataFrame({"model": ["seq2seq / ridge", "seq2seq", "nemos_glm", "cebra", "cebra"]})
    assert extras.packages(models_of) == ["cebra", "nemos"]


def test_the_table_of_extras_has_costs_and_pooled_scores() -> None:
    rows = [
        ("a", "tune_s", 10.0), ("a", "train_s", 2.0), ("a", "cpu_s", 11.0), ("a", "peak_mb", 300.0), ("a", "auc", 0.7),
        ("b", "tune_s", 1.0), ("b", "train_s", 1.0), ("b", "cpu_s", 2.0), ("b", "peak_mb", 200.0),
        ("b", "bits_per_spike", 0.3), ("b", "source_bits_per_spike", 0.2), ("b - a", "auc", 0.1),
    ]  # fmt: skip
    results = pd.DataFrame([(m, "all", k, v) for m, k, v in rows], columns=["model", "recording", "metric", "value"])
    results.loc[len(results)] = ["b", "day", "bits_per_spike", 9.0]
    got = extras.summary(results).set_index("model")
    assert got.index.tolist() == ["a", "b"]
    assert got["seconds"].tolist() == [12.0, 2.0]
    assert got.loc["b", ["bits/spike", "source bits/spike"]].tolist() == [0.3, 0.2]
    assert got.loc["a", "AUC"] == 0.7
    assert got[["AUC", "balanced accuracy"]].loc["b"].isna().all()
