"""`spikebridge predict` with recordings: what it writes, which windows are not new, and mistakes in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from command_line import Run, called
from new_recordings import SETTINGS, Study

from spikebridge import models
from spikebridge.io.readers import tables
from spikebridge.prediction import RecordingPrediction
from spikebridge.prediction.recordings import NewRecording
from spikebridge.types import Predictions


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return called(capsys)


def test_each_trial_has_a_row_with_what_the_model_says(study: Study, run: Run) -> None:
    arguments = ["predict", "--model", str(study.root / "model"), "--data", str(study.root / "data")]
    code, out, err = run(*arguments, "--out", "table.parquet")
    assert (code, out) == (0, "")
    table = pd.read_parquet("table.parquet")
    assert list(table) == ["recording", "trial", "time_s", "decision", "p_skip", "p_stay", "label", "fitted_on"]
    model = models.load(study.root / "model")
    for name, w in study.windows.items():
        trials, rows = w.select(w.in_trial), table[table["recording"] == name]
        assert rows["trial"].tolist() == trials.trial.tolist()
        assert rows["time_s"].tolist() == trials.decision_s.tolist()
        expected = model.predict(trials).probabilities
        assert expected is not None
        assert np.array_equal(rows[["p_skip", "p_stay"]], expected)
        assert rows["decision"].tolist() == [w.classes[k] for k in model.decide(expected, name)]
        assert rows["label"].tolist() == study.recordings[name].trials["choice"].iloc[trials.trial].tolist()
    fitted = int((table["fitted_on"] == "yes").sum())
    # a trial whose window touches the last fitted one counts too
    assert study.n_fitted <= fitted <= study.n_fitted + 2 < len(table)
    assert set(table["fitted_on"]) == {"yes", "no"}
    assert f"{len(table)} trials of 2 recordings, {len(table)} with a label: table.parquet written" in err
    assert f"In-sample: the model was fitted on {fitted} of {len(table)} windows" in err
    assert err.endswith("Held out, its balanced accuracy was 0.700 [0.600, 0.800]\n")


def test_a_recording_without_labels_is_predicted(study: Study, run: Run) -> None:
    day = study.recordings["day0"]
    tables.write(replace(day, trials=day.trials.drop(columns="choice")), Path("unlabelled"))
    arguments = ["predict", "--model", str(study.root / "model"), "--data", "unlabelled"]
    code, out, err = run(*arguments, "--out", "table.nwb")
    assert (code, out) == (0, ""), err
    from pynwb import NWBHDF5IO

    with NWBHDF5IO("table.nwb", "r") as io:
        table = io.read().trials.to_dataframe()
    trials = study.windows["day0"].select(study.windows["day0"].in_trial)
    assert table["trial"].tolist() == trials.trial.tolist()
    assert table["start_time"].tolist() == pytest.approx(trials.start_s)
    assert table["stop_time"].tolist() == pytest.approx(trials.stop_s)
    assert set(table["label"]) == {""}
    assert set(table["decision"]) <= {"skip", "stay"}
    assert (table["p_skip"] + table["p_stay"]).tolist() == pytest.approx([1] * len(table))


def test_trials_without_a_prediction_are_named(study: Study, run: Run) -> None:
    day = study.recordings["day0"]
    trials = day.trials.copy()
    trials.loc[3, "decision_time"] = np.nan
    tables.write(replace(day, trials=trials), Path("new"))
    code, out, err = run("predict", "--model", str(study.root / "model"), "--data", "new")
    assert code == 0
    assert "day0: 1 trial without a prediction (no decision_time: 1)" in err
    assert "\nday0,2," in out
    assert "\nday0,3," not in out


def test_rates_are_one_row_a_trial_bin_and_unit(study: Study, run: Run) -> None:
    arguments = ["predict", "--model", str(study.root / "ridge"), "--data", str(study.root / "data" / "day1")]
    assert run(*arguments, "--out", "table.csv", "--rates", "rates.parquet")[0] == 0
    w = study.windows["day1"].select(study.windows["day1"].in_trial)
    table = pd.read_parquet("rates.parquet")
    assert list(table) == ["recording", "trial", "time_s", "unit", "value"]
    rates = models.load(study.root / "ridge").predict(w).rates
    assert rates is not None
    assert table["value"].to_numpy().reshape(rates.shape) == pytest.approx(rates / w.bin_s)
    some = table[(table["trial"] == w.trial[3]) & (table["unit"] == w.target_units[2])]
    assert some["time_s"].tolist() == pytest.approx(w.start_s[3] + (np.arange(w.n_bins) + 0.5) * w.bin_s)
    assert some["value"].tolist() == pytest.approx(rates[3, :, 2] / w.bin_s)
    assert "decision" not in pd.read_csv("table.csv")


def test_latents_count_from_one(study: Study) -> None:
    w = study.windows["day0"].select(np.arange(2))
    none = np.array(["", ""])
    values = np.arange(2 * w.n_bins * 3, dtype=np.float32).reshape(2, w.n_bins, 3)
    table = RecordingPrediction(NewRecording(w, none, none), Predictions(latents=values), None).latents()
    assert table is not None
    assert table["latent"].tolist()[:4] == [1, 2, 3, 1]
    assert table["value"].tolist() == values.ravel().tolist()


def test_settings_that_the_model_lacks_come_from_a_file(study: Study, run: Run) -> None:
    """bare/ has no served.json, as runs/train/<model>/model has none."""
    arguments = ["predict", "--model", str(study.root / "bare"), "--data", str(study.root / "data" / "day0")]
    code, _, err = run(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "--params: the files of this model do not hold the settings of its fit" in err
    Path("params.yaml").write_text(yaml.safe_dump(SETTINGS.model_dump(mode="json")), encoding="utf-8")
    code, out, err = run(*arguments)
    assert code == 0
    assert out.startswith("recording,trial,time_s,decision,p_skip,p_stay,label,fitted_on\nday0,")
    assert ",unknown\n" in out
    assert "params.yaml is used" in err
    assert "do not say which windows it was fitted on" in err


def other_units(study: Study, folder: Path) -> None:
    day = study.recordings["day0"]
    lost = day.units["unit"].max()
    spikes, units = (table[table["unit"] != lost] for table in (day.spikes, day.units))
    tables.write(replace(day, spikes=spikes, units=units), folder)


def other_name(study: Study, folder: Path) -> None:
    tables.write(replace(study.recordings["day0"], name="day7"), folder)


def other_time(study: Study, folder: Path) -> None:
    day = study.recordings["day0"]
    tables.write(replace(day, trials=day.trials.rename(columns={"decision_time": "decided"})), folder)


@pytest.mark.parametrize(
    ("make", "arguments", "expected"),
    [
        (other_units, [], "day0: expected the"),
        (
            other_name,
            [],
            "day7: the model does not know these recordings, it knows day0, day1; random_forest cannot be",
        ),
        (other_time, [], "trials.align: no column 'decision_time' in table 'trials'"),
        (other_name, ["--data", "none"], "--data: none does not exist"),
        (other_name, ["--out", "x.txt"], "--out: expected a name that ends in .parquet, .csv or .nwb, got x.txt"),
        (other_name, ["--latents", "x.nwb"], "--latents: expected a name that ends in .parquet or .csv"),
        (other_name, ["--output", "rates"], "--output does not go with recordings"),
        (other_name, ["--params", "wide.yaml"], "bins.width_s: expected 0.1 s, got 0.2; trials.align: expected"),
    ],
)
@pytest.mark.quick_cases(6)
def test_mistakes_are_one_line(
    study: Study, run: Run, make: Callable[[Study, Path], None], arguments: list[str], expected: str
) -> None:
    make(study, Path("new"))
    wide = SETTINGS.model_dump(mode="json")
    wide["bins"]["width_s"], wide["trials"]["align"] = 0.2, "offer_time"
    Path("wide.yaml").write_text(yaml.safe_dump(wide), encoding="utf-8")
    code, out, err = run("predict", "--model", str(study.root / "model"), "--data", "new", *arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert len([line for line in err.splitlines() if line.startswith("spikebridge predict")]) == 1
    assert not [p for p in Path.cwd().iterdir() if p.suffix in {".txt", ".parquet", ".csv"}]


def test_a_recording_that_the_model_does_not_know_is_left_out_with_a_line(study: Study, run: Run) -> None:
    shutil.copytree(study.root / "data" / "day0", "new/day0")
    other_name(study, Path("new"))
    code, out, err = run("predict", "--model", str(study.root / "model"), "--data", "new")
    assert code == 0
    assert "left out: day7: the model does not know these recordings" in err
    assert {line.partition(",")[0] for line in out.splitlines()[1:]} == {"day0"}
