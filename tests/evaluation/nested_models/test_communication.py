"""The translation's part of ladder.csv and the communication gain, by brute force over trials, blocks and units."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_latents import encoding_models
from fake_runs import Plan, Study, make_study
from statsmodels.stats.multitest import multipletests
from studies import small_config

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.held_out_rates import write_held_out_rates
from spikebridge.artifacts.nested_models import EncodingModels, NestedModelRun
from spikebridge.errors import DataError, LeakageError
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.evaluation.inputs import Inputs, read, rows_of
from spikebridge.evaluation.nested_models.communication import communication_gain, gain_scores
from spikebridge.evaluation.nested_models.decoding import COLUMNS
from spikebridge.evaluation.nested_models.encoding import (
    COMMUNICATION,
    FAMILY,
    TranslationSteps,
    encoding_table,
    read_encoding,
)
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.states.held_out import HeldOutMeasure, communication_measure, held_out_bins
from spikebridge.figures import communication_gain as figure
from spikebridge.nested_models import NestedModelsSections, fit_nested_models
from spikebridge.nested_models.encoding.models import MODELS
from spikebridge.preprocess.states import StateBins

ORDER = [s for s in MODELS if s != "behavior"]


@dataclass(frozen=True)
class Climbed:
    """A fake study, its ladder, and where that lies."""

    study: Study
    ladder: EncodingModels
    folder: Path
    inputs: Inputs

    def resampling(self, steps: TranslationSteps) -> Resampling:
        table = steps.steps["mean_rate"].table
        return Resampling.of(table, self.study.config.statistics, np.random.default_rng(0))


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Climbed:
    root = tmp_path_factory.mktemp("gain")
    study = make_study(root, Plan(recordings=2, trials=30, folds=3, decode={}, translate={"seq2seq": 0.9}))
    windows = {w.recording: w for w in study.windows}
    ladder = encoding_models(windows, study.splits, root / "train")
    NestedModelRun(root).write_encoding(ladder, study.splits.hash)
    return Climbed(study, ladder, root, read(study.config.models, *study.places[:3]))


@pytest.fixture(scope="module")
def table(climbed: Climbed) -> pd.DataFrame:
    steps, report = read_encoding(NestedModelRun(climbed.folder), climbed.inputs)
    assert report["passed"]
    assert report["models"] == sorted(f"ladder/{s}" for s in ORDER)
    settings = climbed.study.config.statistics
    return encoding_table(steps, climbed.resampling(steps), settings, np.random.default_rng(0))


@pytest.fixture(scope="module")
def gains(climbed: Climbed) -> pd.DataFrame:
    steps, _ = read_encoding(NestedModelRun(climbed.folder), climbed.inputs)
    return communication_gain(steps, climbed.resampling(steps), climbed.study.config.statistics)


def test_values_add_up(climbed: Climbed, table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    assert list(table["step"]) == [*MODELS, "seq2seq"]
    assert set(table["kind"]) == {"translation"}
    rows = table[table["metric"] == "bits_per_spike"].set_index("step")
    sums = climbed.ladder.trials.groupby("step")[["nats", "spikes"]].sum()
    wanted = sums["nats"] / sums["spikes"] / np.log(2)
    for before, step in zip([None, *ORDER], ORDER, strict=False):
        assert rows.loc[step, "value"] == pytest.approx(wanted[step], abs=1e-12)
        assert rows.loc[step, "ci_low"] <= rows.loc[step, "value"] <= rows.loc[step, "ci_high"]
        if before:
            assert rows.loc[step, "reference"] == before
            assert rows.loc[step, "gain"] == pytest.approx(wanted[step] - wanted[before], abs=1e-12)
    assert rows.loc["behavior", "verdict"].startswith("left out: no behaviour was recorded in")
    total = table[table["metric"] == COMMUNICATION].iloc[0]
    assert total["gain"] == pytest.approx(wanted["seq2seq"] - wanted["target_history"], abs=1e-12)
    assert total["value"] == total["gain"]


def test_a_table_with_every_step(climbed: Climbed) -> None:
    """Behaviour recorded: no row comes with words of its own."""
    steps, _ = read_encoding(NestedModelRun(climbed.folder), climbed.inputs)
    whole = replace(steps, steps={**steps.steps, "behavior": steps.steps["psth"]}, missing={})
    settings = climbed.study.config.statistics
    rows = encoding_table(whole, climbed.resampling(whole), settings, np.random.default_rng(0))
    assert rows.set_index("step").loc["behavior", "gain"] == 0
    assert rows[rows["role"] == "descriptive"]["verdict"].eq("descriptive").all()


def test_sign_flip_over_blocks_and_holm(climbed: Climbed, table: pd.DataFrame) -> None:
    """Six blocks: every one of 64 patterns of signs; Holm over the three gains that are claimed."""
    family = table[table["family"] == FAMILY]
    assert list(zip(family["step"], family["metric"], strict=True)) == [
        ("linear_source", "bits_per_spike"), ("seq2seq", "bits_per_spike"), ("seq2seq", COMMUNICATION)
    ]  # fmt: skip
    by = climbed.ladder.trials.groupby(["step", "block"])[["nats", "spikes"]].sum()
    bits = (by["nats"] / by["spikes"] / np.log(2)).unstack(0)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1)
    for row in family.to_dict("records"):
        d = (bits[row["step"]] - bits[row["reference"]]).to_numpy()
        assert row["p"] == pytest.approx(np.mean(d @ signs >= d.sum() - 1e-12))
        assert row["n_clusters"] == 6
    np.testing.assert_allclose(family["p_holm"], multipletests(family["p"], method="holm")[1])
    assert family.iloc[2]["verdict"] == "communication better"
    assert table[table["family"] == ""]["p_holm"].isna().all()


def test_gain_of_units_by_hand(climbed: Climbed, gains: pd.DataFrame, table: pd.DataFrame) -> None:
    units = climbed.ladder.units.groupby(["recording", "unit", "step"])[["nats", "spikes"]].sum()
    nats, spikes = units["nats"].unstack(), units["spikes"].unstack()["seq2seq"]
    unit_gains = gains[gains["unit"] != "all"].set_index(["recording", "unit"])
    for column, step, before in (
        ("gain", "seq2seq", "target_history"),
        ("linear_source_gain", "linear_source", "target_history"),
        ("seq2seq_gain", "seq2seq", "linear_source"),
    ):
        wanted = (nats[step] - nats[before]) / spikes / np.log(2)
        np.testing.assert_allclose(unit_gains.loc[wanted.index, column].to_numpy(float), wanted, atol=1e-12)
    assert (unit_gains["ci_low"] <= unit_gains["gain"]).all()
    pooled = gains[(gains["recording"] == "all")].iloc[0]
    total = table[table["metric"] == COMMUNICATION].iloc[0]
    for column, of in (("gain", "gain"), ("ci_low", "gain_low"), ("ci_high", "gain_high")):
        assert pooled[column] == pytest.approx(total[of], abs=1e-12)
    score = gain_scores(gains, table)
    assert score["value"] == pytest.approx(score["linear_source_gain"] + score["seq2seq_gain"])
    assert score["value"] > 0.02
    assert score["verdict"] == "communication better"
    assert score["n_units"] == sum(len(w.target_units) for w in climbed.study.windows)
    assert score["n_units_above_zero"] > score["n_units"] / 2
    assert set(score["per_recording"]) == {w.recording for w in climbed.study.windows}


def test_the_figure_is_drawn_from_it(gains: pd.DataFrame, tmp_path: Path) -> None:
    gains.to_csv(tmp_path / "communication_gain.csv", index=False)
    assert figure.draw(tmp_path, tmp_path / "gain.png")


def test_without_a_source_step_there_is_no_gain(climbed: Climbed) -> None:
    steps, _ = read_encoding(NestedModelRun(climbed.folder), climbed.inputs)
    less = replace(
        steps,
        steps={k: v for k, v in steps.steps.items() if k not in ("linear_source", "seq2seq")},
        missing={**steps.missing, "linear_source": "of a test", "seq2seq": "of a test"},
    )
    settings = climbed.study.config.statistics
    assert communication_gain(less, climbed.resampling(less), settings).empty
    rows = encoding_table(less, climbed.resampling(less), settings, np.random.default_rng(0))
    assert (rows["family"] == "").all()
    assert len(rows) == len(MODELS)
    none = TranslationSteps({}, steps.units, MODELS, dict.fromkeys(MODELS, "of a test"))
    rows = encoding_table(none, None, settings, np.random.default_rng(0))
    assert set(rows["verdict"]) == {"left out: of a test"}
    assert communication_gain(none, None, settings).empty


def spoilt(climbed: Climbed, tmp_path: Path, change: Callable[[dict[str, object]], None]) -> NestedModelRun:
    run = NestedModelRun(tmp_path)
    shutil.copytree(NestedModelRun(climbed.folder).encoding, run.encoding)
    about = json.loads(run.about_encoding.read_text())
    change(about)
    run.about_encoding.write_text(json.dumps(about))
    return run


def test_a_fit_that_saw_the_test_block_is_refused(climbed: Climbed, tmp_path: Path) -> None:
    name, intervals = next(iter(climbed.study.splits.folds[1].test_intervals.items()))

    def leak(about: dict[str, object]) -> None:
        about["training_intervals"]["linear_source"]["1"][name] = intervals.tolist()  # type: ignore[index]

    with pytest.raises(LeakageError, match="ladder/linear_source: fold 1"):
        read_encoding(spoilt(climbed, tmp_path, leak), climbed.inputs)


def test_files_that_lack_something_are_named(climbed: Climbed, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected 'training_intervals'; run the stage nested_models"):
        read_encoding(spoilt(climbed, tmp_path, lambda about: about.pop("training_intervals")), climbed.inputs)


def test_the_gain_of_a_state_is_that_of_its_bins(climbed: Climbed, tmp_path: Path) -> None:
    """From the rates of the fits and the counts; rates of another fit are refused."""
    rng, states = np.random.default_rng(2), {}
    for w in climbed.study.windows:
        states[w.recording] = StateBins(rng.random((len(w), w.n_bins)) < 0.3)
    data = held_out_bins(climbed.inputs, {"run": states})
    gain = communication_measure(climbed.inputs, data, climbed.folder)
    assert isinstance(gain, HeldOutMeasure) and gain.model == "seq2seq"
    total = spikes = 0.0
    for kept in climbed.ladder.rates:
        w = climbed.inputs.windows[kept.recording]
        rows = rows_of(w, kept.trial)
        flags, y = states[w.recording].inside[rows], w.target[rows].astype(float)
        r, b = kept.rates["seq2seq"], kept.rates["target_history"]
        total += (y * np.log(r / b) - (r - b))[flags].sum() / np.log(2)
        spikes += y[flags].sum()
    score = gain.score(data, data.inside["run"], np.zeros(len(data.table), dtype=np.int64))
    assert score(np.ones((1, 1)))[0] == pytest.approx(total / spikes, rel=5e-3)
    shutil.copytree(climbed.folder / "encoding", tmp_path / "encoding")
    shutil.rmtree(tmp_path / "encoding" / "held_out_rates")
    doubled = [replace(h, rates={**h.rates, "seq2seq": 2 * h.rates["seq2seq"]}) for h in climbed.ladder.rates]
    write_held_out_rates(tmp_path / "encoding", doubled)
    with pytest.raises(DataError, match="seq2seq: expected held-out rates that give the nats of its trials"):
        communication_measure(climbed.inputs, data, tmp_path)


@pytest.mark.slow
def test_evaluate_writes_it_beside_the_ladder_of_decisions(climbed: Climbed, tmp_path: Path) -> None:
    study = climbed.study
    config = study.config.model_copy(update={"compute": small_config().compute})
    fit_nested_models(NestedModelsSections.of(config), *study.places[:3], tmp_path / "ladder")
    scores = evaluate(EvaluationSections.of(config), *study.places, tmp_path / "out", None, tmp_path / "ladder")
    run = EvaluationRun(tmp_path / "out")
    rows = run.read_nested_models()
    assert rows is not None
    assert list(rows["kind"].unique()) == ["decision", "translation"]
    assert scores["communication_gain"]["value"] > 0.02
    assert scores["ladder"]["translation"]["seq2seq"]["bits_per_spike"]["reference"] == "linear_source"
    assert run.read_table("communication_gain") is not None
    assert run.read_leakage()["ladder_translation"]["passed"]
