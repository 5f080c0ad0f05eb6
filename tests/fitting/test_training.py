"""Refits: what they write, that it is out of fold, that it can be had twice."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from studies import every_model, small_config

from spikebridge import metrics, models
from spikebridge.artifacts.held_out_rates import BASELINE, read_held_out_rates
from spikebridge.artifacts.latents import read_latents
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.fitting import training
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.runtime.seeds import random_generator
from spikebridge.splits import check_training_intervals, select_windows
from spikebridge.types import Windows

QUICK = {
    "seq2seq": {"max_epochs": 2, "hidden_size": 8},
    "seq2seq_label_direction": {"max_epochs": 2, "hidden_size": 8},
    "random_forest": {"n_estimators": 5},
    "dnn": {"max_epochs": 3},
    "cebra": {"max_iterations": 5},
}


def run(root: Path, model: str, out: str, **sections: Any) -> tuple[Path, list[dict[str, Any]]]:
    config = small_config(models=QUICK, **sections)
    tuned = root / f"{model}.json"
    params = [{"fold": f, "params": QUICK.get(model, {})} for f in (0, 1, "full")]
    tuned.write_text(json.dumps({"model": model, "folds": params[:-1], "full": params[-1]}))
    told: list[dict[str, Any]] = []
    training.train(
        model,
        config.seed,
        config.baseline,
        config.compute,
        root / "windows",
        root / "splits.json",
        tuned,
        root / out,
        told.append,
    )
    return root / out, told


@pytest.fixture(scope="module", params=every_model())
def trained(request: pytest.FixtureRequest, study: Path) -> tuple[Any, Path, list[dict[str, Any]]]:
    return models.get_class(request.param), *run(study, request.param, f"out_{request.param}")


@pytest.mark.quick_cases(8)
def test_every_labelled_trial_is_predicted_once_in_its_own_fold(
    trained: tuple[Any, Path, Any], study: Path, windows: list[Windows]
) -> None:
    kind, out, _ = trained
    name = "predictions" if kind.decides else "translation"
    assert (out / "predictions.parquet").exists() == kind.decides
    assert (out / "translation.parquet").exists() == kind.translates
    table = pd.read_parquet(out / f"{name}.parquet")
    splits = load_splits(study / "splits.json")
    assert set(table.split_hash) == {splits.hash}
    for w in windows:
        recording_rows = table[table.recording == w.recording]
        assert sorted(recording_rows.trial) == sorted(w.trial[w.labelled])
        assert recording_rows.time_s.is_monotonic_increasing
        for fold in splits.folds:
            assert set(recording_rows.trial[recording_rows.fold == fold.fold]) == set(w.trial[fold.test[w.recording]])
        assert set(recording_rows.block) == {f"{w.recording}/0", f"{w.recording}/1"}
        if kind.decides:
            label = dict(zip(w.trial, w.label, strict=True))
            assert list(recording_rows.label) == [w.classes[label[t]] for t in recording_rows.trial]
            chances = recording_rows[[f"p_{c}" for c in w.classes]].to_numpy()
            shares = recording_rows[[f"share_{c}" for c in w.classes]].to_numpy()
            for fold in splits.folds:  # Laplace's shares of the labels that the refit learned from
                learnt = [getattr(fold.inner[0], side)[w.recording] for side in ("train", "valid")]
                known = w.label[np.concatenate(learnt)]
                counts = np.bincount(known[known >= 0], minlength=len(w.classes)) + 1
                np.testing.assert_allclose(
                    shares[recording_rows.fold == fold.fold],
                    np.tile(counts / counts.sum(), ((recording_rows.fold == fold.fold).sum(), 1)),
                )
            speaks_for = chances if kind.name == "majority" else chances / shares
            assert list(recording_rows.predicted) == [w.classes[i] for i in speaks_for.argmax(axis=1)]


def test_training_time_keeps_clear_of_the_test_blocks(trained: tuple[Any, Path, Any], study: Path) -> None:
    _, out, _ = trained
    splits = load_splits(study / "splits.json")
    learned = TrainingRun(out).read_training_intervals()
    assert learned.split_hash == splits.hash
    assert set(learned.folds) == {0, 1}
    for fold, time in learned.folds.items():
        assert set(time) == set(splits.full.train)
        assert check_training_intervals(splits, fold, time) == []


def test_translation_is_the_metric_of_the_saved_rates(
    trained: tuple[Any, Path, Any], study: Path, windows: list[Windows]
) -> None:
    kind, out, _ = trained
    if not kind.translates:
        assert not TrainingRun(out).rates.exists()
        return
    rates = TrainingRun(out).read_translation(kind.name).rates
    table = pd.read_parquet(out / "translation.parquet").set_index(["recording", "trial"])
    splits = load_splits(study / "splits.json")
    for w in windows:
        assert np.array_equal(rates[w.recording][0], np.sort(w.trial[w.labelled]))
        row = dict(zip(*rates[w.recording], strict=True))
        for fold in splits.folds:
            base = w.target[fold.train[w.recording]].mean(axis=(0, 1))
            for i in fold.test[w.recording]:
                r, y = row[w.trial[i]].astype(float), w.target[i].astype(float)
                by_hand = np.sum(y * np.log(r / base) - (r - base))
                assert table.loc[(w.recording, w.trial[i]), "nats"] == pytest.approx(by_hand, rel=1e-5, abs=1e-4)
                assert table.loc[(w.recording, w.trial[i]), "spikes"] == y.sum()
    alone = table.nats_without_source
    if kind.uses_target_past:
        assert alone.isna().all()
        assert not (out / "held_out_rates").exists()
    else:  # no drift, and no course in a trial or hardly one: what is left without the source are mean rates
        assert abs(alone.sum()) < 0.02 * table.spikes.sum()
        for w, fold in product(windows, splits.folds):
            base, rows = w.target[fold.train[w.recording]].mean(axis=(0, 1)), fold.test[w.recording]
            b, y = read_held_out_rates(out, w.recording).of(BASELINE, w.trial[rows]), w.target[rows]
            by_hand = np.sum(y * np.log(np.maximum(b, 1e-6) / base) - (b - base), axis=(1, 2))
            wanted = alone.loc[[(w.recording, k) for k in w.trial[rows]]]
            np.testing.assert_allclose(by_hand, wanted, atol=2e-3 * y.sum(axis=(1, 2)).max())
    assert np.isfinite(metrics.bits_per_spike(table.nats, table.spikes))
    terms = TrainingRun(out).read_baselines()
    assert terms is not None and set(terms["fold"]) == {"0", "1", "full"}
    assert len(terms) == 3 * len(windows)


def test_latents_are_there_for_train_and_test_trials(
    trained: tuple[Any, Path, Any], study: Path, windows: list[Windows]
) -> None:
    kind, out, _ = trained
    if not issubclass(kind, Seq2Seq):
        assert not TrainingRun(out).latents.exists()
        return
    latents = read_latents(TrainingRun(out).latents)
    splits = load_splits(study / "splits.json")
    for w in windows:
        for fold in splits.folds:
            part = latents[w.recording][fold.fold]
            assert set(part.trial[part.held_out]) == set(w.trial[fold.test[w.recording]])
            assert part.latents.shape == (len(part.trial), w.n_bins, 8)
            assert not set(part.trial[~part.held_out]) & set(part.trial[part.held_out])


def test_history_is_what_was_told_live(trained: tuple[Any, Path, Any]) -> None:
    kind, out, told = trained
    history = pd.read_csv(out / "history.csv")
    assert list(history.columns[:2]) == ["fold", "epoch"]
    assert len(history) == len(told) == 3 * QUICK.get(kind.name, {}).get("max_epochs", 0)
    if told:
        assert set(history.fold.astype(str)) == {"0", "1", "full"}
        np.testing.assert_allclose(history.train_loss, [row["train_loss"] for row in told])


def test_the_last_fit_can_be_loaded(trained: tuple[Any, Path, Any], windows: list[Windows]) -> None:
    kind, out, _ = trained
    model = models.load(out / "model")
    assert model.name == kind.name
    assert set(model.units) == {w.recording for w in windows}
    about = json.loads((out / "fit.json").read_text())
    assert about["model"] == kind.name and about["threads"] == 1 and set(about["params"]) == {"0", "1", "full"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_another_run_gives_the_same_bytes(study: Path, workers: int) -> None:
    first, _ = run(study, "dnn", f"a{workers}")
    second, told = run(study, "dnn", f"b{workers}", compute={"workers": workers})
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert all((first / f).read_bytes() == (second / f).read_bytes() for f in files)
    assert len(told) == 9


def test_predictions_are_those_of_a_model_fitted_by_hand(study: Path, windows: list[Windows]) -> None:
    out, _ = run(study, "random_forest", "again")
    splits = load_splits(study / "splits.json")
    part = splits.folds[1].inner[0]
    model = models.create("random_forest", QUICK["random_forest"])
    rng = random_generator(small_config().seed, "fit", "random_forest", "1", training.OUTER)
    model.fit(select_windows(windows, part.train), select_windows(windows, part.valid), rng)
    w = windows[0]
    rows = splits.folds[1].test[w.recording]
    expected = dict(zip(w.trial[rows], model.predict(w.select(rows)).probabilities[:, 1], strict=True))
    table = pd.read_parquet(out / "predictions.parquet")
    recording_rows = table[(table.recording == w.recording) & (table.fold == 1)]
    np.testing.assert_allclose(recording_rows.p_stay, [expected[t] for t in recording_rows.trial])


@pytest.mark.slow
def test_the_two_read_outs_of_one_translator_differ_in_their_decisions_alone(study: Path) -> None:
    alone, directed = (run(study, name, f"same_{name}")[0] for name in ("seq2seq", "seq2seq_label_direction"))
    for name in ("translation.parquet", "latents.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(alone / name), pd.read_parquet(directed / name))
    alone_predictions, directed_predictions = (
        pd.read_parquet(out / "predictions.parquet") for out in (alone, directed)
    )
    assert alone_predictions["trial"].equals(directed_predictions["trial"])
    assert not np.allclose(alone_predictions["p_stay"], directed_predictions["p_stay"])
