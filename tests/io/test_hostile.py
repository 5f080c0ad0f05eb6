"""Inputs that are broken or mean harm: one clear line each, from inspect and from ingest, and this process lives on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hostile import Make, good_nwb, good_tables, hostile_inputs
from project import ROOT

from spikebridge import config, io
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.inspection import inspect
from spikebridge.io.child_process import run_in_child_process
from spikebridge.io.limits import Bounds, LimitsConfig

pytestmark = [pytest.mark.slow, pytest.mark.child_process]

linux = pytest.mark.skipif(sys.platform != "linux", reason="reading is done in a child process on Linux alone")
SLOW = {"mat_nested_cells", "cellexplorer_nested_cells", "mat_many_small", "mat_73_cell_of_cells", "npz_many_members",
        "hundred_thousand_files", "hdf5_many_objects", "csv_many_columns", "parquet_bomb"}  # fmt: skip
CAUSES = {"hundred_thousand_files": "holds more than 100000 files and folders"}
"""What the line must name, where a time limit could be named instead."""
INPUTS = [pytest.param(m, id=n, marks=[pytest.mark.slow] if n in SLOW else []) for n, m in hostile_inputs()]


def settings(path: Path, **data: Any) -> config.Config:
    given = {"path": str(path), "source": ["HC"], "target": ["PFC"], **data}
    return config.parse({"data": given, "models": {}, "compute": {"workers": 1}})


@linux
@pytest.mark.parametrize("make", INPUTS)
def test_one_clear_line(make: Make, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in")
    for work in (lambda: inspect(path), lambda: io.ingest(io.IngestSections.of(settings(path)), tmp_path / "out")):
        try:
            work()
        except SpikebridgeError as error:
            assert 0 < len(str(error).splitlines()[0]) < 1000
            assert CAUSES.get(request.node.callspec.id, "") in str(error)


@linux
def test_a_link_to_a_file_elsewhere_is_one_rule_for_inspect_and_ingest(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    path = good_nwb(tmp_path / "here" / "a.nwb")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = np.arange(6)
    with h5py.File(path, "a") as file:
        file["units/extra"] = h5py.ExternalLink(str(tmp_path / "b.h5"), "/x")
    for work in (lambda: inspect(path), lambda: io.ingest(io.IngestSections.of(settings(path)), tmp_path / "out")):
        with pytest.raises(DataError, match=r"/units/extra lies in another file.*data.follow_links: true"):
            work()
    assert io.ingest(io.IngestSections.of(settings(path, follow_links=True)), tmp_path / "out2") == ["a"]


@linux
def test_links_to_raw_traces_stop_nothing(tmp_path: Path) -> None:
    path = good_nwb(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        file.require_group("acquisition")["raw"] = h5py.ExternalLink("/dev/zero", "/y")
    assert io.ingest(io.IngestSections.of(settings(path)), tmp_path / "out") == ["a"]
    assert len(io.load_ingested(tmp_path / "out" / "a").spikes) == 6 * 900


def test_links_of_dvc_and_git_annex_are_followed_and_others_refused(tmp_path: Path) -> None:
    for cache in (".dvc/cache/files/md5/ab", ".git/annex/objects/ab", "elsewhere"):
        project = tmp_path / cache.split("/")[0].strip(".")
        made = good_tables(project / cache / "made")
        recording = project / "data" / "rec"
        recording.mkdir(parents=True)
        for file in made.iterdir():
            (recording / file.name).symlink_to(file)
        if cache == "elsewhere":
            with pytest.raises(DataError, match=r"data\.follow_links: true"):
                io.ingest(io.IngestSections.of(settings(project / "data")), tmp_path / "out3")
        else:
            assert io.ingest(io.IngestSections.of(settings(project / "data")), tmp_path / f"out{len(cache)}") == ["rec"]


@linux
def test_a_dead_a_swollen_and_an_endless_child(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"died of it \(SIGSEGV\)"):
        run_in_child_process(lambda: os.kill(os.getpid(), 11), tmp_path, Bounds())
    with pytest.raises(DataError, match=r"raise data.limits: \{max_bytes: 1000000000\}"):
        run_in_child_process(lambda: np.ones(10**9), tmp_path, Bounds(LimitsConfig(max_bytes=10**8)))
    began = time.monotonic()
    with pytest.raises(DataError, match=r"max_seconds: 10\}"):
        run_in_child_process(lambda: [0 for _ in iter(int, 1)], tmp_path, Bounds(LimitsConfig(max_seconds=1)))
    assert time.monotonic() > began
    result = run_in_child_process(lambda: {"a": np.arange(10**6), "b": "text"}, tmp_path, Bounds())
    assert result["b"] == "text" and np.array_equal(result["a"], np.arange(10**6))


@pytest.mark.parametrize("home", ["/nonexistent", "below a file"])
def test_nwb_is_read_where_no_cache_can_be_made(tmp_path: Path, home: str) -> None:
    path = good_nwb(tmp_path / "a.nwb")
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "home") if home != "/nonexistent" else "/proc/nonexistent"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
    done = subprocess.run(
        [sys.executable, "-m", "spikebridge.cli", "inspect", str(path)],
        env=kept | {"HOME": place, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "5400 spikes" in done.stdout or "5,400" in done.stdout or "5400" in done.stdout
