"""Tables and summary of what the stage analyze found, against the effects that a fake one holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import fake_analysis
import numpy as np
import pandas as pd
import pytest
from fake_runs import Study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.artifacts.latent_analysis import LatentAnalysisRun
from spikebridge.artifacts.truth import load_truth, truth_path
from spikebridge.errors import DataError
from spikebridge.evaluation import EvaluationSections, evaluate


@pytest.fixture(scope="module")
def evaluated(study: Study) -> Path:
    folder = fake_analysis.make_analysis(study)
    evaluate(EvaluationSections.of(study.config), *study.places, study.root / "out_analysis", folder)
    return study.root / "out_analysis"


def test_the_summary_holds_the_effects(evaluated: Path) -> None:
    analysis = EvaluationRun(evaluated).read_metrics()["analysis"]
    ways = analysis["direction"]
    expected = {
        "forward": fake_analysis.FORWARD,
        "reverse": fake_analysis.REVERSE,
        "difference": fake_analysis.FORWARD - fake_analysis.REVERSE,
    }
    for way, bits in expected.items():
        for metric, share in (("bits_per_spike", 1.0), ("source_bits_per_spike", 0.5)):
            score = ways[metric][way]
            # all clusters have the same bits/spike: so has every resample
            assert [score[k] for k in ("value", "ci_low", "ci_high")] == pytest.approx([share * bits] * 3)
    units = analysis["held_out_units"]
    assert units["latents"]["all"]["value"] == pytest.approx(fake_analysis.LATENTS_TELL[0])
    assert units["source"]["30"]["value"] == pytest.approx(fake_analysis.SOURCE_TELLS[30])


def test_intervals_over_recordings_hold_the_mean(study: Study, evaluated: Path) -> None:
    raw = pd.read_csv(study.root / "analysis" / "consistency.csv")
    table = read_table(EvaluationRun(evaluated).tables, "latent_consistency")
    for compared, rows in raw.groupby("compared"):
        row = table[(table["compared"] == compared) & (table["recording"] == "all")].iloc[0]
        assert row["value"] == pytest.approx(rows["r2"].mean())
        means = rows.groupby("recording")["r2"].mean()
        assert means.min() <= row["ci_low"] < row["value"] < row["ci_high"] <= means.max()


def test_shares_stand_beside_the_truth(study: Study, evaluated: Path) -> None:
    table = read_table(EvaluationRun(evaluated).tables, "attribution_units")
    name = study.windows[0].recording
    loadings = load_truth(truth_path(study.root / "data", name)).source.loadings
    norms = np.linalg.norm(loadings, axis=1)
    rows = table[table["recording"] == name]
    assert rows["true_loading"].to_numpy() == pytest.approx(norms)
    assert rows["true_information"].to_numpy() == pytest.approx(0.6 * norms**2)
    correlation = EvaluationRun(evaluated).read_metrics()["analysis"]["attribution"]["spearman_with_true_loading"]
    ranks = norms.argsort().argsort(), np.arange(len(norms))
    assert correlation[name] == pytest.approx(np.corrcoef(*ranks)[0, 1])


@pytest.mark.slow
def test_nothing_analysed_changes_nothing(study: Study, out: Path, tmp_path: Path) -> None:
    (tmp_path / "analysis").mkdir()
    LatentAnalysisRun(tmp_path / "analysis").write_about("seq2seq", [], "")
    evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", tmp_path / "analysis")
    metrics = EvaluationRun(tmp_path / "out").read_metrics()
    assert metrics.pop("analysis") == {}
    assert metrics == EvaluationRun(out).read_metrics()


def test_a_spoilt_table_is_named(study: Study, evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(study.root / "analysis", tmp_path / "analysis")
    path = tmp_path / "analysis" / "direction.csv"
    pd.read_csv(path).drop(columns="nats").to_csv(path, index=False)
    with pytest.raises(DataError, match="nats"):
        evaluate(EvaluationSections.of(study.config), *study.places, tmp_path / "out", tmp_path / "analysis")
