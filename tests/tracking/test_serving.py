"""`mlflow models serve`, as docs/saved-models.md has it: a real server on this machine, and the request of the page."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pytest
from browser import free_port, wait_for_server
from import_graph import ROOT

import spikebridge

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs" / "saved-models.md").read_text(encoding="utf-8")


def times(folder: Path) -> dict[str, int]:
    """Every file below a folder, and when it was written."""
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def before(finished: Path) -> dict[str, int]:
    """The files of the project before a server read them."""
    return times(finished)


@pytest.fixture(scope="module")
def port(finished: Path, before: dict[str, int]) -> Iterator[int]:
    """Of the server that the page starts, for the version that the fake project registered."""
    (command,) = re.findall(r"^mlflow models serve -m .*$", PAGE, re.MULTILINE)
    free = free_port()
    words = command.replace("5001", str(free)).split()
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{finished}/mlruns/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        # `mlflow models serve` starts uvicorn by its name
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=finished, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for_server(f"http://127.0.0.1:{free}/ping")
        yield free
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_the_request_of_the_page_works(
    finished: Path, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    (code,) = re.findall(r"```python\n(import json.*?)```", PAGE, re.DOTALL)
    exec(compile(code.replace("5001", str(port)), "docs/saved-models.md", "exec"), {})
    printed = json.loads(capsys.readouterr().out)
    model = spikebridge.load("models:/spikebridge@champion")
    name, units = next(iter(model.recordings.items()))
    counts = np.zeros((2, model.n_bins, len(units["source_units"])))
    assert printed == pytest.approx(model.predict(counts, "probabilities", name))


def test_serving_writes_in_the_store_alone(finished: Path, before: dict[str, int], port: int) -> None:
    """The recipe for a container mounts the project read-only, and mlruns as it is."""
    changed = {name for name, time in times(finished).items() if before.get(name) != time}
    assert {name.split("/")[0] for name in changed} <= {"mlruns"}
    assert '-v "$PWD:$PWD:ro" -v "$PWD/mlruns:$PWD/mlruns"' in PAGE


def test_a_wrong_request_is_answered_with_the_line_of_predict(port: int) -> None:
    body: dict[str, Any] = {"inputs": np.zeros((1, fake_project.N_BINS, 6), int).tolist()}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code == 400
    assert "6 units in axis 2, but no recording has" in json.load(caught.value)["stack_trace"]
