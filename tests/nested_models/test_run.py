"""The stage nested_models on two small simulated recordings, whose translator's latents are made up."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_latents import translate
from studies import small_config

from spikebridge import models
from spikebridge.artifacts.latents import FoldLatents
from spikebridge.artifacts.nested_models import DecodingModel, NestedModelRun
from spikebridge.artifacts.splits import load_splits, save_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.windows import save_windows
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.metrics.decision import log_loss_per_trial
from spikebridge.nested_models import NestedModelsSections, fit_nested_models
from spikebridge.nested_models.decoding.decoders import COUNT_GRID, nested_decoders
from spikebridge.nested_models.decoding.fit import out_of_fold
from spikebridge.nested_models.decoding.inputs import (
    columns_of,
    in_memory,
    target_as_source,
    with_columns,
    with_latents,
)
from spikebridge.splits import check_training_intervals, make_splits
from spikebridge.types import Splits, Windows

ALL = [
    "majority", "choice_history", "time_in_recording", "task_variables", "behavior", "target_region", "source_region",
    "translated_latents", "latents_and_task",
]  # fmt: skip
BEYOND = ["confounds", "source_beyond_confounds", "latents_beyond_confounds"]


def run(study: Path, config: Config, out: Path, train: str = "train") -> dict[str, DecodingModel]:
    """Name -> what is said of the nested model of a decision."""
    fit_nested_models(NestedModelsSections.of(config), study / "windows", study / "splits.json", study / train, out)
    return {model.name: model for model in NestedModelRun(out).read_decoding().models}


@pytest.fixture(scope="module")
def splits(study: Path) -> Splits:
    return load_splits(study / "splits.json")


@pytest.fixture(scope="module")
def climbed(study: Path, windows: list[Windows], splits: Splits) -> Path:
    translate(study, windows, splits)
    config = small_config(nested_models={"confounds": ["delay_s", "speed"]})
    run(study, config, study / "ladder")
    return study / "ladder"


def predictions(folder: Path, step: str) -> pd.DataFrame:
    return pd.read_parquet(NestedModelRun(folder).decoding(step).predictions)


def test_every_step_predicts_every_labelled_trial_once(climbed: Path, windows: list[Windows], splits: Splits) -> None:
    about = NestedModelRun(climbed).read_decoding()
    assert [model.name for model in about.models] == ALL + BEYOND
    assert about.split_hash == splits.hash
    n = sum(int(w.labelled.sum()) for w in windows)
    for step in ALL + BEYOND:
        table = predictions(climbed, step)
        assert len(table) == n and not table.duplicated(["recording", "trial"]).any()
        assert set(table["split_hash"]) == {splits.hash}
        np.testing.assert_allclose(table[["p_skip", "p_stay"]].sum(axis=1), 1.0)
        learned = NestedModelRun(climbed).decoding(step).read_training_intervals()
        for fold in splits.folds:
            assert check_training_intervals(splits, fold.fold, learned.folds[fold.fold]) == []


def test_references_are_named_or_the_best_before_on_inner_folds(climbed: Path) -> None:
    steps = NestedModelRun(climbed).read_decoding().models
    named = {s.name: s.reference for s in steps}
    assert named["majority"] == ""
    assert named["translated_latents"] == "source_region"
    assert named["latents_and_task"] == "task_variables"
    assert {named[s] for s in BEYOND} == {"majority"}
    for k, step in enumerate(steps[1:7], start=1):
        before = {s.name: sum(s.inner_loss) for s in steps[:k]}
        assert step.reference == min(before, key=lambda name: before[name])


def test_known_information_is_found(climbed: Path) -> None:
    right = {s: (predictions(climbed, s)["label"] == predictions(climbed, s)["predicted"]).mean() for s in ALL}
    assert right["translated_latents"] > 0.9
    assert right["latents_and_task"] > 0.9
    assert right["task_variables"] > 0.65
    assert right["choice_history"] < 0.65


def test_a_step_by_hand(climbed: Path, windows: list[Windows], splits: Splits) -> None:
    """Settings by brute force over the inner fold, then the model of that name on the target's counts."""
    data = [target_as_source(w.select(w.labelled)) for w in windows]
    number = [np.cumsum(w.labelled) - 1 for w in windows]

    def some(w: int, rows: np.ndarray) -> Windows:
        return data[w].select(number[w][rows[windows[w].labelled[rows]]])

    fold = splits.folds[1]
    names = [w.recording for w in windows]

    def fitted(params: dict[str, Any], index: Any) -> models.Model:
        model = models.create("logistic", params)
        model.fit([some(k, index[n]) for k, n in enumerate(names)], [], np.random.default_rng(0))
        return model

    losses = {}
    for values in product(*COUNT_GRID.values()):
        params = dict(zip(COUNT_GRID, values, strict=True))
        model = fitted(params, fold.inner[0].train)
        valid = [some(k, fold.inner[0].valid[n]) for k, n in enumerate(names)]
        losses[values] = sum(log_loss_per_trial(v.label, model.predict(v).probabilities).sum() for v in valid)  # type: ignore[arg-type]
    best = dict(zip(COUNT_GRID, min(losses, key=lambda v: losses[v]), strict=True))
    about = {model.name: model for model in NestedModelRun(climbed).read_decoding().models}
    assert about["target_region"].settings[1] == best
    assert about["target_region"].inner_loss[1] == pytest.approx(min(losses.values()))
    model = fitted(best, fold.train)
    table = predictions(climbed, "target_region")
    for k, name in enumerate(names):
        fold_rows = table[(table["recording"] == name) & (table["fold"] == 1)]
        probabilities = model.predict(some(k, fold.test[name])).probabilities
        assert probabilities is not None
        np.testing.assert_allclose(fold_rows["p_stay"], probabilities[:, 1], rtol=1e-6)


@pytest.mark.parametrize("how", ["residualise", "match"])
def test_the_test_block_is_never_learned_from(windows: list[Windows], how: str) -> None:
    """Other counts and labels in a fold's test trials but the first: the first is told the same, with one setting."""
    config = small_config(nested_models={"confounds": ["delay_s"], "confound_control": how})
    data = [w.select(w.labelled) for w in windows]
    splits = make_splits(data, config.split)
    fold, rng = splits.folds[0], np.random.default_rng(0)
    changed = []
    for w in data:
        rows = fold.test[w.recording][1:]
        label, source, covariates = w.label.copy(), w.source.copy(), w.covariates.copy()
        label[rows], source[rows] = 1 - label[rows], rng.poisson(3.0, source[rows].shape)
        covariates[rows] += 5
        changed.append(replace(w, label=label, source=source, covariates=covariates))
    for step in nested_decoders(config.nested_models, config.trials.covariates, data, "block", "none"):
        if step.name in {"task_variables", "behavior", "source_region", "source_beyond_confounds"}:
            plain, with_changes = (out_of_fold(step, d, fold, {}, rng) for d in (data, changed))
            assert plain.settings == with_changes.settings
            columns = ["p_skip", "p_stay", "share_skip", *(["weight"] if "weight" in plain.table else [])]
            first = [t.table.groupby("recording")[columns].first() for t in (plain, with_changes)]
            pd.testing.assert_frame_equal(*first)


def test_steps_of_latents_have_learned_from_what_the_translator_learned_from(climbed: Path, study: Path) -> None:
    whole = TrainingRun(study / "train" / "seq2seq").read_training_intervals().folds
    for step, as_much in (("translated_latents", True), ("latents_beyond_confounds", True), ("source_region", False)):
        learned = NestedModelRun(climbed).decoding(step).read_training_intervals().folds
        for fold, by_recording in whole.items():
            for name, intervals in by_recording.items():
                spent = [np.diff(np.array(i), axis=1).sum() for i in (learned[fold][name], intervals)]
                assert bool(np.isclose(*spent)) is as_much


@pytest.mark.slow
def test_what_the_data_do_not_allow_is_left_out_and_says_why(
    tmp_path: Path, windows: list[Windows], climbed: Path, study: Path
) -> None:
    bare = [
        replace(
            w, behavior=np.empty((0, 0, 0), np.float32), behavior_names=(), covariates=w.covariates[:, :0],
            covariate_names=(),
        )
        for w in windows
    ]  # fmt: skip
    (tmp_path / "windows").mkdir()
    for w in bare:
        save_windows(w, tmp_path / "windows")
    config = small_config(trials={"covariates": []})
    save_splits(make_splits(bare, config.split), tmp_path / "splits.json")
    steps = run(tmp_path, config, tmp_path / "ladder")
    missing = {name: step.missing for name, step in steps.items() if step.missing}
    assert missing == {
        "choice_history": "the windows hold no earlier labels",
        "task_variables": "no columns are named: trials.covariates is empty",
        "behavior": "no behaviour was recorded in rec.0 and 1 more",
        "translated_latents": "seq2seq was not run",
        "latents_and_task": "seq2seq was not run",
    }
    assert {p.name for p in (tmp_path / "ladder" / "decoding").iterdir()} == {*steps} - set(missing)
    assert steps["target_region"].reference in {"majority", "time_in_recording"}
    without = run(study, small_config().model_copy(update={"models": {}}), tmp_path / "no_model")
    assert without["translated_latents"].missing == "seq2seq is not among the models"


def test_whole_recordings_held_out_leave_the_first_step(tmp_path: Path, windows: list[Windows]) -> None:
    (tmp_path / "windows").mkdir()
    for w in windows:
        save_windows(w, tmp_path / "windows")
    config = small_config(split={"by": "recording"})
    save_splits(make_splits(windows, config.split), tmp_path / "splits.json")
    steps = run(tmp_path, config, tmp_path / "ladder")
    assert [name for name, step in steps.items() if not step.missing] == ["majority"]
    assert steps["source_region"].missing.startswith("split.by: recording holds out whole recordings")
    n_tested = sum(len(rows) for fold in load_splits(tmp_path / "splits.json").folds for rows in fold.test.values())
    assert len(predictions(tmp_path / "ladder", "majority")) == n_tested > 30


@pytest.mark.parametrize("key", ["task_columns", "confounds"])
def test_a_column_that_is_not_there_is_named(study: Path, tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"nested_models.{key}: .* rec.0 has no 'delay', did you mean delay_s\?"):
        run(study, small_config(nested_models={key: ["delay"]}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_twice_the_same_with_any_number_of_workers(climbed: Path, study: Path, tmp_path: Path) -> None:
    config = small_config(nested_models={"confounds": ["delay_s", "speed"]}, compute={"workers": 2, "device": "cpu"})
    run(study, config, tmp_path / "again")
    for path in (p for p in climbed.rglob("*") if p.is_file()):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(climbed)).read_bytes(), path.name


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_columns_are_trial_columns_words_and_behaviour(windows: list[Windows]) -> None:
    w = windows[0]
    np.testing.assert_array_equal(columns_of(w, "delay_s")["delay_s"], w.covariate("column delay_s"))
    speed = w.behavior[:, :, w.behavior_names.index("speed")].astype(np.float64)
    np.testing.assert_allclose(columns_of(w, "speed")["speed"], np.nanmean(speed, axis=1))
    words = replace(
        w, covariates=np.zeros((len(w), 3)), covariate_names=("column food = a", "column food = b", "column foods")
    )
    assert list(columns_of(words, "food")) == ["food = a", "food = b"]
    assert columns_of(w, "label 1 back") == {}
    assert with_columns(w, ["delay_s", "speed"], "x ").covariate_names == ("x delay_s", "x speed")
    assert with_columns(w, []).covariates.shape == (len(w), 0)


def test_latents_stand_at_their_trials_and_none_may_lack(windows: list[Windows]) -> None:
    w = in_memory(windows[0])
    order = np.random.default_rng(0).permutation(len(w))
    z = np.arange(len(w), dtype=np.float32)[:, None, None] * np.ones((1, w.n_bins, 2), np.float32)
    held_out = np.zeros(len(w), np.bool_)
    seen = with_latents(w, {w.recording: FoldLatents(w.trial[order], held_out, z[order])})
    np.testing.assert_array_equal(seen.behavior, z)
    with pytest.raises(DataError, match=r"latents of rec\.0: expected those of every labelled trial"):
        with_latents(w, {w.recording: FoldLatents(w.trial[1:], held_out[1:], z[1:])})
