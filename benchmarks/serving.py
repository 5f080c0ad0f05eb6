"""How long is one request? Latency and throughput of `predict`, called in Python and over HTTP.

    python benchmarks/serving.py models:/spikebridge@champion     # in the folder of a finished project, two minutes
    python benchmarks/serving.py runs/train/seq2seq/model         # any saved model, without a server

writes benchmarks/results/serving.md and serving.csv. Counts are Poisson with two spikes per unit and second, drawn from
one seed. The first call is left out; medians and 95th percentiles are of the calls after it. A server is measured where
the model is a registered one: `mlflow models serve` on this machine, one request at a time over a new connection each.
One thread (OMP_NUM_THREADS=1). Other work on the machine makes every number worse; the page says how busy it was.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import spikebridge
from common import RESULTS, markdown
from spikebridge import models
from spikebridge.tracking import tracking_uri

SIZES = (1, 10, 100)
OUTPUTS = ("label", "target_rates")
RATE_HZ = 2.0
START_S = 120.0


def calls(predict: Callable[[], Any], n: int) -> list[float]:
    """Seconds of each of n calls, after one that is not counted."""
    predict()
    seconds = []
    for _ in range(n):
        begun = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - begun)
    return seconds


def row(where: str, output: str, trials: int, seconds: list[float]) -> dict[str, Any]:
    """A row of the table: milliseconds of a call, trials per second at its median."""
    median, high = np.percentile(seconds, [50, 95])
    return {
        "called": where, "output": output, "trials": trials, "calls": len(seconds), "median_ms": 1000 * median,
        "p95_ms": 1000 * high, "trials_per_s": trials / median,
    }  # fmt: skip


def requester(port: int, counts: Any, params: dict[str, str]) -> Callable[[], Any]:
    """A function that sends the same request each time, and returns the predictions."""
    body = json.dumps({"inputs": counts.tolist(), "params": params}).encode()
    address, kind = f"http://127.0.0.1:{port}/invocations", {"Content-Type": "application/json"}

    def send() -> Any:
        with urllib.request.urlopen(urllib.request.Request(address, body, kind), timeout=60) as answer:
            return json.load(answer)["predictions"]

    return send


@contextmanager
def served(uri: str) -> Iterator[int]:
    """The port of a server with this registered model; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = ["-m", uri, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "MLFLOW_TRACKING_URI": tracking_uri(), "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", *words], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ends = time.monotonic() + START_S
        while not _answers(f"http://127.0.0.1:{port}/ping"):
            if server.poll() is not None or time.monotonic() > ends:
                raise SystemExit(f"mlflow models serve of {uri} did not start")
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def measure(uri: str, n: int) -> pd.DataFrame:
    """The `row`s of a model. n: calls of each case."""
    model = spikebridge.load(uri)
    name, units = next(iter(model.recordings.items()))
    rng = np.random.default_rng(0)
    shape = model.n_bins, len(units["source_units"])
    counts = {size: rng.poisson(RATE_HZ * model.bin_s, (size, *shape)) for size in SIZES}
    has = [output for output in OUTPUTS if output == "label" or models.get_class(model.name).translates]
    cases = [(output, size) for output in has for size in SIZES]
    rows = [
        row("predict", o, size, calls(lambda o=o, size=size: model.predict(counts[size], o, name), n))
        for o, size in cases
    ]
    if uri.startswith("models:/"):
        with served(uri) as port:
            for o, size in cases:
                send = requester(port, counts[size], {"output": o, "recording": name})
                rows.append(row("HTTP", o, size, calls(send, n)))
    table = pd.DataFrame(rows)
    table.insert(0, "window", f"{shape[0]} bins x {shape[1]} units")
    table.insert(0, "model", model.name)
    return table


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="*", default=["models:/spikebridge@champion"])
    parser.add_argument("--calls", type=int, default=50)
    arguments = parser.parse_args()
    table = pd.concat([measure(uri, arguments.calls) for uri in arguments.model], ignore_index=True)
    table.to_csv(RESULTS / "serving.csv", index=False, float_format="%.4g")
    load = os.getloadavg()[1] / (os.cpu_count() or 1)
    about = f"One thread. Other and own work per core in the last five minutes: {load:.1f} (1: no waiting)."
    lines = [
        "# Serving",
        "",
        "`python benchmarks/serving.py`, milliseconds of a call.",
        about,
        "",
        *markdown(table),
    ]
    text = "\n".join(lines) + "\n"
    (RESULTS / "serving.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
