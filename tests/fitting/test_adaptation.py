"""`spikebridge adapt`, from files to a model that predicts, and its mistakes in one line."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from import_graph import ROOT
from studies import simulated_windows, small_config

import spikebridge
from spikebridge import cli, models, simulate
from spikebridge.artifacts.served_models import ADAPTED
from spikebridge.cli import model_commands

KNOBS = {"n_recordings": 1, "n_trials": 40, "n_source_units": [14, 16], "n_target_units": [8, 10]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of two recordings, a folder with a new one, and parameters."""
    folder = tmp_path_factory.mktemp("adapt")
    settings = small_config()
    recordings = simulated_windows(settings)
    for name, kind in (("model", "seq2seq"), ("other", "majority")):
        model = models.create(kind, {"max_epochs": 2, "hidden_size": 8} if kind == "seq2seq" else {})
        model.fit(recordings, [], np.random.default_rng(0))
        model.save(folder / name)
    simulate.simulate(small_config(simulate=KNOBS).simulate, 7, folder / "new")
    (folder / "params.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    return folder


def run(place: Path, out: Path, *more: str) -> None:
    cli.main(["adapt", "--model", str(place / "model"), "--data", str(place / "new"), "--params",
              str(place / "params.yaml"), "--out", str(out), *more])  # fmt: skip


@pytest.mark.slow
def test_a_new_recording_from_its_file_to_predictions(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, tmp_path / "out")
    output = capsys.readouterr().out
    rows = json.loads((tmp_path / "out" / ADAPTED).read_text())["held_out"]
    assert [row["fit"] for row in rows] == ["without labels", "adapted", "from scratch"]
    assert rows[0]["bits_per_spike"] == rows[1]["bits_per_spike"]  # labels have no part in the translation
    assert all(f"{row['bits_per_spike']:.3f}  " in output for row in rows)
    model = spikebridge.load(tmp_path / "out")
    new = rows[0]["recording"]
    assert set(model.recordings) == {"rec.0", "rec.1", new}
    counts = np.ones((3, 20, len(model.recordings[new]["source_units"])), np.uint8)
    assert model.predict(counts, "target_rates", new).shape == (3, 20, len(model.recordings[new]["target_units"]))
    assert set(model.predict(counts, recording=new)) <= {"skip", "stay"}
    assert set(model.fitted_on.recordings) == {new}
    cli.main(["predict", "--model", str(tmp_path / "out"), "--data", str(place / "new")])
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert set(table["recording"]) == {new}
    assert set(table["fitted_on"]) == {"yes"}, "with the settings that the adapted model carries"
    with pytest.raises(SystemExit):
        run(place, tmp_path / "again", "--model", str(tmp_path / "out"))
    assert f"{new}: the model knows this recording already" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"bins": {"width_s": 0.2}}, [], "bins.width_s: the model was fitted on bins of 0.1 s, got 0.2"),
        ({"trials": {"window_s": [-1.0, 0.0]}}, [], "trials.window_s: the model was fitted on windows of 2 s"),
        (
            {"trials": {"label": "restaurant", "covariates": []}},
            [],
            "which the model does not know; its classes are skip, stay",
        ),
        ({"trials": {"include": "index < 3"}}, [], "too few trials of the label stay"),
        ({}, ["--model", "other"], "expected a saved seq2seq, whose core can be shared, got majority"),
        ({}, ["--model", "none"], "expected models:/<name>@<alias> or a folder"),
        ({}, ["--out", "model"], "exists; name a new folder"),
    ],
)
@pytest.mark.quick_cases(3)
def test_mistakes_are_one_line_and_write_nothing(
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, dict[str, object]],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(place)
    raw = yaml.safe_load((place / "params.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        raw[section] |= values
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        run(place, tmp_path / "out", "--params", str(tmp_path / "params.yaml"), *arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_page_has_the_arguments_that_there_are(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its command line is understood, and the rest of its words about files are true of what the tests above write."""
    page = (ROOT / "docs" / "adapt.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in page.splitlines() if line.startswith("    spikebridge adapt")]
    assert lines
    for line in lines:
        asked = cli.parser().parse_args(shlex.split(line)[1:])
        assert asked.run is model_commands.adapt
    assert f"`{ADAPTED}`" in page
