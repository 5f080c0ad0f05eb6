"""What a stage reads must be the same at its end: files, folders, settings. Nothing is stored where it is not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from spikebridge.runtime.stage import output, reading, stage_main
from spikebridge.runtime.stage_inputs import InputsChangedError, StageInputs, stage_inputs

Change = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.csv").write_text("1,2")
    (tmp_path / "in" / "deep" / "b.csv").write_text("3,4")
    (tmp_path / "in" / "code.py").write_text("x = 1")
    (tmp_path / "other.csv").write_text("5,6")
    return tmp_path / "in"


def replaced_with_its_time(folder: Path) -> None:
    """The same size, the same modification time, another file."""
    about = (folder / "a.csv").stat()
    shutil.copy(folder.parent / "other.csv", folder / ".new")
    os.utime(folder / ".new", ns=(about.st_atime_ns, about.st_mtime_ns))
    (folder / ".new").replace(folder / "a.csv")


def rewritten_with_its_time(folder: Path) -> None:
    about = (folder / "a.csv").stat()
    (folder / "a.csv").write_text("9,9")
    os.utime(folder / "a.csv", ns=(about.st_atime_ns, about.st_mtime_ns))


def replaced_and_put_back(folder: Path) -> None:
    kept = (folder / "a.csv").read_bytes()
    (folder / "a.csv").write_text("7,7")
    (folder / "a.csv").write_bytes(kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "a.csv").write_text("9,9"), "changed: {0}/a.csv"),
        (replaced_with_its_time, "changed: {0}/a.csv"),
        (rewritten_with_its_time, "changed: {0}/a.csv"),
        (replaced_and_put_back, "changed: {0}/a.csv"),
        (lambda f: (f / "deep" / "b.csv").unlink(), "gone: {0}/deep/b.csv"),
        (lambda f: shutil.rmtree(f), "gone: {0}/a.csv, {0}/code.py, {0}/deep/b.csv"),
        (lambda f: (f / "c.csv").touch(), "new: {0}/c.csv"),
        (lambda f: (f / "code.py").write_text("x = 2"), "changed: {0}/code.py"),
    ],
)
def test_a_change_is_named(folder: Path, change: Change, message: str) -> None:
    inputs = StageInputs.of([folder])
    inputs.check()
    change(folder)
    with pytest.raises(InputsChangedError) as caught:
        inputs.check()
    assert message.format(folder) in str(caught.value)
    assert "Nothing was stored" in str(caught.value)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda f: (f / "a.csv").read_bytes(),
        lambda f: os.link(f / "a.csv", f.parent / "in a cache"),
        lambda f: (f / "a.csv").chmod(0o444),
        lambda f: (f / "code.py").write_text("x = 1"),
        lambda f: (f / ".hidden").touch(),
        lambda f: (f / "d.csv.partial").touch(),
        lambda f: (f / "__pycache__").mkdir() or (f / "__pycache__" / "x.pyc").touch(),
    ],
)
def test_what_changes_nothing_is_no_alarm(folder: Path, change: Change) -> None:
    inputs = StageInputs.of([folder])
    change(folder)
    inputs.check()


def test_links_are_followed_and_loops_end(folder: Path, tmp_path: Path) -> None:
    (folder / "link.csv").symlink_to(tmp_path / "other.csv")
    (folder / "loop").symlink_to(folder)
    (folder / "lost.csv").symlink_to(tmp_path / "not here")
    inputs = StageInputs.of([folder])
    inputs.check()
    (tmp_path / "other.csv").write_text("changed")
    with pytest.raises(InputsChangedError, match=r"changed: .*link.csv"):
        inputs.check()


DVC = """
stages:
  ingest:
    cmd: python pipelines/ingest.py
    deps: ["${data.path}", code.py]
    params: [data, trials.label]
    outs: [data/ingested]
  tune:
    foreach: ${models}
    do:
      cmd: python pipelines/tune.py ${key}
      deps: ["runs/${key}/in.json", "${unknown}"]
      params: ["models.${key}"]
      outs: ["runs/tune/${key}"]
"""
PARAMS = {"data": {"path": "raw"}, "trials": {"label": "choice", "align": "go"}, "models": {"dnn": {"a": 1}, "rf": {}}}


@pytest.fixture
def project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.rename(tmp_path / "raw")
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "code.py").write_text("x = 1")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stage_holds_what_dvc_lists(project: Path) -> None:
    inputs = stage_inputs("ingest")
    assert sorted(inputs.marks) == ["code.py", "raw/a.csv", "raw/code.py", "raw/deep/b.csv"]
    assert inputs.settings == {"data": {"path": "raw"}, "trials.label": "choice"}
    tune = stage_inputs("tune@dnn")
    assert (list(tune.marks), tune.settings) == (["runs/dnn/in.json"], {"models.dnn": {"a": 1}})
    assert not stage_inputs("nothing").marks
    (project / "dvc.yaml").write_text("stages: [")
    assert not stage_inputs("ingest").marks


def test_a_stage_holds_what_its_item_of_foreach_names(project: Path) -> None:
    (project / "dvc.yaml").write_text(
        "stages:\n  pair:\n    foreach:\n      a_b: {source: a.csv, target: code.py}\n      b_a: {source: code.py}\n"
        "    do:\n      cmd: x ${key}\n      deps: ['raw/${item.source}', 'raw/${item.target}', 'raw/${key}']\n"
    )
    assert sorted(stage_inputs("pair@a_b").marks) == ["raw/a.csv", "raw/a_b", "raw/code.py"]
    assert sorted(stage_inputs("pair@b_a").marks) == ["raw/b_a", "raw/code.py"]


def stage(project: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """The stage ingest: reads, then somebody changes something, then it stores."""

    def run(_: list[str]) -> None:
        with output(Path("data/ingested")) as path:
            path.write_text("result")
            change()

    monkeypatch.setattr(sys, "argv", ["pipelines/ingest.py"])
    stage_main(run)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("raw/a.csv", "9,9", "changed: raw/a.csv"),
        ("raw/new.csv", "", "new: raw/new.csv"),
        ("code.py", "x = 2", "changed: code.py"),
        ("params.yaml", yaml.safe_dump(PARAMS | {"data": {"path": "else"}}), "params.yaml: data changed while"),
        ("params.yaml", "{", "params.yaml: data, trials.label changed while"),
    ],
)
def test_a_stage_stores_nothing_of_changed_inputs(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    text: str,
    message: str,
) -> None:
    with pytest.raises(SystemExit) as stop:
        stage(project, monkeypatch, lambda: (project / file).write_text(text))
    assert stop.value.code == 2
    heard = capsys.readouterr().err
    assert heard.startswith("ingest: ") and message in heard and heard.count("\n") == 1
    assert list((project / "data").iterdir()) == []


def test_settings_that_a_stage_does_not_read_may_change(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = PARAMS | {"trials": {"label": "choice", "align": "stop"}, "models": {}}
    stage(project, monkeypatch, lambda: (project / "params.yaml").write_text("# a word\n" + yaml.safe_dump(other)))
    assert (project / "data" / "ingested").read_text() == "result"


def test_an_error_from_a_half_replaced_file_names_the_file(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputsChangedError, match=r"changed: .*a.csv"), reading(StageInputs.of([folder])):  # noqa: SIM117
        with output(tmp_path / "out") as path:
            path.touch()
            (folder / "a.csv").write_text("1,")
            raise ValueError("expected two columns")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_named_like_code_and_is_none_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "params.py")
    with (tmp_path / "large.py").open("wb") as handle:
        handle.truncate(1 << 40)  # a sparse file
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    inputs = StageInputs.of([tmp_path])
    assert {Path(name).name for name in inputs.marks} == {"params.py", "large.py", "zero.py"}
    inputs.check()
    with (tmp_path / "large.py").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(InputsChangedError, match=r"changed: .*large\.py"):
        inputs.check()


def test_a_link_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    recordings = tmp_path / "data" / "recordings"
    (recordings / "one").mkdir(parents=True)
    (recordings / "one" / "spikes.csv").write_text("1")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "trials.csv").write_text("2")
    (recordings / "everything").symlink_to("/", target_is_directory=True)
    (recordings / "above").symlink_to(tmp_path, target_is_directory=True)
    (recordings / "two").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    marked = {Path(name).relative_to(recordings).as_posix() for name in StageInputs.of([recordings]).marks}
    assert marked == {"one/spikes.csv", "two/trials.csv"}


def test_the_code_of_a_model_counts_by_its_list(tmp_path: Path) -> None:
    """What model_code listed is marked; code that changed since then is refused before anything is read."""
    code = tmp_path / "src/spikebridge/models/dnn.py"
    code.parent.mkdir(parents=True)
    code.write_text("x = 1\n")
    (tmp_path / "params.yaml").write_text("models: {dnn: {}}\n")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  tune:\n    foreach: ${models}\n    do:\n      cmd: python pipelines/tune.py ${key}\n"
        "      deps:\n        - runs/model_code/${key}.json\n        - runs/model_code/stages/tune.json\n"
    )
    folder = tmp_path / "runs/model_code"
    folder.mkdir(parents=True)
    sha = hashlib.sha256(code.read_bytes()).hexdigest()
    (folder / "dnn.json").write_text(json.dumps({"spikebridge/models/dnn.py": sha}))
    shared, of_stage = tmp_path / "src/spikebridge/shared.py", folder / "stages/tune.json"
    shared.touch()
    of_stage.parent.mkdir()
    of_stage.write_text(json.dumps({"spikebridge/shared.py": hashlib.sha256(b"").hexdigest()}))
    inputs = stage_inputs("tune@dnn", tmp_path)
    assert set(inputs.marks) == {str(code), str(folder / "dnn.json"), str(shared), str(of_stage)}
    shared.write_text("x = 1\n")
    with pytest.raises(InputsChangedError, match=r"shared\.py changed after model_code listed"):
        stage_inputs("tune@dnn", tmp_path)
    shared.write_text("")
    code.write_text("x = 2\n")
    with pytest.raises(InputsChangedError, match=r"dnn\.py changed"):
        stage_inputs("tune@dnn", tmp_path)
    with pytest.raises(InputsChangedError, match="files were written while they were read"):
        inputs.check()
