"""The same pipeline on one machine and on Dask workers: the same bytes, and no stage that runs again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from dask_processes import dask_processes
from project import ROOT, copy_project, dvc, parameters

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
MODELS: dict[str, Any] = {
    "seq2seq": {"max_epochs": 2, "hidden_size": 8, "batch_size": 64, "n_readout_trees": 10, "n_members": 1},
    "majority": {},
}
RESULTS = (
    "data/splits.json",
    "runs/tune/seq2seq/trials.csv",
    "runs/train/seq2seq/predictions.parquet",
    "runs/train/seq2seq/translation.parquet",
    "reports/evaluation/metrics.json",
    "reports/evaluation/comparisons.csv",
)


def finished(folder: Path, compute: dict[str, Any]) -> Path:
    """A project that ran to the end of evaluate."""
    analysis = {"n_folds": 1, "max_epochs": 1, "analyses": ["direction"]}
    project = copy_project(folder, parameters(ROOT / "params.yaml", models=MODELS, compute=compute, analysis=analysis))
    dvc(project, "repro", "evaluate")
    return project


def test_results_are_those_of_one_machine(tmp_path: Path) -> None:
    (tmp_path / "dask").mkdir()
    here = finished(tmp_path / "here", {"workers": 1})
    with dask_processes(tmp_path / "dask", 2) as dask:
        settings = {"engine": "dask", "scheduler": os.fspath(dask.file)}
        there = finished(tmp_path / "there", settings)
        for name in RESULTS:
            assert (there / name).read_bytes() == (here / name).read_bytes(), name
        assert not (here / "runs" / "cluster").exists()
        assert (there / "runs" / "cluster").is_dir()
        params = yaml.safe_load((here / "params.yaml").read_text())
        params["compute"] |= settings
        (here / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        assert "up to date" in dvc(here, "repro", "--dry", "evaluate").stdout
