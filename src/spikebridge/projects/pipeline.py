"""dvc.yaml of a project outside the repository, and the code that its stages depend on.

In the repository a stage depends on modules below src/. In a project the modules are those of the installed package,
which DVC does not follow. The stage `package_code` therefore lists, for each stage, the same modules with their digests
in runs/package_code/<stage>.json, and the stage depends on that list: a new version of spikebridge runs again what it
changed, and nothing else.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import yaml

from spikebridge import __version__
from spikebridge.runtime.hashing import file_digest
from spikebridge.runtime.model_code import PACKAGE_CODE
from spikebridge.runtime.source_code import OWN

SOURCE = "src/"
HEAD = f"""# Made by spikebridge {__version__}. `spikebridge init --update` writes it again for the installed version.
# Stages depend on runs/package_code/<stage>.json, the code of the installed package, instead of files of that package.
stages:
  package_code:
    desc: which files of the installed package each stage runs, so that a new version runs what it changed
    cmd: python -m spikebridge.projects
    always_changed: true
    outs:
      - {PACKAGE_CODE.as_posix()}
"""
MADE_BY = re.compile(r"# Made by spikebridge (\S+)\. ")


def project_pipeline(text: str) -> str:
    """Write dvc.yaml of a project.

    Parameters
    ----------
    text : str
        dvc.yaml of the repository.

    Returns
    -------
    str
        The same stages with the list of their code in the place of modules, and the stage `package_code` before them.
    """
    lines: list[str] = []
    stage, listed = "", False
    for line in text.partition("stages:\n")[2].splitlines():
        if match := re.match(r"  (\w+):$", line):
            stage, listed = match[1], False
        if match := re.match(rf"( +)- {SOURCE}", line):
            if not listed:
                lines.append(f"{match[1]}- {code_list(stage).as_posix()}")
            listed = True
            continue
        lines.append(line)
    return HEAD + "\n" + "\n".join(lines) + "\n"


def code_list(stage: str) -> Path:
    """Where the code of a stage is listed.

    Parameters
    ----------
    stage : str
        Its name in dvc.yaml, without a model.

    Returns
    -------
    Path
        Relative to the folder of the project.
    """
    return PACKAGE_CODE / f"{stage}.json"


def write_package_code(text: str, folder: Path) -> None:
    """List the installed files that each stage runs: file -> SHA-256.

    Parameters
    ----------
    text : str
        dvc.yaml of the repository, whose dependencies on src/ say which files.
    folder : Path
        Gets a file for each stage; made where it is missing.
    """
    digest = cache(file_digest)
    folder.mkdir(parents=True, exist_ok=True)
    for stage, entry in yaml.safe_load(text)["stages"].items():
        deps = entry.get("do", entry).get("deps", [])
        places = [OWN.parent / dep.removeprefix(SOURCE) for dep in deps if dep.startswith(SOURCE)]
        files = {path for place in places for path in _files(place)}
        digests = {path.relative_to(OWN.parent).as_posix(): digest(path) for path in sorted(files)}
        if digests:
            content = json.dumps(digests, indent=1) + "\n"
            (folder / code_list(stage).name).write_text(content, encoding="utf-8")


def _files(place: Path) -> list[Path]:
    """A file, or all files of a folder but those that Python writes."""
    if place.is_file():
        return [place]
    return [path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def made_by(folder: Path) -> str:
    """The version of spikebridge that wrote dvc.yaml of a project.

    Parameters
    ----------
    folder : Path
        The folder of the project.

    Returns
    -------
    str
        "" where `spikebridge init` did not write it.
    """
    try:
        match = MADE_BY.match((folder / "dvc.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return match[1] if match else ""
