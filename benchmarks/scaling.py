"""Does the cost of seq2seq grow in step with bins, recordings and units? One epoch at 1, 3 and 10 times of each.

    python benchmarks/scaling.py                                  # two minutes or so
    python benchmarks/scaling.py --windows 16 --times 1 2         # a quick look

writes benchmarks/results/scaling.md and scaling.csv. Counts are simulated: Poisson, with four latents that both regions
share; they lie on disk as the stage preprocess leaves them. Every case is a process of its own on one thread: the
product's model with one member and its defaults. epoch_s is the fastest epoch without validation; epoch_cpu_s is the
processor's time of an epoch, which other work on the machine changes little, and what the ratios are of. start_cpu_s is
everything before the first epoch ends, less one epoch: baseline and closed-form start. peak_mb is the highest resident
memory of the fit above what the process held after its imports and a first fit of a small case; process_mb has that in
it. counts_mb is what the counts take, weights_mb what the fitted network does (its gradients and their moments are as
large again each; trees of the read-outs come on top). exponent is log(ratio) / log(times): 1 where cost grows in step,
0 where it does not grow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from binning import memory, reset_peak
from common import RESULTS, made_by, markdown
from spikebridge import models
from spikebridge.artifacts.windows import load_windows, save_windows
from spikebridge.runtime.stage import one_thread, say
from spikebridge.types import Windows

LATENTS = 4
GROWS = ("bins", "recordings", "units")
COLUMNS = [
    "grows", "times", "recordings", "windows", "bins", "source_units", "target_units", "counts_mb", "weights_mb",
    "epoch_s", "epoch_cpu_s", "start_cpu_s", "peak_mb", "process_mb", "epoch_ratio", "start_ratio", "memory_ratio",
    "process_ratio", "epoch_exponent", "memory_exponent",
]  # fmt: skip


@dataclass(frozen=True)
class Size:
    """windows: of each recording."""

    recordings: int = 2
    windows: int = 256
    bins: int = 20
    source_units: int = 50
    target_units: int = 40

    def times(self, what: str, factor: int) -> Size:
        keys = ("source_units", "target_units") if what == "units" else (what,)
        return replace(self, **{key: factor * getattr(self, key) for key in keys})


def windows_of(size: Size, seed: int = 0) -> Iterator[Windows]:
    """Counts of a Poisson process whose log rates are linear in latents that both regions share."""
    for number in range(size.recordings):
        rng = np.random.default_rng([seed, number])
        n, length = size.windows, size.bins * 0.05
        latents = rng.normal(size=(n, 1, LATENTS)) + 0.3 * rng.normal(size=(n, size.bins, LATENTS))
        counts = [
            rng.poisson(0.2 * np.exp((latents @ rng.normal(0, 0.3, (LATENTS, units))).clip(max=3))).astype(np.uint8)
            for units in (size.source_units, size.target_units)
        ]
        start = 2 * length * np.arange(n)
        yield Windows(
            recording=f"r{number:03}",
            source=counts[0],
            target=counts[1],
            start_s=start,
            bin_s=0.05,
            trial=np.arange(n),
            label=(latents[:, 0, 0] > 0).astype(np.int64),
            decision_s=start + length,
            classes=("no", "yes"),
            source_units=np.arange(size.source_units),
            target_units=np.arange(size.target_units) + size.source_units,
        )


def write(size: Size, folder: Path) -> float:
    """Windows of that size as files; MB of counts in them."""
    folder.mkdir()
    total = 0
    for w in windows_of(size):
        save_windows(w, folder)
        total += w.source.nbytes + w.target.nbytes
    return total / 1e6


def measure(folder: Path, epochs: int) -> dict[str, float]:
    """Cost of one epoch on windows from files, in this process, after a first fit of a small case."""

    def fit(windows: list[Windows], n: int) -> tuple[list[tuple[float, float]], models.Model]:
        clocks = [(time.perf_counter(), time.process_time())]
        model = models.create("seq2seq", {"n_members": 1, "max_epochs": n})
        model.fit(
            windows, [], np.random.default_rng(0), lambda _: clocks.append((time.perf_counter(), time.process_time()))
        )
        return clocks, model

    with one_thread():
        import torch

        torch.set_num_threads(1)
        fit(list(windows_of(Size(1, 8, 4, 5, 5))), 1)
        before = memory("VmRSS")
        reset_peak()
        clocks, model = fit(load_windows(folder), epochs + 1)
        most = memory("VmHWM")
        model.save(folder.parent / "model")
    steps = np.diff(np.array(clocks), axis=0)
    epoch = float(np.median(steps[1:, 1]))
    return {
        "epoch_s": float(steps[1:, 0].min()),
        "epoch_cpu_s": epoch,
        "start_cpu_s": max(0.0, float(steps[0, 1]) - epoch),
        "peak_mb": (most - before) / 1e6,
        "process_mb": most / 1e6,
        "weights_mb": (folder.parent / "model" / "weights.safetensors").stat().st_size / 1e6,
    }


def in_process(size: Size, epochs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        counts_mb = write(size, Path(scratch) / "windows")
        command = [sys.executable, __file__, "--epochs", str(epochs), "--measure", str(Path(scratch) / "windows")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{size} failed:\n{done.stderr}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"counts_mb": counts_mb, **measured}


def compare(base: Size, times: Sequence[int], epochs: int) -> pd.DataFrame:
    """One row a case, with COLUMNS; ratios to the first of `times` of the same kind, exponents between these two."""
    done: dict[Size, dict[str, float]] = {}
    rows = []
    for what in GROWS:
        for factor in sorted(times):
            size = base.times(what, factor)
            if size not in done:
                done[size] = in_process(size, epochs)
                say(f"{what} x{factor}: {done[size]['epoch_cpu_s']:.3f} s, {done[size]['peak_mb']:.0f} MB")
            rows.append({"grows": what, "times": factor, **asdict(size), **done[size]})
    return with_ratios(pd.DataFrame(rows))


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    of = {"epoch": "epoch_cpu_s", "start": "start_cpu_s", "memory": "peak_mb", "process": "process_mb"}
    first = table.groupby("grows", sort=False)[["times", *of.values()]].transform("first")
    for name, column in of.items():
        table[f"{name}_ratio"] = table[column] / first[column].where(first[column] > 0)
    grown = np.log((table["times"] / first["times"]).where(table["times"] > first["times"]))
    for name in ("epoch", "memory"):
        table[f"{name}_exponent"] = np.log(table[f"{name}_ratio"].where(table[f"{name}_ratio"] > 0)) / grown
    return table[COLUMNS]


def summary_lines(table: pd.DataFrame) -> list[str]:
    last = table.groupby("grows", sort=False).tail(1)
    return [
        f"- {r.times} times the {r.grows}: an epoch takes {r.epoch_ratio:.1f} times as long and peak memory is "
        f"{r.memory_ratio:.1f} times as high, the whole process's {r.process_ratio:.2f} times (baseline and start: "
        f"{r.start_ratio:.1f} times as long)."
        for r in last.itertuples()
    ]


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--windows", type=int, default=Size.windows, help="of each recording")
    parser.add_argument("--epochs", type=int, default=3, help="measured, of each case")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    if a.measure:
        print(json.dumps(measure(a.measure, a.epochs)))
        return
    table = compare(Size(windows=a.windows), a.times, a.epochs)
    a.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(a.out / "scaling.csv", index=False, lineterminator="\n")
    lines = [
        "# Scaling of seq2seq",
        "",
        *summary_lines(table),
        "",
        *markdown(table),
        "",
        made_by("scaling.py", words),
        "",
    ]
    (a.out / "scaling.md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
