"""The folder of a project outside the repository: what it holds, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, environment

from spikebridge import __version__, config
from spikebridge.errors import ConfigError, DataError, StorageError
from spikebridge.projects import NotEmptyError, made_by, make_project, update_project
from spikebridge.projects.make import shipped_pipeline
from spikebridge.projects.pipeline import project_pipeline, write_package_code
from spikebridge.projects.shipped_files import SHIPPED, shipped_files, shipped_root
from spikebridge.runtime.model_code import PACKAGE_CODE
from spikebridge.runtime.source_code import OWN
from spikebridge.runtime.stage_inputs import InputsChangedError, stage_inputs

IN_THE_REPOSITORY = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "my study"
    make_project(folder)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "my study"))


def dvc(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=folder, env=environment(ROOT), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_shipped_file_is_there() -> None:
    assert shipped_root() == ROOT
    names = {name.as_posix() for name in shipped_files(ROOT)}
    assert {pattern for pattern in SHIPPED if "*" not in pattern} <= names
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "pipelines").glob("*.py")} <= names
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / ".dvc" / "plots").glob("*.json")} <= names
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split()
    assert not set(SHIPPED) - set(manifest), "a source distribution needs them too"


def test_a_project_has_what_its_stages_need(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        ".dvc",
        ".dvcignore",
        ".gitignore",
        "Makefile",
        "README.md",
        "dvc.yaml",
        "params.yaml",
        "pipelines",
    }
    assert config.load(folder / "params.yaml") == config.load(ROOT / "params.yaml")
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# my study\n")
    assert made_by(folder) == __version__
    assert made_by(ROOT) == ""
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*") if path.is_file())
    assert str(ROOT) not in text and str(folder) not in text
    listed = dvc(folder, "stage", "list", "--name-only").split()
    assert listed[0] == PACKAGE_CODE.name
    assert {name.partition("@")[0] for name in listed[1:]} == set(IN_THE_REPOSITORY["stages"])


def test_stages_depend_on_a_list_of_their_code() -> None:
    made = yaml.safe_load(project_pipeline(shipped_pipeline()))
    assert {key: made[key] for key in ("metrics", "plots")} == {
        key: IN_THE_REPOSITORY[key] for key in ("metrics", "plots")
    }
    del made["stages"][PACKAGE_CODE.name]
    for name, stage in IN_THE_REPOSITORY["stages"].items():
        ours, theirs = made["stages"][name].get("do", made["stages"][name]), stage.get("do", stage)
        assert {k: v for k, v in ours.items() if k != "deps"} == {k: v for k, v in theirs.items() if k != "deps"}
        kept = {dep for dep in theirs["deps"] if not dep.startswith("src/")}
        own = set() if f"runs/model_code/stages/{name}.json" in kept else {f"runs/package_code/{name}.json"}
        assert set(ours["deps"]) - kept == own
        assert kept <= set(ours["deps"])


def test_the_list_has_every_file_of_a_stage(tmp_path: Path) -> None:
    write_package_code(shipped_pipeline(), tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(IN_THE_REPOSITORY["stages"]) - {"tune", "train"}
    of_models = json.loads((tmp_path / "model_code.json").read_text(encoding="utf-8"))
    assert of_models.keys() >= {"spikebridge/fitting/tuning.py", "spikebridge/fitting/training.py"}
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    style = "spikebridge/report/templates/style.css"
    assert report[style] == hashlib.sha256((OWN.parent / style).read_bytes()).hexdigest()
    assert "spikebridge/models/ridge.py" not in report
    assert not [name for name in report if "__pycache__" in name]


def test_code_that_changed_since_it_was_listed_is_refused(folder: Path) -> None:
    place = folder / PACKAGE_CODE
    write_package_code(shipped_pipeline(), place)
    inputs = stage_inputs("report", folder)
    assert str(OWN / "report" / "pages.py") in inputs.marks
    listed = json.loads((place / "report.json").read_text(encoding="utf-8"))
    (place / "report.json").write_text(json.dumps(listed | {"spikebridge/report/pages.py": "0"}), encoding="utf-8")
    with pytest.raises(
        InputsChangedError, match=r"report/pages\.py changed after package_code listed the code of report"
    ):
        stage_inputs("report", folder)


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path: Path) -> None:
    make_project(tmp_path / "empty")
    thesis = tmp_path / "full" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.write_text("all of it")
    with pytest.raises(NotEmptyError, match=r"expected a new or empty folder, found thesis\.tex; nothing was written$"):
        make_project(thesis.parent)
    assert [path.name for path in thesis.parent.iterdir()] == ["thesis.tex"]
    assert thesis.read_text() == "all of it"
    with pytest.raises(NotEmptyError, match="expected a new folder, found a file"):
        make_project(thesis)


def test_a_project_is_not_made_again_but_brought_up_to_date(folder: Path) -> None:
    params = folder / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("seed: 1", "seed: 7"), encoding="utf-8")
    with pytest.raises(NotEmptyError, match="It is a project already: spikebridge init --update"):
        make_project(folder)
    assert update_project(folder) is None
    script = folder / "pipelines" / "split.py"
    script.write_text("# mine\n", encoding="utf-8")
    (folder / "pipelines" / "gone.py").write_text("# of an earlier version\n", encoding="utf-8")
    pipeline = folder / "dvc.yaml"
    pipeline.write_text(pipeline.read_text(encoding="utf-8").replace(__version__, "0.0.9"), encoding="utf-8")
    kept = update_project(folder)
    assert kept is not None
    assert (kept / "pipelines" / "split.py").read_text(encoding="utf-8") == "# mine\n"
    assert (kept / "pipelines" / "gone.py").is_file()
    assert not (folder / "pipelines" / "gone.py").exists()
    assert script.read_bytes() == (ROOT / "pipelines" / "split.py").read_bytes()
    assert made_by(folder) == __version__
    assert "seed: 7" in params.read_text(encoding="utf-8")


def test_only_a_project_is_brought_up_to_date(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    with pytest.raises(DataError, match="expected a project that spikebridge init made"):
        update_project(tmp_path)
    assert (tmp_path / "dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()


def test_what_fails_half_way_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false") or "false")
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(StorageError, match="dvc init --quiet --no-scm failed"):
            make_project(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_with_git_dvc_works_with_it(tmp_path: Path) -> None:
    make_project(tmp_path / "new", git=True)
    assert (tmp_path / "new" / ".git").is_dir()
    assert "no_scm" not in (tmp_path / "new" / ".dvc" / "config").read_text(encoding="utf-8")
    assert "config" in git(tmp_path / "new", "status", "--porcelain")
    git(tmp_path, "init", "-q")
    make_project(tmp_path / "inside", git=True)
    assert not (tmp_path / "inside" / ".git").exists()
    dvc(tmp_path / "inside", "stage", "list")


@pytest.mark.slow
def test_a_project_gets_git_by_the_commands_of_its_readme(folder: Path) -> None:
    (commands,) = re.findall(r"`(git init .*)`\.", (folder / "README.md").read_text(encoding="utf-8"))
    author = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    script = f'dvc() {{ "{sys.executable}" -m dvc "$@"; }}\n{commands} && dvc params diff && git status --porcelain'
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=environment(ROOT) | author, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "params.yaml" in git(folder, "ls-files")
    assert git(folder, "status", "--porcelain") == ""


def test_without_git_it_is_asked_for_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="--git: Git is not installed"):
        make_project(tmp_path / "new", git=True)
    assert not list(tmp_path.iterdir())
