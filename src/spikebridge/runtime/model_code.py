"""Which code the stages of a model run: the record of the stage model_code.

runs/model_code/<model>.json lists the files of models/ that a model runs, runs/model_code/stages/tune.json and
train.json those of the rest of the package that the stage runs. DVC rewrites its notes on all dependencies of all
stages after each stage: with a list in the place of forty files, for two stages of every model, they are shorter.

It is written and read here and not in artifacts, because the check of a stage's inputs reads it, and artifacts imports
runtime. Lists of the same form in runs/package_code say what each stage runs, where code is installed (room projects).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from spikebridge.runtime.source_code import WATCHING, WORDING, SourceTree

MODEL_CODE = Path("runs") / "model_code"
"""Of the stage, in the folder of a project."""
STAGE_CODE = MODEL_CODE / "stages"
"""Of the code that the stages tune and train run, whatever the model."""
PACKAGE_CODE = Path("runs") / "package_code"
"""Of the stage package_code, in the folder of a project outside the repository."""


def write_model_code(models: Iterable[str], package: Path, folder: Path, scripts: Mapping[str, Path]) -> None:
    """Write <model>.json of each model: file below models/ that it runs -> SHA-256; and stages/<stage>.json.

    The stages tune@model and train@model depend on these files in place of the modules: a change of one model leaves
    the others alone.

    Parameters
    ----------
    models : iterable of str
        Names of models.
    package : Path
        The package that runs (`source_code.package_of`). Names of files count from the folder that it lies in.
    folder : Path
        Of the stage; made where it is missing.
    scripts : mapping
        The stages that have a list of their own -> script.
    """
    tree, rooms = SourceTree(package), package / "models"
    (folder / STAGE_CODE.name).mkdir(parents=True, exist_ok=True)
    lists = {f"{STAGE_CODE.name}/{stage}": stage_code(tree, script) for stage, script in scripts.items()}
    for model in models:
        files = tree.reached([f"{package.name}.models.{model}"], [model])
        lists[model] = {path for path in files if path.is_relative_to(rooms)}
    for name, files in lists.items():
        digests = {
            path.relative_to(package.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        }
        (folder / f"{name}.json").write_text(json.dumps(digests, indent=1), encoding="utf-8")


def stage_code(tree: SourceTree, script: Path) -> set[Path]:
    """Every file of the package that a stage of a model runs, without those of models/.

    Parameters
    ----------
    tree : SourceTree
        The package.
    script : Path
        Of the stage.

    Returns
    -------
    set of Path
        The files.
    """
    files = tree.reached([script], without=WORDING | WATCHING)
    return {path for path in files if not path.is_relative_to(tree.package / "models")}


def read_model_code(path: Path) -> dict[str, str]:
    """File of the package -> SHA-256.

    Parameters
    ----------
    path : Path
        Of <model>.json, or of such a list of a stage.

    Returns
    -------
    dict of str to str
        Empty if the stage has not run.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(file): str(sha) for file, sha in content.items()}
