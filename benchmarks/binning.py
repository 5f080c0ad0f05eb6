"""Spikes -> counts: spikebridge against pynapple and numpy.histogram, on the same simulated spikes in one run.

    python benchmarks/binning.py                                # an hour of 1,000 units at 10 Hz in bins of 20 ms
    python benchmarks/binning.py --units 50 --seconds 60        # a quick look

Every measurement is a process of its own, and the tools take turns, so that a busy machine slows all of them alike.
Time is that of the call alone: spikes in memory in the form the tool wants, compiled and warmed up on a small case.
Memory is the highest resident memory of the process during the call above what it held after its imports, so it counts
the spikes, the result and everything in between; it is divided by the bytes of spikes and result. All tools must give
the same counts.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SAMPLES_PER_S = 30_000
WINDOW_S = 2.0
RESULTS = Path(__file__).parent / "results"
PEER = "pynapple"
Array = NDArray[Any]
Task = tuple[Array, Array, argparse.Namespace]


# --- the tools: each a function that makes its input, and one that counts ---------------------------------------------


def as_table(task: Task) -> Task:
    return task


def as_trains(task: Task) -> tuple[list[Array], argparse.Namespace]:
    times, units, a = task
    return [part.copy() for part in np.split(times, np.searchsorted(units, np.arange(1, a.units)))], a


def as_group(task: Task) -> tuple[Any, argparse.Namespace]:
    nap = importlib.import_module("pynapple")
    trains, a = as_trains(task)
    support = nap.IntervalSet(0.0, a.seconds)
    return nap.TsGroup({k: nap.Ts(t, time_support=support) for k, t in enumerate(trains)}, time_support=support), a


def spikebridge_trains(given: tuple[list[Array], argparse.Namespace]) -> Array:
    trains, a = given
    binning = importlib.import_module("spikebridge.preprocess.binning")
    return binning.bin_trains(trains, np.zeros(1), round(a.seconds / a.bin_s), a.bin_s)


def spikebridge_table(given: Task) -> Array:
    times, units, a = given
    binning = importlib.import_module("spikebridge.preprocess.binning")
    return binning.bin_windows(times, units, a.units, np.zeros(1), round(a.seconds / a.bin_s), a.bin_s)


def spikebridge_windows(given: Task) -> Array:
    times, units, a = given
    binning = importlib.import_module("spikebridge.preprocess.binning")
    starts = np.arange(round(a.seconds / WINDOW_S)) * WINDOW_S
    return binning.bin_windows(times, units, a.units, starts, round(WINDOW_S / a.bin_s), a.bin_s)


def pynapple_count(given: Any) -> Array:
    group, a = given
    return group.count(a.bin_s).d


def pynapple_count_uint8(given: Any) -> Array:
    group, a = given
    return group.count(a.bin_s, dtype=np.uint8).d


def numpy_histogram(given: Any) -> Array:
    trains, a = given
    n_bins = round(a.seconds / a.bin_s)
    counts = np.empty((n_bins, len(trains)), dtype=np.int64)
    for k, train in enumerate(trains):
        counts[:, k] = np.histogram(train, bins=n_bins, range=(0.0, a.seconds))[0]
    return counts


TOOLS: dict[str, tuple[str, Callable[[Task], Any], Callable[[Any], Array]]] = {
    "spikebridge": ("bin_trains, one window", as_trains, spikebridge_trains),
    "spikebridge, table": ("bin_windows, one window, from a table of spikes", as_table, spikebridge_table),
    "spikebridge, windows": (f"the same in back-to-back windows of {WINDOW_S:g} s", as_table, spikebridge_windows),
    "pynapple": ("TsGroup.count(bin)", as_group, pynapple_count),
    "pynapple, uint8": ("TsGroup.count(bin, dtype=uint8)", as_group, pynapple_count_uint8),
    "numpy": ("histogram(bins, range) per unit", as_trains, numpy_histogram),
}


# --- one measurement, in a process of its own -------------------------------------------------------------------------


def simulate(units: int, seconds: float, rate_hz: float, seed: int) -> tuple[Array, Array]:
    """Poisson spikes on the clock of an amplifier, by unit and time: (spike,) seconds and (spike,) units.

    Times lie half a sample off the clock's ticks, hence off the edges of bins, where tools may round in different ways.
    """
    rng = np.random.default_rng(seed)
    n = rng.poisson(rate_hz * seconds, units)
    ticks = [np.sort(rng.integers(0, int(seconds * SAMPLES_PER_S), k)) for k in n]
    return (np.concatenate(ticks) + 0.5) / SAMPLES_PER_S, np.repeat(np.arange(units), n)


def measure(tool: str, folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    """Seconds, bytes and a digest of the counts of one call."""
    _, prepare, count = TOOLS[tool]
    small = argparse.Namespace(**{**vars(a), "units": 2, "seconds": 4.0})
    count(prepare((*simulate(2, 4.0, a.rate_hz, 0), small)))  # imports, compiles
    before = memory("VmRSS")
    times, units = np.load(folder / "times.npy"), np.load(folder / "units.npy")
    spike_bytes = times.nbytes + (units.nbytes if prepare is as_table else 0)
    given = prepare((times, units, a))
    if prepare is not as_table:
        del times, units
    reset_peak()
    start, cpu = time.perf_counter(), time.process_time()
    counts = count(given)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = memory("VmHWM") - before
    plain = np.ascontiguousarray(counts.reshape(-1, a.units).astype(np.uint16))
    return {
        "tool": tool,
        "seconds": seconds,
        "cpu": cpu,
        "spike_bytes": spike_bytes,
        "count_bytes": counts.nbytes,
        "count_type": str(counts.dtype),
        "peak_bytes": peak,
        "digest": hashlib.sha256(plain.tobytes()).hexdigest(),
    }


def memory(key: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most. 0 where the system does not tell (only Linux does)."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), 0)


def reset_peak() -> None:
    """Let VmHWM begin anew, so that making the input does not count."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


# --- the whole comparison ---------------------------------------------------------------------------------------------


def compare(a: argparse.Namespace) -> pd.DataFrame:
    """One row a tool; see `table`. Raises SystemExit where two tools disagree about the counts."""
    times, units = simulate(a.units, a.seconds, a.rate_hz, a.seed)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "times.npy", times)
        np.save(folder / "units.npy", units)
        for turn in range(a.repeats):
            for tool in TOOLS:
                rows.append(in_process(tool, folder, a))
                print(f"{turn + 1}/{a.repeats} {tool}: {rows[-1]['seconds']:.3f} s", file=sys.stderr, flush=True)
    if len({row["digest"] for row in rows}) != 1:
        raise SystemExit("the tools disagree about the counts: " + str({r["tool"]: r["digest"][:8] for r in rows}))
    return table(pd.DataFrame(rows))


def in_process(tool: str, folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, *arguments(a), "--measure", tool, "--spikes", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def table(measured: pd.DataFrame) -> pd.DataFrame:
    """One row a tool: what it did, seconds, type of its counts, megabytes of spikes, counts and peak, and ratios.

    times_spikebridge: best time over the best of spikebridge; cpu_times_spikebridge: the same of the processor's time,
    which other work on the machine hardly changes. peak_ratio: the largest peak over bytes of spikes and
    counts, in the form in which the tool takes and gives them.
    """
    best, cpu = (measured.groupby("tool")[column].min() for column in ("seconds", "cpu"))
    rows = []
    for tool, runs in measured.groupby("tool", sort=False):
        size = int(runs["spike_bytes"].iloc[0] + runs["count_bytes"].iloc[0])
        rows.append(
            {
                "tool": tool,
                "what": TOOLS[str(tool)][0],
                "best_s": round(best[tool], 4),
                "median_s": round(runs["seconds"].median(), 4),
                "cpu_s": round(cpu[tool], 4),
                "times_spikebridge": round(best[tool] / best["spikebridge"], 2),
                "cpu_times_spikebridge": round(cpu[tool] / cpu["spikebridge"], 2),
                "count_type": runs["count_type"].iloc[0],
                "spikes_mb": round(runs["spike_bytes"].iloc[0] / 1e6, 1),
                "counts_mb": round(runs["count_bytes"].iloc[0] / 1e6, 1),
                "peak_mb": round(runs["peak_bytes"].max() / 1e6, 1),
                "peak_ratio": round(runs["peak_bytes"].max() / size, 3),
            }
        )
    return pd.DataFrame(rows)


def arguments(a: argparse.Namespace) -> list[str]:
    keys = ("units", "seconds", "rate_hz", "bin_s", "seed", "repeats")
    return [part for key in keys for part in (f"--{key.replace('_', '-')}", str(getattr(a, key)))]


def markdown(tool_rows: pd.DataFrame, a: argparse.Namespace) -> str:
    heads = list(tool_rows.columns)
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in tool_rows.itertuples(index=False)]
    versions = ", ".join(f"{p} {version(p)}" for p in ("spikebridge", "pynapple", "numpy", "numba"))
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return "\n".join(
        [
            "# Binning",
            "",
            f"{a.units:,} units at {a.rate_hz:g} Hz for {a.seconds:,.0f} s in bins of {1000 * a.bin_s:g} ms; "
            f"{a.repeats} turns, every call in a fresh process on one thread; all counts identical.",
            "",
            "| " + " | ".join(heads) + " |",
            "|" + " --- |" * len(heads),
            *lines,
            "",
            f"pynapple's `TsGroup.count` takes {ratio(tool_rows):.1f} times as long as spikebridge, best of each "
            f"({medians(tool_rows):.1f} times by the medians). Both are given one train of spikes a unit. The other "
            "rows of spikebridge start from a table of spikes, split by unit first, or cut windows: "
            "`times_spikebridge` says what that costs, so pynapple's ratio to them is smaller by that factor. "
            "`peak_ratio` is the highest resident memory above the imports, over the bytes of spikes and counts.",
            "",
            f"Made by `python benchmarks/binning.py {' '.join(arguments(a))}` with {versions}, "
            f"Python {platform.python_version()}, {os.cpu_count()} cores ({platform.machine()}){load}.",
            "",
        ]
    )


def ratio(tool_rows: pd.DataFrame) -> float:
    return float(tool_rows.set_index("tool")["times_spikebridge"][PEER])


def medians(tool_rows: pd.DataFrame) -> float:
    by_tool = tool_rows.set_index("tool")["median_s"]
    return float(by_tool[PEER] / by_tool["spikebridge"])


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--units", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate-hz", type=float, default=10.0)
    parser.add_argument("--bin-s", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--measure", choices=list(TOOLS), help=argparse.SUPPRESS)
    parser.add_argument("--spikes", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    a = parse(words)
    if a.measure:
        print(json.dumps(measure(a.measure, a.spikes, a)))
        return
    tool_rows = compare(a)
    a.out.mkdir(parents=True, exist_ok=True)
    tool_rows.to_csv(a.out / "binning.csv", index=False, lineterminator="\n")
    (a.out / "binning.md").write_text(markdown(tool_rows, a), encoding="utf-8")
    print(markdown(tool_rows, a))


if __name__ == "__main__":
    main()
