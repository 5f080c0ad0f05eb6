"""The command line: quick, plain in a pipe, and one line for a mistake."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pytest
import yaml

from spikebridge import cli, config, simulate, tracking
from spikebridge.config import Config, SimulateConfig

PARAMS = """# our settings
seed: 1
data:
  path: data/simulated  # where it is
  source: [HC]
  target: [PFC]
bins: {width_s: 0.25}
models: {seq2seq: {}, ridge: {}, random_forest: {}, dnn: {}, majority: {}}
split: {outer_folds: 2}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_project.make(tmp_path_factory.mktemp("cli") / "project", trials=4)


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my project"
    shutil.copytree(made, folder)
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            cli.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_results_prints_tables_and_where_to_look(project: Path, run: Run) -> None:
    code, out, err = run("results")
    assert (code, err) == (0, "")
    assert out.startswith("model")
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
    fake_project._json(project / "reports/registration.json", about)
    code, out, _ = run("results")
    assert 'spikebridge.load("models:/spikebridge@champion")  # dnn' in out
    assert "Gate nulls: FAILED (x)" in out


def test_results_draws_a_table_in_a_terminal(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, _ = run("results")
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
    assert run("predict", model, "counts.npy", "--out", "said.csv")[0] == 0
    assert Path("said.csv").read_text().startswith("trial,label\n0,")
    assert run("predict", model, "counts.npy", "--out", "said.npy", "--output", "probabilities")[0] == 0
    assert np.load("said.npy").shape == (2, 2)


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["models:/none", "none.npy"], "none.npy: expected counts as .npy or .npz"),
        (["none", "counts.npy"], "expected models:/<name>@<alias> or a folder"),
        (["runs/train/random_forest/model", "two.npz"], "expected one array or one called counts, got a, b"),
        (["runs/train/random_forest/model", "pickled.npy"], "without pickled objects"),
        (["runs/train/random_forest/model", "counts.npy", "--output", "lable"], "did you mean 'label'"),
        (["runs/train/random_forest/model", "counts.npy", "--out", "x.txt"], "ends in .npy or .csv"),
    ],
)
def test_predict_mistakes_are_one_line(project: Path, run: Run, arguments: list[str], said: str) -> None:
    np.save("counts.npy", np.ones((2, 8, 5), np.uint8))
    np.savez("two.npz", a=1, b=2)
    np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    code, out, err = run("predict", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_latents_are_laid_out_by_bin(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    cli._csv(np.arange(8.0).reshape(1, 4, 2), sys.stdout)
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
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert [other.split("#")[0].strip() for _, other in changed] == ["seed: 123"]


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
    said = f"data.path: 'elsewhere' does not exist in {project}, from which relative paths count"
    assert err == f"spikebridge use: {said}\n"
    Path("elsewhere").mkdir()
    assert run("use", "params.yaml")[2] == ""
    assert run("use", "params.yaml", "--set", "data.path=data/simulated")[2] == "", "the stage simulate makes it"


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
    ("arguments", "said"),
    [
        (["none.yaml"], "no such parameter file"),
        (["params.yaml", "--set", "data.pth=x"], "unknown key data.pth, did you mean path?"),
        (["params.yaml", "--set", "seed"], "expected KEY=VALUE"),
        (["params.yaml", "--set", "seed.x=1"], "seed in params.yaml is a value, not a section"),
        (["params.yaml", "--set", "seed=-1"], "seed"),
    ],
)
def test_use_leaves_everything_as_it_was_after_a_mistake(
    project: Path, run: Run, arguments: list[str], said: str
) -> None:
    code, _, err = run("use", *arguments)
    assert code == 2
    assert said in err
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

    said = ui.command("sqlite:////a b/mlflow.db", 5001)
    assert said[1:] == [
        *("-m", "mlflow", "ui", "--backend-store-uri", "sqlite:////a b/mlflow.db"),
        *("--default-artifact-root", "file:///a%20b/artifacts", "--host", "127.0.0.1", "--port", "5001"),
    ]
    monkeypatch.setattr(tracking, "serve_ui", lambda port, say: say(ui.links("7", port)[1]))
    code, out, _ = run("ui", "--port", "5001")
    assert code == 0
    assert "http://127.0.0.1:5001/#/experiments/7/runs?" in out


def test_ui_of_a_server_is_the_servers_own(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    code, _, err = run("ui")
    assert code == 2
    assert "open http://server:5000 in a browser" in err


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect") / "simulated"
    knobs = SimulateConfig(recordings=2, trials=40, source_units=(6, 8), target_units=(5, 6))
    simulate.simulate(knobs, 1, folder)
    return folder


@pytest.fixture
def recordings(simulated: Path, project: Path) -> Path:
    """In the project's folder, where params.yaml lies."""
    shutil.copytree(simulated, "recordings")
    return Path("recordings")


ESCAPE = "\x1b"


def test_inspect_is_plain_in_a_pipe(recordings: Path, run: Run) -> None:
    code, out, err = run("inspect", "recordings/rat1_day1.nwb")
    assert (code, err) == (0, "")
    assert ESCAPE not in out
    assert not set("┃│━") & set(out)
    for words in (
        "rat1_day1\n  NWB (HDF5) (reader nwb), animal rat1\n",
        "\n  behaviour speed       0.0   ",
        "  region  role    units  rate 25 %",
        "  HC      source ",
        "Interval table trials (40 rows)\n",
        "Label candidates, best first\n  column      trials of each class\n  choice      skip: ",
        "times to align to: decision_time, offer_time, start_time, stop_time\n",
        "ingest, preprocess, split take it\n  40 of 40 trials (skip: ",
        "\ntrials:\n  table: trials\n  align: decision_time\n  window_s: [-2.0, 0.0]\n",
    ):
        assert words in out
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    block = out[out.index("data:\n") : out.index("\nNext: ")]
    assert yaml.safe_load(block)["data"]["path"] == "recordings/rat1_day1.nwb"


def test_inspect_draws_in_a_terminal(recordings: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, out, _ = run("inspect", "recordings")
    assert code == 0
    assert "────" in out
    assert "\ndata:\n  path: recordings\n" in out, "the block can be copied: nothing is drawn around it"


def test_inspect_of_a_folder(recordings: Path, run: Run) -> None:
    (recordings / "broken.nwb").write_bytes(b"\x89HDF\r\n\x1a\n and then nothing")
    (recordings / "notes.txt").write_text("ours")
    code, out, _ = run("inspect", "recordings")
    assert code == 1, "the pipeline would refuse the folder"
    assert "recordings: 3 recordings\n" in out
    assert "CANNOT BE READ" in out
    assert "recordings/broken.nwb: " in out
    said = "1 of 3 recordings cannot be read: broken; the pipeline refuses the folder until it is mended or taken out"
    assert (
        f"The block below does not run yet\n  {said} of it\n  the others alone: ingest, preprocess, split take" in out
    )
    assert "was tried on these recordings" not in out
    assert out.count("cannot be read: broken") == 1
    assert "- not read, since no reader takes them: notes.txt" in out
    for name in ("rat1_day1.nwb", "rat2_day1.nwb"):
        (recordings / name).unlink()
    code, out, err = run("inspect", "recordings")
    assert (code, out) == (2, "")
    assert err.startswith("spikebridge inspect: recordings/broken.nwb: ")


def test_inspect_writes_a_file_that_use_takes(recordings: Path, run: Run) -> None:
    code, out, err = run("inspect", "recordings", "--params", "new.yaml")
    assert code == 0
    assert "new.yaml written; its other sections are those of params.yaml." in err
    last = out.splitlines()[-1].removeprefix("Next: ").split(" && ")
    program, *words = shlex.split(last[0])  # a path with a space in it is quoted
    assert Path(program).name == "spikebridge" and words == ["use", "new.yaml"] and last[1] == "make repro"
    code, out, _ = run("inspect", "recordings", "--params", "new file.yaml")
    assert out.endswith(" use 'new file.yaml' && make repro\n")
    text = Path("new.yaml").read_text()
    assert text.startswith("# our settings\nseed: 1\n")
    assert yaml.safe_load(text)["split"] == {"outer_folds": 2}
    assert run("use", "new.yaml")[0] == 0
    code, _, err = run("inspect", "recordings", "--params", "new.yaml")
    assert code == 2
    assert "new.yaml exists" in err
    code, _, err = run("inspect", "recordings", "--params", "none/new.yaml")
    assert code == 2
    assert "none/new.yaml cannot be written: No such file" in err
    Path("params.yaml").write_text("not: [params")
    code, _, err = run("inspect", "recordings", "--params", "newer.yaml")
    assert code == 0
    assert "newer.yaml written; its other sections are those of /" in err


def test_inspect_as_json(recordings: Path, run: Run) -> None:
    code, out, err = run("inspect", "recordings", "--json", "--params", "new.yaml")
    assert code == 0
    assert err.startswith("new.yaml written")
    said = json.loads(out)
    assert [look["name"] for look in said["recordings"]] == ["rat1_day1", "rat2_day1"]
    assert said["recordings"][0]["regions"]["region"][0]["name"] == "HC"
    assert said["proposal"]["data"]["source"] == ["HC"]
    assert said["trial"]["runs"] is True
    assert yaml.safe_load(said["block"])["trials"] == said["proposal"]["trials"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "'none', which does not exist"),
        (["params.yaml"], "takes 'params.yaml'"),
        (["recordings", "--reader", "nbw"], "unknown reader 'nbw', did you mean nwb?"),
        (["recordings", "--option", "rate"], "--option: expected KEY=VALUE such as sampling_rate_hz=30000, got 'rate'"),
        (["recordings", "--option", "rate=[1"], "--option rate: '[1' is no YAML value"),
        (["recordings", "--option", "rate=1"], "data.options of the reader nwb: unknown key rate"),
    ],
)
def test_inspect_mistakes_are_one_line(recordings: Path, run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run("inspect", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_inspect_says_what_cannot_be_proposed(recordings: Path, run: Run) -> None:
    code, out, _ = run("inspect", "recordings", "--table", "trails", "--params", "new.yaml")
    assert code == 1
    assert "  table: trials                 # TO FILL IN: the file holds no such thing, this is a default\n" in out
    assert run("inspect", "recordings", "--table", "trails", "--json")[0] == 1
    assert "The block below does not run yet\n  it is not complete:\n" in out
    assert "--table: 'trails' is no interval table, did you mean trials? Tables: trials" in out
    assert out.endswith("Next: mend what is named above, in new.yaml or in the recordings\n")


def test_help_and_version(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("inspect", "use", "results", "predict", "ui", "publish"):
        assert command in out
    assert run("--version")[1].startswith("spikebridge ")
    assert run()[0] == 2
