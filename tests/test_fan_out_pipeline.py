"""The whole pipeline fanned out: on this machine, in processes as a job array has them, on Dask, and on a real SLURM.

Everywhere the same bytes as by plain `dvc repro`, which then runs no fit.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dask_processes import dask_processes, wait_until
from project import ROOT, copy_project, parameters, run, spikebridge_run
from slurm import slurm

pytestmark = pytest.mark.slow
MODELS: dict[str, Any] = {
    "seq2seq": {"max_epochs": 2, "hidden_size": 8, "batch_size": 64, "n_readout_trees": 10, "n_members": 1},
    "majority": {},
}
RESULTS = (
    "runs/tune/seq2seq/best.json",
    "runs/tune/seq2seq/trials.csv",
    "runs/train/seq2seq/predictions.parquet",
    "runs/train/seq2seq/model/model.json",
    "runs/nested_models/decoding.json",
    "reports/evaluation/metrics.json",
    "reports/evaluation/comparisons.csv",
)
TAKEN = re.compile(r"(\d+) of (\d+) results taken")
N_JOBS = 2 * (3 + 3) + 1 + 2 + 4
"""Of two models: three studies and fits; one fold of the analysis; two of decisions, four of target spikes."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project up to its windows and folds."""
    analysis = {"n_folds": 1, "max_epochs": 1, "analyses": ["direction"]}
    made = parameters(ROOT / "params.yaml", models=MODELS, analysis=analysis)
    project = copy_project(tmp_path_factory.mktemp("prepared"), made)
    spikebridge_run(project, "split", "model_code")
    return project


@pytest.fixture(scope="module")
def plain(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run without fan-out makes."""
    project = copied(prepared, tmp_path_factory.mktemp("plain") / "project")
    assert not TAKEN.search(spikebridge_run(project, "evaluate").stdout)
    assert not (project / "runs" / "jobs").exists()
    return project


def copied(project: Path, target: Path, **compute: Any) -> Path:
    shutil.copytree(project, target, symlinks=True)
    params = yaml.safe_load((target / "params.yaml").read_text())
    params["compute"] |= compute
    (target / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return target


def spikebridge(project: Path, *words: str, check: bool = True) -> Any:
    return run(project, sys.executable, "-m", "spikebridge.cli", *words, check=check)


def begun(project: Path) -> int:
    """How often a job of a fan-out began."""
    logs = [path.read_text() for path in (project / "runs" / "jobs" / "logs").rglob("*.log")]
    return sum(len(re.findall(r": begins on ", log)) for log in logs)


def check_collected(project: Path, plain: Path) -> None:
    """DVC runs no fit, and its results are those of the plain run."""
    done = spikebridge_run(project, "evaluate")
    taken = TAKEN.findall(done.stdout + done.stderr)
    assert taken
    assert all(stored == jobs for stored, jobs in taken), taken
    assert begun(project) == N_JOBS
    for name in RESULTS:
        assert (project / name).read_bytes() == (plain / name).read_bytes(), name


def test_on_this_machine(prepared: Path, plain: Path, tmp_path: Path) -> None:
    project = copied(prepared, tmp_path / "project", workers=2)
    done = spikebridge(project, "fan-out")
    assert "All jobs have a stored result. Next: dvc repro" in done.stderr
    assert begun(project) == N_JOBS
    check_collected(project, plain)
    again = spikebridge(project, "fan-out")
    assert begun(project) == N_JOBS
    assert "All jobs have a stored result" in again.stderr
    assert "0 jobs of unfinished stages" in spikebridge(project, "fan-out", "--prune").stderr
    assert not list((project / "runs" / "jobs" / "results").iterdir())


def test_processes_of_an_array_and_dask_workers(prepared: Path, plain: Path, tmp_path: Path) -> None:
    """One array, and the first task of another, as SLURM would run them; all other jobs on Dask workers."""
    pytest.importorskip("distributed")
    (tmp_path / "dask").mkdir()
    with dask_processes(tmp_path / "dask", 2) as dask:
        project = copied(prepared, tmp_path / "project", engine="dask", scheduler=os.fspath(dask.file))
        done = spikebridge(project, "fan-out", "--slurm", "--max-array", "4")
        manifests = sorted((project / "runs" / "jobs" / "slurm").rglob("*.json"))
        assert [len(json.loads(path.read_text())["jobs"]) for path in manifests] == [4, 2]
        assert done.stdout.count("sbatch --parsable") == 2
        assert "--dependency=afterok:$array1:$array2" in done.stdout
        check_refusals(project, manifests[0])
        for manifest, index in ((manifests[0], 0), (manifests[1], 0), (manifests[1], 1)):
            spikebridge(project, "work", str(manifest), "--index", str(index))
        assert "its result is stored" in spikebridge(project, "work", str(manifests[0]), "--index", "0").stderr
        rows = spikebridge(project, "fan-out", "--status").stdout.splitlines()
        (whole,) = [re.findall(r"\d+", row) for row in rows if " all " in row]
        assert whole == ["3", "0", "3", "0"]
        spikebridge(project, "fan-out")
        check_collected(project, plain)


def check_refusals(project: Path, manifest: Path) -> None:
    """A manifest is of the project as it was listed."""
    params = project / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("hidden_size: 8", "hidden_size: 9"))
    refused = spikebridge(project, "work", str(manifest), "--index", "0", check=False)
    params.write_text(before)
    assert refused.returncode == 2
    assert "tune@seq2seq, fold 0: parameters or data changed after it was listed" in refused.stderr
    refused = spikebridge(project, "work", str(manifest), "--index", "4", check=False)
    assert refused.returncode == 2
    assert "has the jobs 0 to 3, got 4" in refused.stderr


@pytest.fixture(scope="module")
def slurm_configuration() -> Iterator[Path]:
    with slurm() as made:
        yield made


def test_job_arrays_of_slurm(
    prepared: Path, plain: Path, tmp_path: Path, slurm_configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command submits the first wave; each wave submits the next one."""
    monkeypatch.setenv("SLURM_CONF", str(slurm_configuration))
    project = copied(prepared, tmp_path / "project")
    spikebridge(project, "fan-out", "--slurm", "--submit", "--max-array", "5")
    wait_until(lambda: not run(project, "squeue", "--noheader").stdout.strip())
    check_collected(project, plain)
