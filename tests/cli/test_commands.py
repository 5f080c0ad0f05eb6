"""The command line: quick, plain in a pipe, and one line for a mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import table_folders
import yaml
from command_line import PARAMS, Run
from project import ROOT

from spikebridge import cli, config, tracking
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.evaluation_tables import QUALITY_FILTERS_TABLE
from spikebridge.cli.model_commands import print_predictions
from spikebridge.cli.project_commands import READ_ALONE
from spikebridge.config import Config
from spikebridge.evaluation.tables import FILTERS


def test_results_prints_the_answer_in_five_lines(project: Path, run: Run) -> None:
    code, out, err = run("results")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.partition(":")[0] for line in lines[:5]] == ["Data", "Translation", "Decision", "Tests", "Saved model"]
    assert lines[0].endswith(
        "3 recordings, 36 trials, HC to PFC; scores of held-out trials, "
        "in brackets the 95 % cluster bootstrap over 6 blocks"
    )
    assert "seq2seq 0.050 [-0.050, 0.150], ridge 0.050 [-0.050, 0.150] bits/spike over the mean rate" in lines[1]
    assert "balanced accuracy (0 to 1) for choice: majority 0.530 [0.430, 0.630], dnn 0.520" in lines[2]
    assert lines[3].startswith("Tests:        0 of 5 declared tests show an effect")
    assert "none registered yet" in lines[4]
    assert lines[5:] == ["", "Every score and test: spikebridge results --all"]


def test_results_prints_tables_and_where_to_look(project: Path, run: Run) -> None:
    code, out, err = run("results", "--all")
    assert (code, err) == (0, "")
    assert out.splitlines()[6].startswith("model")
    assert "seq2seq        0.500 [0.400, 0.600]" in out
    assert "95 % cluster bootstrap over 6 blocks" in out
    assert "dnn − majority" in out
    assert "Nulls of dnn: 2 of 2 passed" in out
    assert "MLflow UI:          spikebridge ui" in out
    about = {
        "uri": "models:/spikebridge@champion",
        "model": "dnn",
        "gates": {"nulls": {"passed": False, "reason": "x"}},
    }
    (project / "reports/registration.json").write_text(json.dumps(about), encoding="utf-8")
    code, out, _ = run("results", "--all")
    assert 'spikebridge.load("models:/spikebridge@champion")  # dnn' in out
    assert "Gate nulls: FAILED (x)" in out


def test_results_say_what_the_filters_of_units_did(project: Path, run: Run) -> None:
    rows = [["a", "quality.sorter_labels", True, 12, 12, 6, "from column quality"],
            ["b", "quality.sorter_labels", True, 10, 8, 1, "from column tag"],
            ["a", "quality.max_amplitude_cutoff", True, 12, 0, 0, "no units column amplitude_cutoff"],
            ["a", "quality.max_rate_change", False, 12, 0, 0, "off: the setting is null or 0"]]  # fmt: skip
    filters = pd.DataFrame(rows, columns=FILTERS)
    EvaluationRun(project / EVALUATION_FOLDER).write_tables({QUALITY_FILTERS_TABLE: filters})
    _, out, _ = run("results", "--all")
    labels = "Filter quality.sorter_labels: 20 of 22 units judged, 7 dropped (from column quality; from column tag)"
    assert labels in out
    assert "quality.max_amplitude_cutoff: 0 of 12 units judged, 0 dropped (no units column amplitude_cutoff)" in out
    assert "max_rate_change" not in out


def test_results_have_lines_of_states(project: Path, run: Run) -> None:
    evaluation = EvaluationRun(project / EVALUATION_FOLDER)
    metrics = evaluation.read_metrics()
    test = {
        "p": 0.03,
        "p_holm": 0.03,
        "n_bins_a": 9,
        "n_bins_b": 9,
        "verdict": "larger in run",
        "verdict_code": "larger",
    }
    described = {"p": 0.2, "p_holm": None, "verdict": "descriptive", "verdict_code": "descriptive"}
    score = {"value": 0.25, "ci_low": 0.2, "ci_high": 0.3}
    left_out = {"value": None, "ci_low": None, "ci_high": None, "p_holm": None, "verdict": "left out: no link"}
    metrics["states"] = {
        "values": {
            "run": {"source_bits_per_spike": {**score, "n_bins": 9}, "lag_s": {"reason": "no link", "n_bins": 9}},
            "outside run": {"source_bits_per_spike": {**score, "value": 0.22, "n_bins": 9}},
        },
        "differences": {
            "run": {
                "outside run": {
                    "source_bits_per_spike": {"as_they_are": {**score, **described}, "matched": {**score, **test}},
                    "lag_s": {"matched": left_out},
                }
            }
        },
    }
    evaluation.write_metrics(metrics)
    _, out, _ = run("results", "--all")
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("States"))
    assert lines[at : at + 5] == [
        "States (translation, source bits/spike): outside run 0.220 [0.200, 0.300], run 0.250 [0.200, 0.300]",
        "  run − outside run, as they are: 0.250 [0.200, 0.300], descriptive",
        "  run − outside run, matched: 0.250 [0.200, 0.300], Holm p = 0.030, larger in run",
        "States (lag, s): run (no link)",
        "  run − outside run, matched: left out: no link",
    ]


def test_results_draws_a_table_in_a_terminal(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, _ = run("results", "--all")
    assert "────" in out
    assert "…" not in out


def test_results_without_an_evaluation_say_so(project: Path, run: Run) -> None:
    shutil.rmtree(project / "reports")
    code, out, err = run("results")
    assert (code, out) == (2, "")
    assert err.startswith("spikebridge results: nothing has been evaluated yet: expected reports/evaluation/ in ")
    assert err.endswith(". Run the pipeline first: make repro\n")
    assert err.count("\n") == 1


def test_predict_prints_csv_and_writes_files(project: Path, run: Run) -> None:
    model = "runs/train/random_forest/model"
    np.save("counts.npy", np.ones((2, 8, 5), np.uint8))
    np.savez("counts.npz", counts=np.ones((2, 8, 5)), more=1)
    code, out, _ = run("predict", model, "counts.npy")
    assert code == 0
    assert out.splitlines()[0] == "trial,label"
    assert len(out.splitlines()) == 3
    code, out, _ = run("predict", model, "counts.npz", "--output", "probabilities")
    assert out.splitlines()[0] == "trial,p_skip,p_stay"
    assert run("predict", model, "counts.npy", "--out", "out.csv")[0] == 0
    assert Path("out.csv").read_text().startswith("trial,label\n0,")
    assert run("predict", model, "counts.npy", "--out", "out.npy", "--output", "probabilities")[0] == 0
    assert np.load("out.npy").shape == (2, 2)


def test_use_writes_down_the_sections_that_a_file_leaves_out(project: Path, run: Run) -> None:
    """DVC refuses a stage whose section is absent."""
    short = "data: {path: x, source: [A], target: [B]}\nmodels: {majority: {}}\n"
    Path("short.yaml").write_text(short)
    assert run("use", "short.yaml")[0] == 0
    text = Path("params.yaml").read_text()
    assert text.startswith(short)
    written = yaml.safe_load(text)
    assert set(written) == set(Config.model_fields)
    assert written["compute"]["device"] == "auto"
    assert config.load("params.yaml") == config.parse(yaml.safe_load(short))


def test_use_writes_down_the_settings_that_a_stage_reads_alone(project: Path, run: Run) -> None:
    """DVC refuses a stage whose setting is absent, also where its section is there."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    read = {name for stage in stages for name in stage.get("do", stage).get("params", []) if "." in name}
    assert set(READ_ALONE) == {name for name in read if not name.startswith("models.")}
    part = "data: {path: x, source: [A], target: [B]}\nmodels: {majority: {}}\nanalysis:\n  n_folds: 3  # few\n"
    Path("part.yaml").write_text(part + "quality: {refractory_s: 0.002}\nsplit: {n_outer_folds: 3}\n")
    assert run("use", "part.yaml")[0] == 0
    text = Path("params.yaml").read_text()
    written = yaml.safe_load(text)
    assert "n_folds: 3  # few" in text
    for section, key in (name.split(".") for name in READ_ALONE):
        assert key in written[section], f"{section}.{key}"
    assert config.load("params.yaml") == config.load("part.yaml")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["models:/none", "none.npy"], "none.npy: expected counts as .npy or .npz"),
        (["none", "counts.npy"], "expected models:/<name>@<alias> or a folder"),
        (["runs/train/random_forest/model", "two.npz"], "expected one array or one called counts, got a, b"),
        (["runs/train/random_forest/model", "pickled.npy"], "without pickled objects"),
        (["runs/train/random_forest/model", "counts.npy", "--output", "lable"], "did you mean 'label'"),
        (["runs/train/random_forest/model", "counts.npy", "--out", "x.txt"], "ends in .npy or .csv"),
    ],
)
def test_predict_mistakes_are_one_line(project: Path, run: Run, arguments: list[str], expected: str) -> None:
    np.save("counts.npy", np.ones((2, 8, 5), np.uint8))
    np.savez("two.npz", a=1, b=2)
    np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    code, out, err = run("predict", *arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1


def test_latents_are_laid_out_by_bin(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    print_predictions(np.arange(8.0).reshape(1, 4, 2), sys.stdout)
    assert capsys.readouterr().out.splitlines() == [
        "trial,bin0_0,bin0_1,bin1_0,bin1_1,bin2_0,bin2_1,bin3_0,bin3_1",
        "0,0.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0",
    ]


def test_use_keeps_comments_and_the_file_before(project: Path, run: Run) -> None:
    Path("new.yaml").write_text(PARAMS.replace("seed: 1", "seed: 2"), encoding="utf-8")
    code, out, _ = run("use", "new.yaml")
    assert code == 0
    assert "params.previous.yaml" in out
    assert Path("params.yaml").read_text().startswith(Path("new.yaml").read_text())
    assert Path("params.previous.yaml").read_text() == PARAMS
    code, out, _ = run("use", "new.yaml")
    assert "before" not in out
    assert Path("params.previous.yaml").read_text() == PARAMS, "the same file again is no change"


def test_use_sets_values_and_leaves_all_other_lines_as_they_were(project: Path, run: Run) -> None:
    text = (Path(cli.__file__).parents[3] / "params.yaml").read_text(encoding="utf-8")
    Path("new.yaml").write_text(text, encoding="utf-8")
    assert run("use", "new.yaml", "--set", "seed=123", "--set", "trials.decision=null")[0] == 0
    before, after = text.splitlines(), Path("params.yaml").read_text(encoding="utf-8").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.split("#")[0].strip() for _, new in changed] == ["seed: 123"]


def test_a_value_is_quoted_where_it_must_be(project: Path, run: Run) -> None:
    Path("new.yaml").write_text(PARAMS.replace("[HC]", "[HC]\n  observed: auto"), encoding="utf-8")
    assert run("use", "new.yaml", "--set", "data.observed='a, b: # c'", "--set", "data.path='a #b'")[0] == 0
    text = Path("params.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["data"]["observed"] == "a, b: # c"
    assert yaml.safe_load(text)["data"]["path"] == "a #b"
    assert "# where it is" in text


def test_use_keeps_every_file_before(project: Path, run: Run) -> None:
    for seed in (2, 3, 4):
        Path("new.yaml").write_text(PARAMS.replace("seed: 1", f"seed: {seed}"), encoding="utf-8")
        assert run("use", "new.yaml")[0] == 0
    kept = [Path(f"params.previous{k}.yaml").read_text(encoding="utf-8") for k in ("", ".1", ".2")]
    assert kept[0] == PARAMS
    assert ["seed: 2" in kept[1], "seed: 3" in kept[2]] == [True, True]


def test_use_says_where_no_data_are(project: Path, run: Run) -> None:
    code, _, err = run("use", "params.yaml", "--set", "data.path=elsewhere")
    assert code == 0
    expected = f"data.path: 'elsewhere' does not exist in {project}, from which relative paths count"
    assert err == f"spikebridge use: {expected}\n"
    Path("elsewhere").mkdir()
    empty = "data.path: 'elsewhere' is an empty folder: put the recordings there"
    assert run("use", "params.yaml")[2] == f"spikebridge use: {empty}\n"
    assert run("use", "params.yaml", "--set", "data.path=data/simulated")[2] == "", "the stage simulate makes it"


def test_use_tries_the_file_on_the_recordings(project: Path, run: Run) -> None:
    """A column that no table has is refused with the one that is probably meant, and params.yaml stays."""
    table_folders.folder(
        Path("mine/day1"),
        spikes__csv="unit,time_s\n" + "".join(f"{u},{t / 10 + u / 40}\n" for u in (1, 2) for t in range(1, 500)),
        trials__csv="start_time,stop_time,decision_time,choice\n"
        + "".join(f"{t},{t + 4},{t + 3},{'ab'[t % 2]}\n" for t in range(5, 45, 5)),
    )
    right = PARAMS.replace("path: data/simulated", "path: mine") + "quality: {min_presence_ratio: null}\n"
    Path("wrong.yaml").write_text(right + "trials: {align: decison_time, window_s: [-1.0, 0.0]}\n", encoding="utf-8")
    Path("right.yaml").write_text(right + "trials: {window_s: [-1.0, 0.0]}\n", encoding="utf-8")
    code, out, err = run("use", "wrong.yaml")
    assert (code, out) == (2, "")
    assert "trials.align: no column 'decison_time' in table 'trials', did you mean decision_time?" in err
    assert err.count("\n") == 1
    assert Path("params.yaml").read_text(encoding="utf-8") == PARAMS
    code, out, err = run("use", "right.yaml")
    assert (code, err) == (0, "")
    assert run("use", "wrong.yaml", "--no-try")[0] == 0


def test_use_sets_values(project: Path, run: Run) -> None:
    code, _, _ = run("use", "params.yaml", "--set", "data.path=my data", "--set", "statistics.alpha=0.01")
    assert code == 0
    text = Path("params.yaml").read_text()
    content = yaml.safe_load(text)
    assert content["data"]["path"] == "my data"
    assert content["statistics"] == {"alpha": 0.01}
    assert "# our settings" in text
    assert "# where it is" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.yaml"], "no such parameter file"),
        (["params.yaml", "--set", "data.pth=x"], "unknown key data.pth, did you mean path?"),
        (["params.yaml", "--set", "seed"], "expected KEY=VALUE"),
        (["params.yaml", "--set", "seed.x=1"], "seed in params.yaml is a value, not a section"),
        (["params.yaml", "--set", "seed=-1"], "seed"),
    ],
)
def test_use_leaves_everything_as_it_was_after_a_mistake(
    project: Path, run: Run, arguments: list[str], expected: str
) -> None:
    code, _, err = run("use", *arguments)
    assert code == 2
    assert expected in err
    assert Path("params.yaml").read_text() == PARAMS
    assert not Path("params.previous.yaml").exists()


def test_publish_reports_the_version(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def published(config: Config, folder: Path) -> dict[str, Any]:
        assert folder == project
        return {"model": "dnn", "version": 3, "name": "m", "uri": "models:/m@candidate"}

    monkeypatch.setattr(tracking, "publish", published)
    assert run("publish")[1] == "dnn is version 3 of m: models:/m@candidate\n"


def test_ui_serves_on_this_machine_only(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikebridge.tracking import ui

    command = ui.command("sqlite:////a b/mlflow.db", 5001)
    assert command[1:] == [
        *("-m", "mlflow", "ui", "--backend-store-uri", "sqlite:////a b/mlflow.db"),
        *("--default-artifact-root", "file:///a%20b/artifacts", "--host", "127.0.0.1", "--port", "5001"),
    ]
    monkeypatch.setattr(tracking, "serve_ui", lambda port, say, auth: say(ui.links("7", port)[1]))
    code, out, _ = run("ui", "--port", "5001")
    assert code == 0
    assert "http://127.0.0.1:5001/#/experiments/7/runs?" in out


def test_ui_of_a_server_is_the_servers_own(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    code, _, err = run("ui")
    assert code == 2
    assert "open http://server:5000 in a browser" in err


def test_help_and_version(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    named = [line.split() for line in out.splitlines() if line.startswith("    ")]
    order = (
        "init", "demo", "fetch", "inspect", "use", "run", "fan-out", "work", "results", "report", "ui", "predict",
        "score", "adapt", "sweep", "publish", "promote", "repair",
    )  # fmt: skip
    assert [words[0] for words in named] == list(order), "in the order of use, one line each"
    assert all(len(words) > 1 for words in named)
    assert run("--version")[1].startswith("spikebridge ")
    assert run()[0] == 2
