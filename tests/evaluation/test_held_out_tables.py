"""Tables of held-out trials: single units, PSTHs, ROC curves, and latents by position, each against a plain count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_runs import Study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import LATENT_POSITIONS, YARDSTICKS, read_table
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.latent_positions import is_position, latent_position_table
from spikebridge.evaluation.latent_trajectories import held_out_components
from spikebridge.metrics import information


@pytest.fixture(scope="module")
def inputs(study: Study) -> Inputs:
    windows, splits, train, _ = study.places
    return read(study.config.models, windows, splits, train)


def test_units_add_up_to_their_recording(study: Study, out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "unit_scores")
    metrics = EvaluationRun(out).read_metrics()["translation"]
    of_unit = table["unit"].astype(str) != "all"
    for (model, recording), rows in table.groupby(["model", "recording"]):
        together, units = rows[~of_unit.loc[rows.index]].iloc[0], rows[of_unit.loc[rows.index]]
        score = metrics[model]["per_recording"][recording]
        for key in ("value", "ci_low", "ci_high"):
            column = "bits_per_spike" + {"value": "", "ci_low": "_low", "ci_high": "_high"}[key]
            assert together[column] == pytest.approx(score[key], abs=1e-6)
        assert together["spikes"] == units["spikes"].sum()
        for key in YARDSTICKS:
            assert np.average(units[key], weights=units["spikes"]) == pytest.approx(together[key], abs=1e-6)
    pooled = table[~of_unit]
    for model, rows in pooled.groupby("model"):
        for key in YARDSTICKS:
            value = np.average(rows[key], weights=rows["spikes"])
            assert value == pytest.approx(metrics[model][key]["value"], abs=1e-3)  # baselines in half precision


def test_a_unit_is_scored_by_its_own_bins(study: Study, out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "unit_scores")
    w = study.windows[0]
    trials, rates = study.run("seq2seq").read_translation("seq2seq").rates[w.recording]
    nats = spikes = 0.0
    for fold in study.splits.folds:
        base = w.target[fold.train[w.recording]].mean(axis=(0, 1))[:1]
        rows = fold.test[w.recording]
        of = rates[np.searchsorted(trials, w.trial[rows])][:, :, :1]
        gained, n = information(of, w.target[rows][:, :, :1], base)
        nats, spikes = nats + gained.sum(), spikes + n.sum()
    row = table[(table["model"] == "seq2seq") & (table["recording"] == w.recording)].iloc[0]
    assert row["bits_per_spike"] == pytest.approx(nats / spikes / np.log(2))


def test_psths_are_means_of_held_out_trials(study: Study, out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "psth")
    scores = read_table(EvaluationRun(out).tables, "unit_scores")
    w = study.windows[0]
    shown = table[table["recording"] == w.recording]
    of = scores[(scores["model"] == "seq2seq") & (scores["recording"] == w.recording) & (scores["unit"] != "all")]
    best = of.loc[of["bits_per_spike"].astype(float).idxmax(), "unit"]
    rows = shown[(shown["place"] == "best") & (shown["label"] == "stay")]
    assert set(rows["unit"].astype(str)) == {str(best)}
    trials, rates = study.run("seq2seq").read_translation("seq2seq").rates[w.recording]
    unit = int(np.flatnonzero(w.target_units == int(best))[0])
    at = np.array([int(np.flatnonzero(w.trial == k)[0]) for k in trials])
    stay = w.label[at] == w.classes.index("stay")
    np.testing.assert_allclose(rows["observed_hz"], w.target[at[stay], :, unit].mean(axis=0) / w.bin_s)
    np.testing.assert_allclose(rows["predicted_hz"], rates[stay, :, unit].mean(axis=0) / w.bin_s, rtol=1e-6)
    assert set(rows["n"]) == {int(stay.sum())}
    assert rows["time_s"].iloc[0] == pytest.approx(-w.n_bins * w.bin_s + w.bin_s / 2)
    assert shown.groupby("place")["unit"].nunique().eq(1).all() and shown["typical"].sum() > 0


def test_areas_are_the_scores(out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "roc")
    metrics = EvaluationRun(out).read_metrics()["models"]
    pooled = table[table["recording"] == "all"].groupby("model")["area"].first()
    assert pooled.to_dict() == pytest.approx({model: scores["auc"]["value"] for model, scores in metrics.items()})
    for _, rows in table.groupby(["model", "recording"]):
        assert rows[["false_share", "true_share"]].iloc[[0, -1]].to_numpy().ravel().tolist() == [0, 0, 1, 1]


def test_latents_are_means_over_trials_in_each_range(inputs: Inputs) -> None:
    name = inputs.recordings[0]
    w = inputs.windows[name]
    folds = inputs.latents["seq2seq"][name]
    values, trial, _ = held_out_components(w, folds)
    at = np.array([int(np.flatnonzero(w.trial == k)[0]) for k in trial])
    behavior = np.full((len(w), w.n_bins, 2), np.nan, np.float32)
    behavior[at, :, 1] = 2 * values[:, :, 0]
    known = replace(w, behavior=behavior, behavior_names=("speed", "position_x"))
    table = latent_position_table(replace(inputs, windows={**inputs.windows, name: known}))
    assert list(table.columns) == list(LATENT_POSITIONS)
    assert set(table["series"]) == {"position_x"} and set(table["recording"]) == {name}
    first = table[table["axis"] == "1"]
    assert (first["from"] <= first["value"]).all() and (first["value"] <= first["to"]).all()
    row = first.iloc[4]
    inside = (behavior[at, :, 1] >= row["from"]) & (behavior[at, :, 1] < row["to"])
    means = pd.Series([values[k, inside[k], 0].mean() for k in range(len(at)) if inside[k].any()])
    assert row["mean"] == pytest.approx(means.mean(), abs=1e-6)
    assert row["sem"] == pytest.approx(means.sem(), abs=1e-6)
    assert row["n"] == len(means)


def test_without_behaviour_there_are_no_rows(inputs: Inputs) -> None:
    assert latent_position_table(inputs).empty


@pytest.mark.parametrize(
    ("series", "expected"),
    [("position_x", True), ("x", True), ("Linear-Position", True), ("speed", False), ("lick_box", False)],
)
def test_positions_are_known_by_name(series: str, expected: bool) -> None:
    assert is_position(series) is expected
