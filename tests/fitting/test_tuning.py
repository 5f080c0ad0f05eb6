"""Tuning: budgets, what is seen, reproducibility, resuming after a kill."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss
from studies import every_model, small_config

from spikebridge import models
from spikebridge.artifacts.splits import save_splits
from spikebridge.config import Config
from spikebridge.errors import ConfigError
from spikebridge.fitting import assessment, studies, tuning
from spikebridge.fitting.cheaper_fits import is_hopeless
from spikebridge.splits import make_splits
from spikebridge.types import Windows

QUICK = {"seq2seq": {"max_epochs": 2}, "dnn": {"max_epochs": 2}, "cebra": {"max_iterations": 5}}


def tune(study: Path, config: Config, model: str, out: Path, work: Path | None = None) -> dict[str, Any]:
    tuning.tune(
        tuning.TuningSections.of(config),
        model,
        study / "windows",
        study / "splits.json",
        work or out.parent / "work",
        out,
    )
    return json.loads((out / "best.json").read_text())


@pytest.mark.parametrize("model", every_model())
@pytest.mark.quick_cases(8)
def test_every_model_gets_the_same_budget(study: Path, tmp_path: Path, model: str) -> None:
    best = tune(study, small_config(models={model: QUICK.get(model, {})}), model, tmp_path / "out")
    fits = [*best["folds"], best["full"]]
    assert [f["fold"] for f in fits] == [0, 1, "full"]
    assert best["tunable"] == (model not in ("majority", "mean_rate"))
    assert {f["n_trials"] for f in fits} == {2 if best["tunable"] else 1}
    trials = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert len(trials) == sum(f["n_trials"] for f in fits)
    for fit in fits:
        models.create(model, fit["params"])
        assert (fit["inner"]["bits_per_spike"] is not None) == models.get_class(model).translates
        assert (fit["inner"]["balanced_accuracy"] is not None) == models.get_class(model).decides
        rows = trials[trials.fold.astype(str) == str(fit["fold"])]
        key = "bits_per_spike" if models.get_class(model).translates else "log_loss"
        assert rows.value.max() == pytest.approx(fit["inner"][key] * (1 if models.get_class(model).translates else -1))
    assert len(list((tmp_path / "out" / "studies").glob("*.db"))) == (3 if best["tunable"] else 0)
    assert not (tmp_path / "work").exists()


def test_fixed_settings_are_kept(study: Path, tmp_path: Path) -> None:
    config = small_config(models={"dnn": {"n_segments": 3, "max_epochs": 5}})
    best = tune(study, config, "dnn", tmp_path / "out")
    assert all(f["params"]["n_segments"] == 3 and f["params"]["max_epochs"] == 5 for f in best["folds"])
    assert "params_segments" not in pd.read_csv(tmp_path / "out" / "trials.csv")


@pytest.mark.slow
def test_workers_do_not_change_the_result(study: Path, tmp_path: Path) -> None:
    one_worker = tune(study, small_config(), "ridge", tmp_path / "one")
    two_workers = tune(study, small_config(compute={"workers": 2}), "ridge", tmp_path / "two")
    assert one_worker == two_workers
    assert (tmp_path / "one" / "trials.csv").read_bytes() == (tmp_path / "two" / "trials.csv").read_bytes()


@pytest.mark.slow
def test_a_killed_study_goes_on_as_if_nothing_had_happened(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(
        tune={"n_trials": 5, "n_startup_trials": 2}, models={"dnn": {"max_epochs": 3, "hidden_size": 8}}
    )
    calm = tune(study, config, "dnn", tmp_path / "calm", tmp_path / "work_calm")

    class Killed(BaseException):
        pass

    left = [7]  # dies in the middle of the second study
    whole = tuning.assess

    def dying(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return whole(*args, **kwargs)

    monkeypatch.setattr(tuning, "assess", dying)
    with pytest.raises(Killed):
        tune(study, config, "dnn", tmp_path / "cut", tmp_path / "work_cut")
    assert not (tmp_path / "cut").exists()
    (database,) = (tmp_path / "work_cut").rglob("fold_1.db")
    unfinished = optuna.load_study(study_name="dnn", storage=f"sqlite:///{database}")
    assert [t.state.name for t in unfinished.trials] == ["COMPLETE", "COMPLETE", "RUNNING"]

    fits = []
    monkeypatch.setattr(tuning, "assess", lambda *a, **k: fits.append(1) or whole(*a, **k))
    resumed = tune(study, config, "dnn", tmp_path / "cut", tmp_path / "work_cut")
    assert resumed == calm
    assert len(fits) == 15 - 7  # what had been finished is not done again
    assert (tmp_path / "cut" / "trials.csv").read_bytes() == (tmp_path / "calm" / "trials.csv").read_bytes()


def test_other_settings_do_not_resume_an_old_study(study: Path, tmp_path: Path) -> None:
    from spikebridge.artifacts.splits import load_splits

    splits = load_splits(study / "splits.json")
    prints = {
        tuning.study_fingerprint(tuning.TuningSections.of(c), "dnn", splits, "cpu")
        for c in (small_config(), small_config(models={"dnn": {"hidden_size": 9}}), small_config(tune={"n_trials": 3}))
    }
    assert len(prints) == 3
    same = small_config(models={"ridge": {"penalty": 1.0}}, statistics={"alpha": 0.01})
    assert tuning.study_fingerprint(tuning.TuningSections.of(same), "dnn", splits, "cpu") in prints


def test_inner_scores_are_scikit_learns(halves: tuple[list[Windows], list[Windows]]) -> None:
    train, valid = halves
    model = models.create("random_forest", {"n_estimators": 20})
    outcome = assessment.assess(model, train, valid, np.random.default_rng(0))
    known = [w.select(w.labelled) for w in valid]
    chances = np.concatenate([model.predict(w).probabilities for w in known])
    label = np.concatenate([w.label for w in known])
    decided = np.concatenate([model.decide(model.predict(w).probabilities, w.recording) for w in known])
    assert outcome.inner["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(label, decided))
    assert outcome.inner["log_loss"] == pytest.approx(log_loss(label, chances))
    assert outcome.value == -outcome.inner["log_loss"]


@pytest.mark.parametrize("name", every_model())
def test_a_model_never_sees_the_labels_that_it_is_scored_by(
    name: str, halves: tuple[list[Windows], list[Windows]]
) -> None:
    """Flipping every validation label changes the score, but no prediction."""
    train, valid = halves
    flipped = [replace(w, label=np.where(w.label >= 0, 1 - w.label, -1)) for w in valid]
    predictions = []
    for held in (valid, flipped):
        model = models.create(name, QUICK.get(name))
        assessment.assess(model, train, held, np.random.default_rng(0))
        predictions.append(model.predict(valid[0]))
    for field in ("probabilities", "rates"):
        a, b = getattr(predictions[0], field), getattr(predictions[1], field)
        assert a is None or np.array_equal(a, b)


def test_bad_trials_are_pruned(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose curve lies below the median of the earlier ones is stopped before its last epoch."""
    quality = iter([1.0, 0.9, 0.1] * 3)

    def fake(model: Any, train: Any, valid: Any, rng: Any, watch: Any) -> assessment.Outcome:
        value = next(quality)
        for epoch in range(10):
            watch({"epoch": float(epoch), "valid_loss": -value})
        return assessment.Outcome(value, {"balanced_accuracy": 0.5, "log_loss": 0.7, "bits_per_spike": value})

    monkeypatch.setattr(tuning, "assess", fake)
    monkeypatch.setattr(tuning, "is_hopeless", lambda *_: False)
    best = tune(study, small_config(tune={"n_trials": 3, "n_startup_trials": 2}), "seq2seq", tmp_path / "out")
    assert [f["n_pruned"] for f in best["folds"]] == [1, 1]
    assert best["folds"][0]["inner"]["bits_per_spike"] == 1.0


def test_a_trial_ends_when_it_can_hardly_become_the_best() -> None:
    best = [0.1, 0.3, 0.36, 0.4, 0.39, 0.38]
    assert not is_hopeless([0.0], []), "nothing to compare with"
    assert not is_hopeless([-0.19], best), "the best gained 0.3 after its first epoch, and 0.59 is less than twice that"
    assert is_hopeless([-0.21], best)
    assert is_hopeless([0.05, 0.19], best)
    assert not is_hopeless([0.05, 0.21, 0.33], best)
    assert not is_hopeless([0.05, 0.21, 0.1], [0.1, 0.3, 0.35, 0.5]), "its best epoch counts"
    assert not is_hopeless([0.0] * 6, best), "it has run as long as the best"


@pytest.mark.slow
def test_ending_hopeless_trials_leaves_the_settings_of_all_trials_as_they_are(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sampler looks at which trial is the best, not at the values of the others."""
    chosen: list[list[dict[str, Any]]] = []

    def fake(model: Any, train: Any, valid: Any, rng: Any, watch: Any) -> assessment.Outcome:
        chosen[-1].append(model.params.model_dump())
        value = 1.0 - model.params.dropout
        for epoch in range(6):
            watch({"epoch": float(epoch), "valid_loss": -value + 0.1 / (epoch + 1), "valid_bits_per_spike": value})
        return assessment.Outcome(value, {"balanced_accuracy": 0.5, "log_loss": 0.7, "bits_per_spike": value})

    monkeypatch.setattr(tuning, "assess", fake)
    monkeypatch.setattr(studies, "warm_up_epochs", lambda _: 99)  # without the median rule
    config = small_config(tune={"n_trials": 8, "n_startup_trials": 4, "max_epochs": None})
    outcomes = []
    for name, rule in (("ended", is_hopeless), ("whole", lambda *_: False)):
        chosen.append([])
        monkeypatch.setattr(tuning, "is_hopeless", rule)
        outcomes.append(tune(study, config, "seq2seq", tmp_path / name))
    assert chosen[0] == chosen[1]
    for ended, whole in zip(*(o["folds"] for o in outcomes), strict=True):
        assert ended["params"] == whole["params"]
        assert ended["n_pruned"] > 0 == whole["n_pruned"]


@pytest.mark.slow
def test_what_follows_the_epochs_is_left_out_of_trials_that_are_not_the_best(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values of all trials, and all scores of the best one, are as if every fit had been finished."""
    config = small_config(
        tune={"n_trials": 4, "n_startup_trials": 4, "max_epochs": 2}, models={"seq2seq": {"hidden_size": 4}}
    )
    monkeypatch.setattr(tuning, "is_hopeless", lambda *_: False)
    calls = []
    log_loss_of = assessment.log_loss
    monkeypatch.setattr(assessment, "log_loss", lambda *a: calls.append(1) or log_loss_of(*a))
    quick = tune(study, config, "seq2seq", tmp_path / "quick")
    n_quick = len(calls)
    monkeypatch.setattr(tuning, "has_ended", lambda *_: False)
    whole = tune(study, config, "seq2seq", tmp_path / "whole")
    assert quick == whole
    assert (tmp_path / "quick" / "trials.csv").read_bytes() == (tmp_path / "whole" / "trials.csv").read_bytes()
    assert len(calls) - n_quick == 3 * 4 > n_quick


@pytest.mark.slow
def test_epochs_are_capped_while_tuning(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    whole = tuning.assess
    monkeypatch.setattr(tuning, "assess", lambda model, *a: seen.append(model.params.max_epochs) or whole(model, *a))
    best = tune(
        study, small_config(tune={"max_epochs": 2}, models={"seq2seq": {"max_epochs": 3}}), "seq2seq", tmp_path / "out"
    )
    assert set(seen) == {2}
    assert best["folds"][0]["params"]["max_epochs"] == 3  # the refit is not


@pytest.mark.parametrize(("cap", "given", "seen"), [(12, {}, 7), (12, {"n_estimators": 3}, 3), (None, {}, 200)])
def test_a_model_names_what_is_lowered_while_tuning(
    cap: int | None, given: dict[str, int], seen: int, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting is never raised, the refit has the whole value, and without a cap nothing is lowered."""
    fits = []

    def fake(model: Any, *others: Any) -> assessment.Outcome:
        fits.append(model.params.n_estimators)
        return assessment.Outcome(0.5, {"balanced_accuracy": 0.5, "log_loss": 0.7, "bits_per_spike": None})

    monkeypatch.setattr(models.get_class("random_forest"), "while_tuning", {"n_estimators": 7})
    monkeypatch.setattr(tuning, "assess", fake)
    config = small_config(tune={"max_epochs": cap}, models={"random_forest": given})
    best = tune(study, config, "random_forest", tmp_path / "out")
    assert set(fits) == {seen}
    assert best["full"]["params"].get("n_estimators") == given.get("n_estimators")


def test_whole_recordings_held_out_need_models_that_meet_new_units(
    study: Path, tmp_path: Path, windows: list[Windows]
) -> None:
    config = small_config(split={"by": "recording"})
    save_splits(make_splits(windows, config.split), tmp_path / "splits.json")
    args = study / "windows", tmp_path / "splits.json", tmp_path / "work"
    with pytest.raises(ConfigError, match=r"split.by: recording .*, and dnn cannot .* take models.dnn out"):
        tuning.tune(tuning.TuningSections.of(config), "dnn", *args, tmp_path / "a")
    tuning.tune(tuning.TuningSections.of(config), "majority", *args, tmp_path / "b")
    assert (tmp_path / "b" / "best.json").exists()
