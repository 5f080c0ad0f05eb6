"""A registered model fed with counts: what it says, and what it says of counts that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pytest
from fake_project import BIN_S, CLASSES, N_BINS, FakeTranslator

import spikebridge
from spikebridge import models
from spikebridge.errors import RegistryError
from spikebridge.tracking.served_model import ServedModel

SOLE, SHARED = 5, 7  # number of source units that one recording has, and that two have


def some(n_units: int = SOLE, trials: int = 3) -> Any:
    return np.ones((trials, N_BINS, n_units), np.float32)


@pytest.fixture
def translator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServedModel:
    project = fake_project.make(tmp_path / "p", trials=4)
    monkeypatch.setattr(models, "load", lambda folder: FakeTranslator())
    return spikebridge.load(project / "runs/train/seq2seq/model")


@pytest.fixture
def forest(tmp_path: Path) -> ServedModel:
    return spikebridge.load(fake_project.make(tmp_path / "p", trials=4) / "runs/train/random_forest/model")


def test_a_folder_is_loaded_with_what_one_needs_to_feed_it(forest: ServedModel) -> None:
    assert forest.classes == CLASSES
    assert (forest.bin_s, forest.n_bins) == (BIN_S, N_BINS)
    assert set(forest.recordings) == set(fake_project.UNITS)
    assert repr(forest) == "<random_forest: 3 recordings, classes skip, stay, 8 bins of 0.25 s>"
    labels = forest.predict(some())
    assert labels.shape == (3,)
    assert set(labels) <= set(CLASSES)
    assert forest.predict(some(), "probabilities").sum(axis=1) == pytest.approx(1)


def test_every_output_has_its_shape(translator: ServedModel) -> None:
    assert translator.predict(some()).tolist() == ["skip"] * 3 if (N_BINS * SOLE) % 2 else ["stay"] * 3
    assert translator.predict(some(), "probabilities").shape == (3, 2)
    assert translator.predict(some(), "latents").shape == (3, N_BINS, 2)
    assert translator.predict(some(), "target_rates").shape == (3, N_BINS, fake_project.UNITS["rat1_day1"][1])
    assert translator.predict(some(SHARED), "target_rates", "rat2_day1").shape == (3, N_BINS, 6)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float16, np.float64, list])
def test_any_number_type_is_taken(translator: ServedModel, kind: Any) -> None:
    given = some().tolist() if kind is list else some().astype(kind)
    assert np.array_equal(translator.predict(given), translator.predict(some()))


def changed(at: tuple[int, int, int], value: float) -> Any:
    counts = some()
    counts[at] = value
    return counts


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        (some(6), {}, r"counts: 6 units in axis 2, but no recording has.*rat1_day1 \(5\), rat1_day2 \(7\)"),
        (some(SHARED), {}, r"7 units in axis 2, but more than one recording has that many; name one with recording="),
        (some(6), {"recording": "rat1_day1"}, "expected the 5 source units of rat1_day1 in axis 2, got 6"),
        (some(), {"recording": "rat1_day3"}, r"recording: unknown 'rat1_day3', did you mean rat1_day"),
        (some()[:, :5], {}, r"expected 8 bins of 0\.25 s in axis 1, got shape \(3, 5, 5\)"),
        (some()[0], {}, r"expected three axes \(trial, bin, unit\), got shape \(8, 5\)"),
        (some()[:0], {}, "expected at least one trial"),
        (changed((1, 2, 3), np.nan), {}, r"got nan at trial 1, bin 2, unit 3 \(1 such values\)"),
        (changed((0, 0, 4), -1), {}, "got -1 at trial 0, bin 0, unit 4"),
        (changed((2, 7, 0), 0.5), {}, r"whole numbers of spikes, got 0\.5 at trial 2, bin 7, unit 0"),
        (changed((0, 0, 0), np.inf), {}, "got inf"),
        (np.array([["a"]]), {}, "expected numbers in an array"),
        ([[1], [1, 2]], {}, "expected numbers in an array .* got list"),
        (some(), {"output": "lable"}, "expected one of label, .* got 'lable', did you mean 'label'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    translator: ServedModel, counts: Any, options: dict[str, str], message: str
) -> None:
    with pytest.raises(RegistryError, match=message) as caught:
        translator.predict(counts, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("output", ["latents", "target_rates"])
def test_a_model_without_it_says_so(forest: ServedModel, output: str) -> None:
    with pytest.raises(RegistryError, match=f"random_forest has no {output}; it has label, probabilities"):
        forest.predict(some(), output)


def test_a_model_that_needs_more_than_counts_refuses(tmp_path: Path) -> None:
    w = fake_project.make_windows("rat1_day1", 9, 4, 12, np.random.default_rng(0))
    model = models.create("time_in_recording")
    model.fit([w], [], np.random.default_rng(0))
    model.save(tmp_path / "model")
    with pytest.raises(RegistryError, match="time_in_recording cannot predict from source counts alone"):
        spikebridge.load(tmp_path / "model").predict(np.zeros((2, N_BINS, 9)))


def test_a_model_that_only_translates_has_no_label(translator: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikebridge.types import Predictions

    rates = np.ones((3, N_BINS, 4), np.float32)
    monkeypatch.setattr(FakeTranslator, "predict", lambda self, windows: Predictions(rates=rates))
    with pytest.raises(RegistryError, match="has no label; it has target_rates"):
        translator.predict(some())


def test_folders_without_a_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"expected a saved spikebridge model \(model\.json\)"):
        spikebridge.load(tmp_path)
    with pytest.raises(RegistryError, match="expected models:/<name>@<alias> or a folder"):
        spikebridge.load(tmp_path / "none")
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(RegistryError, match="expected a JSON object, got list"):
        spikebridge.load(tmp_path)
    (tmp_path / "model.json").write_text('{"model": "x"}')
    with pytest.raises(RegistryError, match=r"model\.json lacks 'classes'"):
        spikebridge.load(tmp_path)
    (tmp_path / "model.json").write_text("not json")
    with pytest.raises(RegistryError, match="cannot be read as JSON"):
        spikebridge.load(tmp_path)


def test_loading_outside_a_project_makes_no_store_and_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RegistryError) as caught:
        spikebridge.load("models:/spikebridge@champion")
    assert f"no MLflow store is here, expected {tmp_path / 'mlruns' / 'mlflow.db'}. From another" in str(caught.value)
    assert "set MLFLOW_TRACKING_URI=sqlite:////path/to/project/mlruns/mlflow.db (in" in str(caught.value)
    assert not list(tmp_path.iterdir())
    store = tmp_path / "my study" / "mlruns" / "mlflow.db"
    store.parent.mkdir(parents=True)
    store.touch()
    with pytest.raises(RegistryError, match=f"set MLFLOW_TRACKING_URI='sqlite:///{store}' "):
        spikebridge.load("models:/spikebridge@champion")
