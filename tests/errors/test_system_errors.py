"""A full disk, a missing permission, no memory: one line that names the folder, exit code 2, nothing half-written."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import sqlalchemy
from command_line import called
from project import environment
from safetensors import SafetensorError

from spikebridge import cli
from spikebridge.cli import model_commands
from spikebridge.cli.model_commands import write_predictions
from spikebridge.errors import DataError
from spikebridge.errors.system_errors import explain
from spikebridge.runtime.stage import output

PLACE = "out/table.csv"
HDF5 = (
    "Can't decrement id ref count (file write failed: time = Sat\n, filename = 'a.nwb', file descriptor = 4, "
    "errno = 28, error message = 'No space left on device')"
)


def of_sql(text: str) -> Exception:
    return sqlalchemy.exc.OperationalError("insert", {}, sqlite3.OperationalError(text))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", PLACE), f"no space left to write {PLACE}"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", PLACE), f"quota of this user is used up to write {PLACE}"),
        (OSError(errno.EFBIG, "File too large", PLACE), f"{PLACE} would be larger than the disk or the process limit"),
        (OSError(errno.EROFS, "Read-only file system", PLACE), f"{PLACE} cannot be written: its disk or database is"),
        (OSError(errno.EMFILE, "Too many open files", PLACE), "too many open files"),
        (OSError(errno.EIO, "Input/output error", PLACE), f"{PLACE}: the disk failed"),
        (OSError("4096 requested and 12 written"), "no space left to write somewhere"),
        (
            OSError("Unable to open (name = 'x.h5', errno = 28, error message = 'No space')"),
            "no space left to write x.h5",
        ),
        (RuntimeError(HDF5), "no space left to write a.nwb"),
        (sqlite3.OperationalError("database or disk is full"), "no space left to write somewhere"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "somewhere cannot be written"),
        (sqlite3.OperationalError("database is locked"), "somewhere is in use by another process"),
        (of_sql("database or disk is full"), "no space left to write somewhere"),
        (of_sql("unable to open database file"), "somewhere cannot be written"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "no space left"),
        (MemoryError(), "not enough memory for somewhere. Set compute.workers: 1"),
        (BrokenProcessPool("terminated abruptly"), "a worker process was ended from outside"),
    ],
)
def test_one_line_for_every_form(error: Exception, message: str) -> None:
    line = explain(error, Path("somewhere"))
    assert line is not None and message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        ValueError("no space left on device"),
        KeyError("permission denied"),
        FileNotFoundError(errno.ENOENT, "No such file", PLACE),
        FileExistsError(errno.EEXIST, "File exists", "."),
        sqlite3.DatabaseError("database disk image is malformed"),
        of_sql("no such table: studies"),
        DataError("a.csv: permission denied"),
    ],
)
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    assert explain(error, Path("somewhere")) is None


def test_the_cause_counts_and_a_bystander_does_not() -> None:
    full = OSError(errno.ENOSPC, "No space left", PLACE)
    wrapped, beside = RuntimeError("while saving"), RuntimeError("a defect")
    wrapped.__cause__, beside.__context__ = full, full
    assert explain(wrapped) == explain(full)
    assert explain(beside) is None


def test_how_much_is_free_and_needed(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"x" * 300_000)
    line = explain(OSError(errno.ENOSPC, "full"), tmp_path / "out", 5_000_000)
    assert line is not None
    assert "are free there; more than 5.0 MB are needed; the last result took 0.3 MB). Free some space" in line


LIMITED = """
import resource, sys
sys.path.insert(0, {src!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
import numpy as np, pandas as pd, h5py, sqlite3
from pathlib import Path
from safetensors.numpy import save_file
from spikebridge.runtime.stage import output, stage_main

data = np.arange(100_000)
ways = {{
    "text": lambda p: p.write_text("x" * 10_000),
    "npy": lambda p: np.save(p.open("wb"), data),
    "npz": lambda p: np.savez(p.open("wb"), data=data),
    "parquet": lambda p: pd.DataFrame({{"a": data}}).to_parquet(p),
    "csv": lambda p: pd.DataFrame({{"a": data}}).to_csv(p),
    "safetensors": lambda p: save_file({{"a": data}}, p),
    "hdf5": lambda p: h5py.File(p, "w").create_dataset("a", data=data) and None,
    "sqlite": lambda p: sqlite3.connect(p).execute("create table a (b)"),
}}

def run(arguments):
    with output(Path("result") / arguments[0]) as path:
        ways[arguments[0]](path)

stage_main(run)
"""


@pytest.mark.parametrize("way", ["text", "npy", "npz", "parquet", "csv", "safetensors", "sqlite"])
@pytest.mark.quick_cases(2)
def test_a_stage_on_a_disk_that_is_too_small(tmp_path: Path, way: str) -> None:
    """A limit on the size of files stands for the disk: libraries meet the same error of the system."""
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / way).write_text("the last result")
    (tmp_path / "write.py").write_text(LIMITED.format(src=str(Path(cli.__file__).parents[2])))
    done = subprocess.run(
        [sys.executable, "write.py", way], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"write@{way}: ") and done.stderr.count("\n") == 1
    assert f"result/{way}" in done.stderr or f".{way}.partial" in done.stderr
    assert "ulimit -f" in done.stderr
    assert [p.name for p in (tmp_path / "result").iterdir()] == [way]
    assert (tmp_path / "result" / way).read_text() == "the last result"


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a note")
    with pytest.raises(OSError) as caught, output(tmp_path / "runs" / "train" / "dnn"):
        pass
    line = explain(caught.value)
    assert line == f"{tmp_path}/runs is a file where a folder is expected. Move it away"


UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def test_a_folder_without_permission_and_a_home_that_is_not_there(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, {src!r})
from pathlib import Path
from spikebridge.runtime.stage import output, stage_main

def run(_):
    with output(Path("closed") / "deep" / "table.csv") as path:
        path.write_text("x")

stage_main(run)
"""
    (tmp_path / "write.py").write_text(script.format(src=str(Path(cli.__file__).parents[2])))
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    probe = subprocess.run([*UNPRIVILEGED, "touch", str(tmp_path / "closed" / "x")], capture_output=True, check=False)
    if probe.returncode == 0 or not os.access("/bin/sh", os.X_OK):
        pytest.skip("this user may write everywhere")
    env = environment(tmp_path) | {"HOME": "/nonexistent"}
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "write.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    (tmp_path / "closed").chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"write: closed/deep cannot be written: this user may not write to {tmp_path}/closed. Give this user "
        "permission (chmod u+w), or use another folder\n"
    )


def test_the_command_line_says_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_commands, "predict", full)
    code, out, err = called(capsys)("predict", "model", "counts.npy", "--out", "said.csv")
    assert (code, out) == (2, "")
    assert err.startswith("spikebridge predict: no space left to write said.csv (") and err.count("\n") == 1


def test_a_written_prediction_is_whole_or_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "said.npy"
    target.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(Exception, match=r"said\.npy would be larger"):
            write_predictions(np.zeros((100, 50)), target, ())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert target.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["said.npy"]
    write_predictions(np.zeros((2, 2)), tmp_path / "said.csv", ("a", "b"))
    assert list(pd.read_csv(tmp_path / "said.csv").columns) == ["trial", "p_a", "p_b"]


def test_what_is_no_file_stays_what_it_is(tmp_path: Path) -> None:
    """`--out` to a pipe or a device must not put a file in its place."""
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE, text=True)
    write_predictions(np.zeros((1, 2)), tmp_path / "pipe", ("a", "b"))
    assert reader.communicate(timeout=20)[0] == "trial,p_a,p_b\n0,0.0,0.0\n"
    assert (tmp_path / "pipe").is_fifo()
    if Path("/dev/full").exists():
        with pytest.raises(OSError) as caught:
            write_predictions(np.zeros((1, 2)), Path("/dev/full"), ())
        line = explain(caught.value, Path("/dev/full"))
        assert line is not None and line.startswith("no space left to write /dev/full")


def test_hdf5_errors_carry_the_number_as_words(tmp_path: Path) -> None:
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(OSError) as caught:
        h5py.File(tmp_path / "folder.h5", "w")
    line = explain(caught.value)
    assert line == f"{tmp_path}/folder.h5 is a folder where a file is expected. Move it away"
