"""Which files of models/ each model runs: runs/model_code/<model>.json, the record of the stage model_code.

It is written and read here and not in artifacts, because the check of a stage's inputs reads it, and artifacts imports
runtime. Lists of the same form in runs/package_code say what each stage runs, where code is installed (room projects).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from spikebridge.runtime.source_code import SourceTree

MODEL_CODE = Path("runs") / "model_code"
"""Of the stage, in the folder of a project."""
PACKAGE_CODE = Path("runs") / "package_code"
"""Of the stage package_code, in the folder of a project outside the repository."""


def write_model_code(models: Iterable[str], package: Path, folder: Path) -> None:
    """Write <model>.json of each model: file below models/ that it runs -> SHA-256.

    The stages tune@model and train@model depend on that file in place of the whole room, so that a change of one model
    leaves the others alone.

    Parameters
    ----------
    models : iterable of str
        Names of models.
    package : Path
        The package that runs (`source_code.package_of`). Names of files count from the folder that it lies in.
    folder : Path
        Of the stage; made where it is missing.
    """
    tree = SourceTree(package)
    folder.mkdir(parents=True, exist_ok=True)
    for model in models:
        files = tree.reached([f"{package.name}.models.{model}"], [model])
        digests = {
            path.relative_to(package.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
            if path.is_relative_to(package / "models")
        }
        (folder / f"{model}.json").write_text(json.dumps(digests, indent=1), encoding="utf-8")


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
