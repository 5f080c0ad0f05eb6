"""`spikebridge.results`: the tables of a project, read by the owners of its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fake_project
import numpy as np
import pandas as pd
import pytest

import spikebridge
from spikebridge.artifacts.latents import FoldLatents, read_latents, write_latents
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.errors import DataError

TRIALS = 6


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = fake_project.make(tmp_path_factory.mktemp("results") / "p", trials=TRIALS)
    rng = np.random.default_rng(0)
    w = fake_project.make_windows("rat1_day1", 5, 4, TRIALS, rng)
    folds = {
        fold: {
            w.recording: FoldLatents(
                np.arange(TRIALS),
                np.arange(TRIALS) % 2 == fold,
                rng.normal(size=(TRIALS, w.n_bins, 2)).astype(np.float32),
            )
        }
        for fold in range(2)
    }
    write_latents(TrainingRun(folder / TRAINING_FOLDER / "seq2seq").latents, [w], folds, {})
    return folder


def test_scores_have_intervals_and_units(project: Path) -> None:
    scores = spikebridge.results(project).scores
    assert list(scores) == ["model", "score", "value", "ci_low", "ci_high", "unit"]
    rows = scores.set_index(["model", "score"])
    assert rows.loc[("random_forest", "balanced_accuracy")].tolist() == [
        pytest.approx(v) for v in (0.51, 0.41, 0.61)
    ] + [""]
    assert rows.loc[("ridge", "bits_per_spike"), "unit"] == "bits/spike"
    assert rows.loc[("dnn", "log_loss"), "unit"] == "nats"


def test_predictions_are_those_of_every_deciding_model(project: Path) -> None:
    results = spikebridge.results(str(project))
    table = results.predictions
    first = ["model", "recording", "trial", "fold", "block", "time_s", "label", "predicted"]
    assert list(table) == [*first, "p_skip", "p_stay"]
    n = TRIALS * len(fake_project.UNITS)
    assert table.groupby("model").size().to_dict() == dict.fromkeys(fake_project.DECIDING, n)
    assert not table.duplicated(["model", "recording", "trial"]).any()
    written = TrainingRun(project / TRAINING_FOLDER / "dnn").read_predictions()
    assert table[table["model"] == "dnn"]["p_stay"].tolist() == written["p_stay"].tolist()
    assert set(results.comparisons["role"]) == {"primary", "descriptive"}


def test_latents_are_the_held_out_ones(project: Path) -> None:
    results = spikebridge.results(project)
    table = results.latents()
    assert len(table) == TRIALS * fake_project.N_BINS
    assert table["time_s"].is_monotonic_increasing
    assert (table["fold"] == table["trial"] % 2).all()
    path = TrainingRun(project / TRAINING_FOLDER / "seq2seq").latents
    first = read_latents(path)["rat1_day1"][0]  # the folds have the axes of the first one
    rows = table[table["trial"] == 0]
    assert rows[["latent_1", "latent_2"]].to_numpy() == pytest.approx(first.latents[0], abs=1e-5)
    nap = pytest.importorskip("pynapple")
    frames = results.latents(as_="pynapple")
    assert set(frames) == {"rat1_day1"}
    assert isinstance(frames["rat1_day1"], nap.TsdFrame)
    assert np.asarray(frames["rat1_day1"]) == pytest.approx(table[["latent_1", "latent_2"]].to_numpy())


def test_mistakes_are_one_line(project: Path, tmp_path: Path) -> None:
    for call, message in (
        (lambda: spikebridge.results(tmp_path / "none"), "expected the folder of a project"),
        (lambda: spikebridge.results(tmp_path).scores, "nothing has been evaluated yet"),
        (lambda: spikebridge.results(tmp_path).predictions, "no held-out predictions yet"),
        (lambda: spikebridge.results(tmp_path).latents(), "there are: none yet"),
        (lambda: spikebridge.results(project).latents("seq2sec"), "did you mean seq2seq"),
        (lambda: spikebridge.results(project).latents(as_="frame"), "expected 'table' or 'pynapple', got 'frame'"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            call()  # type: ignore[no-untyped-call]
        assert "\n" not in str(caught.value)


def test_the_import_loads_no_slow_library() -> None:
    slow = ("pandas", "numpy", "torch", "mlflow", "pydantic", "scipy")
    code = f"import sys, spikebridge; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_is_one_of_pandas(project: Path) -> None:
    assert isinstance(spikebridge.results(project).latents("seq2seq"), pd.DataFrame)
