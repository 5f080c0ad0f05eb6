"""Whole recordings held out, from folds to the table: nothing of the labels or of the test trials gets into a fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score
from studies import every_model, simulated_windows, small_config

from spikebridge import models
from spikebridge.artifacts.few_labels import FILE
from spikebridge.artifacts.json_files import write_json
from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.tuning import TuningRun
from spikebridge.artifacts.windows import save_windows
from spikebridge.config import SplitConfig
from spikebridge.errors import LeakageError
from spikebridge.evaluation import leakage
from spikebridge.evaluation.few_labels import few_label_table
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.fitting import assessment, training, tuning
from spikebridge.fitting.held_out import fit_and_adapt
from spikebridge.splits import make_splits
from spikebridge.types import Splits, Windows
from spikebridge.types.intervals import as_intervals

KNOBS = {"n_recordings": 3, "n_trials": 50, "n_source_units": [14, 18], "n_target_units": [8, 10]}
QUICK = {"seq2seq": {"max_epochs": 2, "hidden_size": 8, "n_readout_trees": 5}}
ABLE = [n for n in models.names() if models.get_class(n).meets_new_units()]
MODELS = ("aligned_pca", "majority", "psth")


@pytest.fixture(scope="module")
def recordings() -> list[Windows]:
    return simulated_windows(small_config(simulate=KNOBS))


@pytest.fixture(scope="module")
def folds(recordings: list[Windows]) -> Splits:
    return make_splits(recordings, SplitConfig(by="recording", n_outer_folds=3))


@pytest.fixture(scope="module")
def trained(recordings: list[Windows], folds: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tune and train write for MODELS."""
    root, config = tmp_path_factory.mktemp("held_out"), small_config(tune={"n_trials": 1})
    config = config.model_copy(update={"models": {name: {} for name in MODELS}})
    (root / "windows").mkdir()
    for w in recordings:
        save_windows(w, root / "windows")
    save_splits(folds, root / "splits.json")
    places = root / "windows", root / "splits.json"
    for name in MODELS:
        tuning.tune(tuning.TuningSections.of(config), name, *places, root / "work", root / "tune" / name)
        best = TuningRun(root / "tune" / name).best
        training.train(name, 1, config.baseline, config.compute, *places, best, root / "train" / name, lambda row: None)
    return root


def inputs(root: Path) -> Inputs:
    return read(MODELS, root / "windows", root / "splits.json", root / "train")


@pytest.mark.parametrize("name", every_model(ABLE))
def test_labels_of_a_held_out_recording_and_its_test_trials_change_nothing(
    name: str, recordings: list[Windows], folds: Splits
) -> None:
    """Other labels everywhere in it, earlier ones among the covariates too, and other spikes from the gap on."""
    fold = folds.folds[0]
    (held,) = fold.test
    w = next(w for w in recordings if w.recording == held)
    last = w.stop_s[fold.spikes_known(held)].max()
    late = (w.start_s >= last)[:, None, None]
    back = np.array([n.startswith("label ") for n in w.covariate_names])
    other = replace(
        w,
        label=np.where(w.labelled, 1 - w.label, -1),
        covariates=np.where(back, 1 - w.covariates, w.covariates),
        source=np.where(late, w.source + 1, w.source),
        target=np.where(late, w.target + 1, w.target),
    )
    predictions = []
    for data in (recordings, [other if v.recording == held else v for v in recordings]):
        model = models.create(name, QUICK.get(name))
        fit_and_adapt(model, data, fold.fit, np.random.default_rng(0))
        test = w.select(fold.test[held])
        predicted = model.predict(test)
        decided = None if predicted.probabilities is None else model.decide(predicted.probabilities, held)
        predictions.append((predicted.probabilities, predicted.rates, predicted.latents, decided))
    for a, b in zip(*predictions, strict=True):
        assert (a is None and b is None) or np.array_equal(a, b)


@pytest.mark.slow
def test_the_leak_check_passes_and_names_the_time_that_models_adapt_to(trained: Path, folds: Splits) -> None:
    report = leakage.check(inputs(trained))
    assert report["passed"] and report["split_by"] == "recording"
    declared = report["adaptation_intervals"]
    learned = TrainingRun(trained / "train" / "aligned_pca").read_training_intervals()
    for fold in folds.folds:
        (held,) = fold.test
        first = fold.test_intervals[held][0, 0]
        assert as_intervals(declared[str(fold.fold)][held]).max() <= first - folds.gap_s[held] + 1e-6
        assert as_intervals(learned.folds[fold.fold][held]).max() <= first - folds.gap_s[held] + 1e-6
        majority = TrainingRun(trained / "train" / "majority").read_training_intervals()
        assert held not in majority.folds[fold.fold]


@pytest.mark.parametrize(("seconds", "message"), [(-0.5, "nearer than the gap"), (1.0, "is held out from")])
def test_time_of_the_test_trials_is_refused(
    trained: Path, folds: Splits, seconds: float, message: str, tmp_path: Path
) -> None:
    (held,) = folds.folds[0].test
    start = float(folds.folds[0].test_intervals[held][0, 0])
    path = TrainingRun(trained / "train" / "aligned_pca").training_intervals
    before = path.read_text()
    content = json.loads(before)
    content["folds"]["0"][held].append([start + seconds, start + seconds + 0.2])
    try:
        write_json(path, content)
        with pytest.raises(LeakageError, match=rf"aligned_pca: fold 0: {held}.* {message}"):
            leakage.check(inputs(trained))
    finally:
        path.write_text(before)


def test_every_test_trial_is_predicted_with_each_number_of_labels(trained: Path, folds: Splits) -> None:
    table = pd.read_parquet(trained / "train" / "aligned_pca" / FILE)
    assert set(zip(table["fit"], table["labels"], strict=True)) == {
        ("adapted", "0"), ("adapted", "10"), ("adapted", "30"), ("from scratch", "all"),
    }  # fmt: skip
    tested = sum(len(rows) for fold in folds.folds for rows in fold.test.values())
    assert (table.groupby(["fit", "labels"]).size() == tested).all()
    gap = table["recording"].map(dict(folds.gap_s))
    assert (table["distance_s"] >= gap - 1e-6).all()
    assert np.isinf(table.loc[table["labels"] == "0", "distance_s"]).all()
    assert (table.loc[table["labels"] == "all", "n_labels"] > 30).all()
    without = table[table["labels"] == "0"].reset_index(drop=True)
    main = pd.read_parquet(TrainingRun(trained / "train" / "aligned_pca").predictions)
    assert without["predicted"].tolist() == main["predicted"].tolist()
    np.testing.assert_allclose(without["p_stay"], main["p_stay"])
    assert not (trained / "train" / "majority" / FILE).exists()


def test_the_table_has_the_scores_of_scikit_learn(trained: Path) -> None:
    made = few_label_table(MODELS, trained / "train", inputs(trained))
    rows = pd.read_parquet(trained / "train" / "aligned_pca" / FILE)
    each = []
    for name, own in rows[rows["labels"] == "10"].groupby("recording"):
        each.append(balanced_accuracy_score(own["label"], own["predicted"]))
        row = made[(made["recording"] == name) & (made["labels"] == "10")].iloc[0]
        assert row["balanced_accuracy"] == pytest.approx(each[-1]) and row["n_trials"] == len(own)
    mean = made[(made["recording"] == "all recordings") & (made["labels"] == "10")].iloc[0]
    assert mean["balanced_accuracy"] == pytest.approx(np.mean(each)) and mean["n_labels"] == 10
    assert set(made["model"]) == {"aligned_pca"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(split_hash="0"), "made with another split manifest"),
        (lambda t: t.assign(distance_s=0.5), "a label was used that is 0.500 s away, nearer than the gap"),
        (lambda t: t.iloc[1:], "expected each test trial once"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "expected each test trial once"),
    ],
)
def test_few_labels_that_leak_are_refused(
    trained: Path, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    table = pd.read_parquet(trained / "train" / "aligned_pca" / FILE)
    (tmp_path / "aligned_pca").mkdir()
    change(table).to_parquet(tmp_path / "aligned_pca" / FILE)
    with pytest.raises(LeakageError, match=message):
        few_label_table(["aligned_pca"], tmp_path, inputs(trained))


def test_tuning_scores_a_held_out_recording_after_adaptation(recordings: list[Windows], folds: Splits) -> None:
    part = folds.folds[0].inner[0]
    (held,) = part.test
    model: Any = models.create("aligned_pca")
    outcome = assessment.assess_held_out(model, recordings, part, np.random.default_rng(0))
    test = next(w for w in recordings if w.recording == held).select(part.test[held])
    probabilities = model.predict(test).probabilities
    decided = model.decide(probabilities, held)
    assert outcome.inner["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(test.label, decided))
    assert outcome.value == pytest.approx(np.log(probabilities[np.arange(len(test)), test.label]).mean())
