"""Tables of the shared subspace from a fake analysis of known effects, against brute force."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import fake_analysis
import numpy as np
import pandas as pd
import pytest
from fake_runs import Study
from sklearn.metrics import balanced_accuracy_score

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.errors import DataError
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.tracking.result_lines import analysis_lines


@pytest.fixture(scope="module")
def analysis(study: Study) -> Path:
    return fake_analysis.make_analysis(study, "analysis_subspace")


@pytest.fixture(scope="module")
def evaluated(study: Study, analysis: Path) -> Path:
    evaluate(EvaluationSections.of(study.config), *study.places, study.root / "out_subspace", analysis)
    return study.root / "out_subspace"


def table_of(evaluated: Path, name: str) -> pd.DataFrame:
    return read_table(EvaluationRun(evaluated).tables, name)


def test_a_removed_mode_costs_what_it_was_made_to_cost(evaluated: Path) -> None:
    ablation = EvaluationRun(evaluated).read_metrics()["analysis"]["ablation"]
    bits = ablation["source_bits_per_spike"]
    assert bits["0"]["value"] == pytest.approx(fake_analysis.WHOLE) and bits["0"]["loss"] == 0
    for mode, lost in fake_analysis.LOST.items():
        row = bits[str(mode)]  # every cluster loses the same: so does every resample
        assert [row["loss"], row["loss_low"], row["loss_high"]] == pytest.approx([lost] * 3)
        assert row["value"] == pytest.approx(fake_analysis.WHOLE - lost)
    decided = ablation["balanced_accuracy"]
    assert decided["2"]["loss_low"] > 0.1
    assert decided["1"]["loss"] == decided["3"]["loss"] == 0
    assert ablation["log_loss"]["2"]["loss_low"] > 0.1


def test_the_decision_without_a_mode_is_that_of_scikit_learn(analysis: Path, evaluated: Path) -> None:
    raw = pd.read_csv(analysis / "ablation.csv")
    table = table_of(evaluated, "ablation").query("metric == 'balanced_accuracy'").set_index(["recording", "removed"])
    for (recording, removed), rows in raw.groupby(["recording", "removed"]):
        by_hand = balanced_accuracy_score(rows["label"], rows["predicted"])
        assert table.loc[(recording, removed), "value"] == pytest.approx(by_hand)
    for removed, rows in raw.groupby("removed"):
        losses = (
            table_of(evaluated, "ablation").query("metric == 'log_loss' and recording == 'all'").set_index("removed")
        )
        assert losses.loc[removed, "value"] == pytest.approx(rows["log_loss"].mean())
        assert losses.loc[removed, "n_folds"] == 2


@pytest.mark.slow
def test_a_mode_that_one_fold_lacks_is_compared_in_the_others(study: Study, analysis: Path, tmp_path: Path) -> None:
    folder = tmp_path / "analysis"
    shutil.copytree(analysis, folder)
    raw = pd.read_csv(folder / "ablation.csv")
    raw.loc[(raw["removed"] == 0) & (raw["fold"] == 1), "nats"] *= 3  # a fold with another whole
    raw[~((raw["removed"] == 3) & (raw["fold"] == 1))].to_csv(folder / "ablation.csv", index=False)
    evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", folder)
    row = EvaluationRun(tmp_path / "out").read_metrics()["analysis"]["ablation"]["source_bits_per_spike"]["3"]
    assert row["loss"] == pytest.approx(0, abs=1e-12)


def test_alignment_is_the_ratio_and_variance_adds_up(evaluated: Path) -> None:
    table = table_of(evaluated, "alignment")
    for n, (captured, components) in fake_analysis.CAPTURED.items():
        rows = table[(table["n_dimensions"] == n) & (table["recording"] == "all") & (table["region"] == "target")]
        values = rows.set_index("measure")["value"]
        assert values["captured"] == pytest.approx(captured)
        assert values["alignment"] == pytest.approx(captured / components)
        assert values["angle"] == pytest.approx(30)
    shares = EvaluationRun(evaluated).read_metrics()["analysis"]["shared_variance"]
    for region, parts in fake_analysis.VARIANCE.items():
        assert {k: row["value"] for k, row in shares[region].items()} == pytest.approx(parts)
        assert np.sum([row["value"] for row in shares[region].values()]) == pytest.approx(1)


def test_results_have_a_line_for_each_table(evaluated: Path) -> None:
    lines = analysis_lines(SimpleNamespace(metrics=lambda: EvaluationRun(evaluated).read_metrics()))
    assert "Loss without a mode of the translation (bits/spike from the source): 1: 0.200, 2: 0.050, 3: 0.000" in lines
    assert (
        "Variance in the shared subspace over that in as many principal components: source 1: 0.500, 2: 0.900; "
        "target 1: 0.500, 2: 0.900"
    ) in lines
    assert any(line.startswith("Share of the variance of smoothed counts: source shared: 0.300") for line in lines)


def test_a_table_without_a_column_is_named(study: Study, analysis: Path, evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(analysis, tmp_path / "analysis")
    path = tmp_path / "analysis" / "alignment.csv"
    pd.read_csv(path).drop(columns="captured").to_csv(path, index=False)
    with pytest.raises(DataError, match="captured"):
        evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", tmp_path / "analysis")
