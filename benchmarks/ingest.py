"""Ingest of many recordings: does time grow in step with their number, are all cores used, does memory stay?

    python benchmarks/ingest.py

writes benchmarks/results/ingest.csv and ingest.md. Every row is a process of its own that reads `recordings` simulated
NWB files of one size with `workers` processes. Seconds and the speed against one worker come from one run of this
script. Memory is resident memory, sampled every 10 ms: of the largest process, and of all together (in which libraries
that processes share are counted more than once).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from spikebridge import config
from spikebridge.config import SimulateConfig
from spikebridge.io import IngestSections, ingest
from spikebridge.simulate import simulate_session, write_nwb

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("recordings", "workers", "seconds", "seconds_per_recording", "speedup", "peak_MB_largest", "peak_MB_all")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recordings", type=int, nargs="+", default=[10, 25, 50, 100])
    parser.add_argument("--trials", type=int, default=110, help="length of each recording")
    parser.add_argument("--workers", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "WORKERS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        ingest_folder(Path(options.one[0]), int(options.one[1]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        table = measure(Path(scratch), options.recordings, options.workers, options.trials)
    report(table, options.out)


def measure(scratch: Path, numbers: Sequence[int], workers: Sequence[int], trials: int) -> pd.DataFrame:
    """One row a number of recordings and workers."""
    sources = simulated(scratch / "made", trials)
    rows = []
    for n in sorted(numbers):
        folder = scratch / f"{n}"
        folder.mkdir()
        for i in range(n):  # copies would be refused as twins: every recording has spikes of its own
            shutil.copy(sources[0], folder / f"r{i:03}.nwb")
            shuffle(folder / f"r{i:03}.nwb", i)
        alone = None
        for count in sorted(workers):
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(folder), str(count)], capture_output=True, text=True, check=True
            )
            measured = json.loads(done.stdout.splitlines()[-1])
            alone = measured["seconds"] if count == 1 else alone
            speedup = alone / measured["seconds"] if alone else float("nan")
            rows.append((n, count, measured["seconds"], measured["seconds"] / n, speedup, *measured["peak_MB"]))
    return pd.DataFrame(rows, columns=list(COLUMNS)).round(3)


def simulated(folder: Path, trials: int) -> list[Path]:
    folder.mkdir()
    path = folder / "r.nwb"
    write_nwb(simulate_session(SimulateConfig(n_trials=trials), np.random.default_rng(0), "r", "rat"), path)
    return [path]


def shuffle(path: Path, number: int) -> None:
    """Put every unit's intervals between spikes in another order: another recording of the same size."""
    import h5py

    rng = np.random.default_rng(number)
    with h5py.File(path, "r+") as handle:
        trains = np.split(handle["units/spike_times"][:], handle["units/spike_times_index"][:-1])
        moved = [t[:1] + np.concatenate([[0.0], np.cumsum(rng.permutation(np.diff(t)))]) for t in trains]
        handle["units/spike_times"][:] = np.concatenate(moved)


def ingest_folder(folder: Path, workers: int) -> None:
    """Ingest a folder once, in this process and its workers; time and memory as one line of JSON."""
    settings = config.parse(
        {
            "data": {"path": str(folder), "source": ["HC"], "target": ["PFC"]},
            "models": {"majority": {}},
            "compute": {"workers": workers},
        }
    )
    peak, done = [0.0, 0.0], threading.Event()
    watcher = threading.Thread(target=watch, args=(peak, done))
    watcher.start()
    try:
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            ingest(IngestSections.of(settings), Path(out) / "ingested")
            seconds = time.perf_counter() - start
    finally:
        done.set()
        watcher.join()
    print(json.dumps({"seconds": seconds, "peak_MB": peak}))


def watch(peak: list[float], done: threading.Event) -> None:
    """Keep the largest resident memory seen, MB: of one process, and of this one and its children together."""
    me = psutil.Process()
    while not done.wait(0.01):
        sizes = []
        for process in [me, *me.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                sizes.append(process.memory_info().rss / 2**20)
        peak[:] = [max(peak[0], *sizes), max(peak[1], sum(sizes))]


def report(table: pd.DataFrame, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "ingest.csv", index=False, lineterminator="\n")
    lines = [
        "# Ingest of many recordings",
        "",
        "`python benchmarks/ingest.py`",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores. Simulated NWB files, the default size.",
        "",
        "| " + " | ".join(table.columns) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(f"{v:g}" for v in row) + " |" for row in table.itertuples(index=False)),
    ]
    (out / "ingest.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
