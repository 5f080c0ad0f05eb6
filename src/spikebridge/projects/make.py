"""Makes the folder of a project, from the files that the package ships and two templates."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from spikebridge.errors import ConfigError, DataError, StorageError
from spikebridge.errors.messages import listed
from spikebridge.projects.pipeline import made_by, project_pipeline
from spikebridge.projects.shipped_files import copy_files, shipped_files, shipped_root

TEMPLATES = Path(__file__).with_name("templates")
PIPELINE, PARAMS, SCRIPTS, OF_DVC = "dvc.yaml", "params.yaml", "pipelines/", ".dvc/"
REPLACED = "replaced"
SHOWN = 5
DVC_SETTINGS = "[core]\n    analytics = false\n    check_update = false\n"


class NotEmptyError(DataError):
    """A new project is to be made in a folder that holds something.

    Parameters
    ----------
    message : str
        What is printed.
    refusal : Refusal, optional
        The same as records.
    warnings : sequence of Finding
        Other findings.
    """


def shipped_file(name: str) -> Path:
    """Find a shipped file.

    Parameters
    ----------
    name : str
        Its path in the repository, such as params.yaml.

    Returns
    -------
    Path
        In the installed package, or in the checkout that it lies in.

    Raises
    ------
    StorageError
        Where the package was installed without these files.
    """
    path = shipped_root() / name
    if not path.is_file():
        raise StorageError(f"{path}: expected a file of spikebridge, found none; install spikebridge again")
    return path


def shipped_pipeline() -> str:
    """Read dvc.yaml of the repository.

    Returns
    -------
    str
        Its text.
    """
    return shipped_file(PIPELINE).read_text(encoding="utf-8")


def make_project(folder: Path, git: bool = False) -> None:
    """Make a project: params.yaml, dvc.yaml, pipelines/, Makefile, README.md, .gitignore and what DVC needs.

    Parameters
    ----------
    folder : Path
        New, or empty.
    git : bool
        Whether DVC works with Git there: in the repository that the folder lies in, or else in a new one.

    Raises
    ------
    NotEmptyError
        Where the folder holds something; nothing is written.
    ConfigError
        Where Git is asked for and not installed.
    StorageError
        Where DVC or Git cannot make what they need; the folder is left as it was.
    """
    check_new(folder)
    existed = folder.is_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        init_dvc(folder, git)
        write_pipeline(folder)
        for name in (PARAMS, ".gitignore"):
            shutil.copyfile(shipped_file(name), folder / name)
        for template in sorted(TEMPLATES.iterdir()):
            text = template.read_text(encoding="utf-8").replace("{name}", folder.resolve().name)
            (folder / template.name).write_text(text, encoding="utf-8")
    except BaseException:
        for path in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not existed and folder.is_dir():
            folder.rmdir()
        raise


def check_new(folder: Path) -> None:
    """Refuse a folder that holds something.

    Parameters
    ----------
    folder : Path
        New, or empty.

    Raises
    ------
    NotEmptyError
        Names what it holds.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise NotEmptyError(f"{folder}: expected a new folder, found a file; nothing was written")
    if names := sorted(path.name for path in folder.iterdir()):
        more = "" if made_by(folder) == "" else f". It is a project already: spikebridge init --update {folder}"
        raise NotEmptyError(
            f"{folder}: expected a new or empty folder, found {listed(names, SHOWN)}; nothing was written{more}"
        )


def write_pipeline(folder: Path) -> None:
    """Write dvc.yaml, pipelines/, .dvcignore and the templates of DVC's plots, in the place of earlier ones.

    Parameters
    ----------
    folder : Path
        Of the project; made where it is missing.
    """
    root = shipped_root()
    text = project_pipeline(shipped_pipeline())
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / SCRIPTS, ignore_errors=True)
    for start in (SCRIPTS, OF_DVC, ".dvcignore"):
        copy_files(shipped_files(root, start), root, folder)
    (folder / PIPELINE).write_text(text, encoding="utf-8")


def update_project(folder: Path) -> Path | None:
    """Bring dvc.yaml and pipelines/ of a project to the installed version; parameters, data and results stay.

    Parameters
    ----------
    folder : Path
        A folder that `make_project` made.

    Returns
    -------
    Path or None
        The new folder with the earlier files; None where nothing changed.

    Raises
    ------
    DataError
        Where the folder is no such project.
    """
    if not made_by(folder):
        raise DataError(
            f"{folder}: expected a project that spikebridge init made, found no dvc.yaml of it; nothing was written"
        )
    numbers = ("", *(f".{k}" for k in range(1, 10_000)))
    kept = next(place for k in numbers if not (place := folder / f"{REPLACED}{k}").exists())
    before = _pipeline_files(folder)
    kept.mkdir()
    for name, content in before.items():
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (kept / name).write_bytes(content)
    write_pipeline(folder)
    if _pipeline_files(folder) == before:
        shutil.rmtree(kept)
        return None
    return kept


def _pipeline_files(folder: Path) -> dict[str, bytes]:
    paths = [folder / PIPELINE, *sorted((folder / SCRIPTS).glob("*.py"))]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def init_dvc(folder: Path, git: bool = False) -> None:
    """Make the folder a project of DVC.

    Parameters
    ----------
    folder : Path
        The folder.
    git : bool
        Whether DVC works with Git there. Without Git, `dvc exp` and comparisons between revisions do not work.

    Raises
    ------
    ConfigError
        Where Git is asked for and not installed.
    StorageError
        Where DVC or Git fails.
    """
    options = ["--no-scm"]
    if git:
        top = _git_top(folder)
        if top is None:
            _called(["git", "init", "--quiet"], folder)
        options = [] if top in (None, folder.resolve()) else ["--subdir"]
    _called([sys.executable, "-m", "dvc", "init", "--quiet", *options], folder)
    settings = folder / ".dvc" / "config"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(DVC_SETTINGS + text.removeprefix("[core]\n"), encoding="utf-8")


def _git_top(folder: Path) -> Path | None:
    """The top folder of the Git repository that a folder lies in; None where it lies in none."""
    if shutil.which("git") is None:
        raise ConfigError("--git: Git is not installed; without --git the project needs none")
    command = ["git", "rev-parse", "--show-toplevel"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()).resolve() if done.returncode == 0 else None


def _called(command: list[str], folder: Path) -> None:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise StorageError(f"{folder}: {' '.join(command[-4:])} failed: {lines[0]}")
