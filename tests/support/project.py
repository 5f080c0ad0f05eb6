"""A copy of this project in another folder, its pipeline run by DVC as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, Any] = {
    "simulate": {"n_recordings": 2, "n_trials": 40, "n_source_units": [20, 22], "n_target_units": [12, 14]},
    "bins": {"width_s": 0.1},
    "split": {"n_outer_folds": 2},
    "models": {
        "seq2seq": {"max_epochs": 4, "hidden_size": 16, "batch_size": 64, "n_readout_trees": 20},
        "ridge": {},
        "random_forest": {"n_estimators": 20},
        "dnn": {"max_epochs": 4},
        "majority": {},
    },
    "tune": {"n_trials": 2, "n_startup_trials": 1},
    "analysis": {"n_folds": 1, "max_epochs": 2},
    "statistics": {"n_resamples": 500},
    "compute": {"workers": 1},
}
"""Changes to the shipped parameters under which the pipeline takes a minute or two."""


def parameters(base: Path, **sections: dict[str, Any]) -> dict[str, Any]:
    """A parameter file with SMALL and then these sections changed; a list of models replaces the file's."""
    made: dict[str, Any] = yaml.safe_load(base.read_text(encoding="utf-8"))
    for name, changes in (SMALL | sections).items():
        made[name] = changes if name == "models" else made.get(name, {}) | changes
    return made


def load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def shared_recordings() -> Path:
    """The folder of real recordings; it may not be there."""
    return Path(os.environ.get("SPIKEBRIDGE_SHARED", ROOT.parent / "shared")) / "data" / "recordings"


def copy_project(target: Path, params: dict[str, Any]) -> Path:
    """What a clone of the working tree would hold, as a git repository of its own, with other parameters."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    (target / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"]):
        subprocess.run(["git", *command], cwd=target, check=True)
    return target


def environment(project: Path) -> dict[str, str]:
    """This interpreter first on the path, the project's own code, no tracking server of somebody else."""
    dropped = ("MLFLOW_", "PYTHONDONTWRITEBYTECODE")  # stages take over compiled modules, as with a user
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    here = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return kept | {"PATH": here, "PYTHONPATH": str(project / "src"), "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}


def run(project: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in the project; its output is shown where it fails."""
    done = subprocess.run(
        command, cwd=project, env=environment(project), capture_output=True, text=True, timeout=900, check=False
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def dvc(project: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a DVC command in the project."""
    return run(project, sys.executable, "-m", "dvc", *arguments, check=check)


REPRODUCE = """
import sys
from pathlib import Path
from spikebridge.runtime.pipeline_run import reproduce
sys.exit(reproduce(Path(), print, sys.argv[1:]))
"""


def spikebridge_run(project: Path, *stages: str) -> subprocess.CompletedProcess[str]:
    """Run the whole pipeline as `make repro` does, or these stages and what they depend on."""
    command = ["-c", REPRODUCE, *stages] if stages else ["-m", "spikebridge.cli", "run"]
    return run(project, sys.executable, *command)
