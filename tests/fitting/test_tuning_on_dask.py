"""Studies on Dask workers: killed workers and killed runs lose no finished trial and change no result."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from dask_processes import CODE, dask_processes, wait_until
from studies import small_config

from spikebridge.config import ComputeConfig, Config
from spikebridge.fitting import tuning

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
MODEL = "dnn"


def config(compute: ComputeConfig | None = None) -> Config:
    settings = small_config(
        tune={"n_trials": 6, "n_startup_trials": 2}, models={MODEL: {"max_epochs": 6, "hidden_size": 16}}
    )
    return settings if compute is None else settings.model_copy(update={"compute": compute})


def tune(study: Path, settings: Config, folder: Path) -> None:
    places = study / "windows", study / "splits.json", folder / "work", folder / "out"
    tuning.tune(tuning.TuningSections.of(settings), MODEL, *places)


def results(folder: Path) -> list[bytes]:
    return [(folder / "out" / name).read_bytes() for name in ("best.json", "trials.csv")]


@pytest.fixture(scope="module")
def calm(study: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What one machine finds without a disturbance."""
    folder = tmp_path_factory.mktemp("calm")
    tune(study, config(), folder)
    return results(folder)


def finished_trials(folder: Path) -> int:
    """How many trials the unfinished studies hold."""
    import sqlite3

    total = 0
    for path in (folder / "work").rglob("*.db"):
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                total += database.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
        except sqlite3.Error:
            continue
    return total


def test_a_killed_worker_changes_no_result(
    study: Path, tmp_path: Path, calm: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with dask_processes(tmp_path, 2) as made:

        def kill() -> None:
            wait_until(lambda: finished_trials(tmp_path) >= 3)
            made.workers[0].send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        tune(study, config(made.compute.model_copy(update={"device": "cpu"})), tmp_path)
        killer.join()
        assert made.workers[0].wait() == -signal.SIGKILL
    assert results(tmp_path) == calm


CLIENT = """
import pickle
import sys
from pathlib import Path
from spikebridge.fitting import tuning

if __name__ == "__main__":
    sections, arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
    tuning.tune(sections, *arguments)
"""


@pytest.mark.parametrize("killed", ["client", "scheduler"])
def test_the_next_run_goes_on(study: Path, tmp_path: Path, calm: list[bytes], killed: str) -> None:
    """On whatever engine: here the first run is on Dask and the second on this machine."""
    (tmp_path / "client.py").write_text(CLIENT)
    with dask_processes(tmp_path, 2) as made:
        settings = config(made.compute.model_copy(update={"device": "cpu"}))
        places = study / "windows", study / "splits.json", tmp_path / "work", tmp_path / "out"
        content: Any = (tuning.TuningSections.of(settings), (MODEL, *places))
        (tmp_path / "call").write_bytes(pickle.dumps(content))
        command = [sys.executable, "client.py", "call"]
        client = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": CODE}, stderr=subprocess.PIPE)
        wait_until(lambda: finished_trials(tmp_path) >= 3)
        (client if killed == "client" else made.scheduler).kill()
        _, printed = client.communicate(timeout=60)
        if killed == "scheduler":
            assert b"SpikebridgeError: the connection to the scheduler" in printed
    stored = finished_trials(tmp_path)
    assert 3 <= stored < 18
    assert not (tmp_path / "out").exists()
    tune(study, config(), tmp_path)
    assert results(tmp_path) == calm
