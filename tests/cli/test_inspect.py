"""The command inspect: plain in a pipe, drawn in a terminal, as JSON, and a block that use takes."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from command_line import Run

from spikebridge import simulate
from spikebridge.config import SimulateConfig


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect") / "simulated"
    knobs = SimulateConfig(n_recordings=2, n_trials=40, n_source_units=(6, 8), n_target_units=(5, 6))
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
        "Label candidates, best first\n  label       trials of each class\n  choice      skip: ",
        "times to align to: decision_time, offer_time, start_time, stop_time\n",
        "ingest, preprocess, split accept it\n  40 of 40 trials (skip: ",
        "\ntrials:\n  table: trials\n  align: decision_time\n  window_s: [-2.0, 0.0]\n",
    ):
        assert words in out
    assert not [line for line in out.splitlines() if line != line.rstrip()]
    block = out[out.index("data:\n") : out.index("\nNext: ")]
    assert yaml.safe_load(block)["data"]["path"] == "recordings/rat1_day1.nwb"


def test_a_path_with_a_slash_at_its_end_changes_no_other_word(recordings: Path, run: Run) -> None:
    """The shell completes the name of a folder to `trials/`."""
    recordings.rename("trials")
    code, out, _ = run("inspect", "trials/", "--params", "new.yaml")
    assert code == 0
    assert "\ndata:\n  path: trials\n" in out
    assert "\ntrials:\n  table: trials\n" in out
    assert yaml.safe_load(Path("new.yaml").read_text(encoding="utf-8"))["data"]["path"] == "trials"


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
    problem = (
        "1 of 3 recordings cannot be read: broken; the pipeline refuses the folder until it is repaired or removed"
    )
    assert f"The block below does not run yet\n  {problem}\n  the others alone: ingest, preprocess, split accept" in out
    assert "was run on these recordings" not in out
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
    assert yaml.safe_load(text)["split"] == {"by": "block", "n_outer_folds": 2}  # a stage reads split.by alone
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
    document = json.loads(out)
    assert [summary["name"] for summary in document["recordings"]] == ["rat1_day1", "rat2_day1"]
    assert document["recordings"][0]["regions"]["region"][0]["name"] == "HC"
    assert document["proposal"]["data"]["source"] == ["HC"]
    assert document["dry_run"]["runs"] is True
    assert yaml.safe_load(document["proposed_yaml"])["trials"] == document["proposal"]["trials"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none"], "'none', which does not exist"),
        (["params.yaml"], "takes 'params.yaml'"),
        (["recordings", "--reader", "nbw"], "unknown reader 'nbw', did you mean nwb?"),
        (["recordings", "--option", "rate"], "--option: expected KEY=VALUE such as sampling_rate_hz=30000, got 'rate'"),
        (["recordings", "--option", "rate=[1"], "--option rate: '[1' is no YAML value"),
        (["recordings", "--offset-s", "[1"], "--offset-s: '[1' is no YAML value"),
        (["recordings", "--option", "rate=1"], "data.options of the reader nwb: unknown key rate"),
    ],
)
def test_inspect_mistakes_are_one_line(recordings: Path, run: Run, arguments: list[str], expected: str) -> None:
    code, out, err = run("inspect", *arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1


def test_inspect_says_what_cannot_be_proposed(recordings: Path, run: Run) -> None:
    code, out, _ = run("inspect", "recordings", "--table", "trails", "--params", "new.yaml")
    assert code == 1
    assert "  table: trials                 # TO FILL IN: the file holds no such thing, this is a default\n" in out
    assert run("inspect", "recordings", "--table", "trails", "--json")[0] == 1
    assert "The block below does not run yet\n  it is not complete:\n" in out
    assert "--table: 'trails' is no interval table, did you mean trials? Tables: trials" in out
    assert out.endswith("Next: correct the problems above, in new.yaml or in the recordings\n")
