"""Leaks 1, 2, 3, 8 and 10: nothing that is learned or tuned in a fold depends on what the fold is scored on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import perturbation
import pytest
from perturbation import changed, spoilt
from studies import as_recording, every_model, small_config

from spikebridge import models
from spikebridge.artifacts.splits import load_splits, verify_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import load_recording_windows, load_windows
from spikebridge.errors import LeakageError
from spikebridge.evaluation import leakage
from spikebridge.evaluation.inputs import read
from spikebridge.fitting import training, tuning
from spikebridge.preprocess.quality import select_units
from spikebridge.simulate import simulate_session
from spikebridge.types import Partition, Splits, Windows

QUICK: dict[str, dict[str, Any]] = {
    "seq2seq": {"max_epochs": 2, "hidden_size": 8, "n_latents": 2, "n_readout_trees": 3, "n_members": 1},
    "random_forest": {"n_estimators": 5},
    "gradient_boosting": {"n_estimators": 3},
    "dnn": {"max_epochs": 2, "hidden_size": 8},
    "cebra": {"max_iterations": 5},
}


@pytest.mark.parametrize("name", every_model())
def test_no_model_learns_from_what_it_is_not_given(name: str, study: Path, tmp_path: Path) -> None:
    """Test block and gap full of garbage: weights, scalers, chosen units, shares of labels stay bit for bit."""
    assert changed(lambda: models.create(name, QUICK.get(name)), study, tmp_path) == []


class _Reaching(models.get_class("logistic")):  # type: ignore[misc]
    """Reads the windows of the whole recording, of which it is given only some, as no model may."""

    folder = Path()
    """Where the windows were loaded from; the test sets it."""

    def _fit(self, train: Sequence[Windows], valid: Sequence[Windows], *rest: Any) -> None:
        super()._fit([self.seen(w) for w in train], valid, *rest)

    def _predict(self, windows: Windows) -> Any:
        return super()._predict(self.seen(windows))

    def whole(self, w: Windows) -> np.ndarray:
        """(window, bin, unit): all windows of the recording."""
        return np.array(load_recording_windows(self.folder, w.recording).source, dtype=float)

    def rows(self, w: Windows) -> np.ndarray:
        """(window,): place of each window in the whole recording."""
        return np.searchsorted(load_recording_windows(self.folder, w.recording).start_s, w.start_s)

    def seen(self, w: Windows) -> Windows:
        raise NotImplementedError


class ScalerOnAllData(_Reaching):
    def seen(self, w: Windows) -> Windows:
        return replace(w, source=np.asarray(w.source) / (self.whole(w).std(axis=(0, 1)) + 1e-6))


class UnitsOnAllData(_Reaching):
    """Keeps the units that vary most, judged over all windows; the others are set to nothing."""

    def seen(self, w: Windows) -> Windows:
        variance = self.whole(w).sum(axis=1).var(axis=0)
        return replace(w, source=np.asarray(w.source) * (variance >= np.median(variance)))


class SmoothingAcrossTheGap(_Reaching):
    """Smooths each window with the ones before and after it, wherever these belong."""

    def seen(self, w: Windows) -> Windows:
        everything, rows = self.whole(w), self.rows(w)
        last = len(everything) - 1
        near = [everything[np.clip(rows + k, 0, last)] for k in range(-8, 9)]
        return replace(w, source=np.mean(near, axis=0))


@pytest.mark.parametrize("cheat", [ScalerOnAllData, UnitsOnAllData, SmoothingAcrossTheGap])
def test_a_model_that_reaches_further_is_caught(
    cheat: type[_Reaching], study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(folder: Path) -> list[Windows]:
        monkeypatch.setattr(_Reaching, "folder", folder)
        return load_windows(folder)

    monkeypatch.setattr(perturbation, "load_windows", load)
    changes = changed(cheat, study, tmp_path)
    assert any(name.endswith((".safetensors", "probabilities")) for name in changes), changes


def everything(splits: Splits, fold: str) -> Sequence[Partition]:
    """What a careless stage hands out: all windows, the test block of the fold among them."""
    return [Partition(splits.full.train, splits.full.valid)]


def tuned(config: Any, model: str, study: Path, root: Path) -> Path:
    tuning.tune(
        tuning.TuningSections.of(config), model, study / "windows", study / "splits.json", root / "work", root / "tune"
    )
    return TuningRun(root / "tune").best


def checked(config: Any, model: str, study: Path, best: Path, root: Path) -> dict[str, Any]:
    training.train(
        model,
        config.seed,
        config.baseline,
        config.compute,
        study / "windows",
        study / "splits.json",
        best,
        root / "train" / model,
        lambda row: None,
    )
    return leakage.check(read(config.models, study / "windows", study / "splits.json", root / "train"))


def settings(model: str) -> Any:
    config = small_config(tune={"n_trials": 1})
    return config.model_copy(update={"models": {model: {}}})


def test_honest_stages_pass(study: Path, tmp_path: Path) -> None:
    config = settings("majority")
    best = tuned(config, "majority", study, tmp_path)
    assert checked(config, "majority", study, best, tmp_path)["passed"] is True
    learned = TrainingRun(tmp_path / "train" / "majority").read_training_intervals()
    assert learned.tuning.keys() == learned.folds.keys() == {0, 1}


@pytest.mark.parametrize("model", ["psth", "majority"])
def test_a_refit_that_sees_the_test_block_is_caught(
    model: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaks 1 and 3: whatever scales, selects or translates, it has learned from time that it must not."""
    config = settings(model)
    run = TuningRun(tmp_path / "tune")
    run.write_settings(TunedSettings(model, [TunedFold(f, {}) for f in (0, 1)], TunedFold("full", {})))
    monkeypatch.setattr(training, "fit_partition", lambda splits, fold: everything(splits, fold)[0])
    with pytest.raises(LeakageError, match=rf"^{model}: fold 0: rec\.0: learned from .* test block"):
        checked(config, model, study, run.best, tmp_path)


def test_a_tuner_that_sees_the_test_block_is_caught(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leak 8, although the refit after it is honest."""
    config = settings("majority")
    monkeypatch.setattr(tuning, "inner_partitions", everything)
    best = tuned(config, "majority", study, tmp_path)
    with pytest.raises(LeakageError, match=r"^majority \(tuning\): fold 0: rec\.0: learned from .* test block"):
        checked(config, "majority", study, best, tmp_path)


def test_settings_tuned_in_other_folds_are_refused(study: Path, tmp_path: Path) -> None:
    """Leak 8 by way of a stale file: its inner folds may have held these test blocks."""
    config = settings("majority")
    best = tuned(config, "majority", study, tmp_path)
    stale = json.loads(best.read_text()) | {"split_hash": "0" * 64}
    best.write_text(json.dumps(stale))
    with pytest.raises(LeakageError, match=r"settings of majority were tuned in the folds of another split manifest"):
        checked(config, "majority", study, best, tmp_path)


@pytest.mark.parametrize("model", ["ridge", "logistic"])
@pytest.mark.quick_cases(1)
def test_tuning_does_not_depend_on_the_outer_test(model: str, study: Path, tmp_path: Path) -> None:
    """Leak 8 is impossible: garbage in the test block and its gap, and the same trials with the same values."""
    config = small_config(tune={"n_trials": 2, "n_startup_trials": 1}).model_copy(update={"models": {model: {}}})
    results = []
    for windows in (study / "windows", spoilt(tmp_path, study, 0)):
        out = tmp_path / f"tuned on {windows.name}"
        tuning.tune(tuning.TuningSections.of(config), model, windows, study / "splits.json", tmp_path / "work", out)
        trials = TuningRun(out).read_trials()
        results.append((TuningRun(out).read_settings().folds[0], trials[trials["fold"].astype(str) == "0"]))
    assert results[0][0] == results[1][0]
    assert len(results[0][1]) == 2
    pd.testing.assert_frame_equal(results[0][1], results[1][1])


def test_unit_selection_cannot_see_labels() -> None:
    """Leak 2 is impossible: units are chosen once a recording from spikes alone. Without trials they are the same."""
    config = small_config(
        simulate={"n_recordings": 1, "n_trials": 20, "n_source_units": [10, 10], "n_target_units": [8, 8]},
        quality={"max_isi_violations": 0.3, "min_presence_ratio": 0.99},
    )
    session = simulate_session(config.simulate, np.random.default_rng(3), "one", "rat")
    recording = as_recording(session)
    rng = np.random.default_rng(0)
    trials = recording.trials
    scrambled = trials.assign(**{c: rng.permutation(trials[c].to_numpy()) for c in trials.columns})
    chosen = select_units(recording, config.data, config.quality)
    for other in (replace(recording, trials=scrambled), replace(recording, trials=trials.iloc[:0])):
        again = select_units(other, config.data, config.quality)
        for role in ("source", "target"):
            assert np.array_equal(chosen.kept[role], again.kept[role])
    assert len(chosen.kept["source"]) > 0


def test_units_chosen_by_labels_after_the_split_are_caught(study: Path, tmp_path: Path) -> None:
    """Leak 2 by hand: windows rewritten with the units that best tell the labels of all trials."""
    splits = load_splits(study / "splits.json")
    data = load_windows(study / "windows")
    w = data[0].select(np.flatnonzero(data[0].labelled))
    told = np.abs(np.corrcoef(np.asarray(w.source).sum(axis=1).T, w.label)[-1, :-1])
    best = np.sort(np.argsort(np.nan_to_num(told))[-4:])
    doctored = replace(data[0], source=np.asarray(data[0].source)[:, :, best], source_units=data[0].source_units[best])
    with pytest.raises(LeakageError, match=r"rec\.0: the windows are not those of the split manifest"):
        verify_splits(splits, [doctored, *data[1:]])
