"""How fast seq2seq trains: against torch.nn.GRU as one would write it, and against the processor.

    python benchmarks/speed.py                                    # simulator and real recordings, half an hour
    python benchmarks/speed.py --on simulator --quick             # a look, at small data

writes benchmarks/results/speed.md and speed.csv. A run that is limited to one data set leaves the other's results as
they are. Ours is the model of the product with one member and the data set's parameters; the reference is
benchmarks/reference_seq2seq.py at the same widths. Both take the same windows of the inner partition of the first fold,
on one thread, taking turns.

Time to quality: seconds from the call of fit until the validation windows' bits/spike first reach 99 % of the best
that the reference gets with any of its learning rates, of the same seed. The reference's time is that of the fastest
of its rates that gets there, and what the search for the rate costs is not counted. Ours has no rate chosen here; its
closed-form start counts. Throughput: windows learned from in a second, without validation and start. Seconds of the
processor stand beside those of the clock, since other work on the machine changes them little. The limit is the time
that the matrix products of one step would take, each at the rate that torch reaches at its size in the same run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import reference_seq2seq as reference
from common import RESULTS, SETS, SHARED_DATA, made_by, markdown, prepare, settings_of, there, write_part
from spikebridge import models
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.runtime.stage import one_thread, say
from spikebridge.splits import inner_partitions, select_windows
from spikebridge.types import Windows

RATES = (1e-3, 3e-3, 1e-2, 3e-2)
SHARE = 0.99
OURS, REFERENCE = "seq2seq", "reference"
Sides = tuple[list[Windows], list[Windows]]


@dataclass(frozen=True)
class Curve:
    """One fit. seconds, cpu_s: (epoch,), from the call of fit to the end of each epoch. bits: (epoch,), of `valid`."""

    tool: str
    seed: int
    rate: float
    seconds: tuple[float, ...]
    cpu_s: tuple[float, ...]
    bits: tuple[float, ...]

    @property
    def best(self) -> float:
        return max(self.bits)

    def until(self, target: float, clock: str = "seconds") -> float:
        """Seconds until `target` bits/spike are first reached; infinity where they never are."""
        return next((s for s, b in zip(getattr(self, clock), self.bits, strict=True) if b >= target), float("inf"))


# --- fits -------------------------------------------------------------------------------------------------------------


def params_of(settings: Config) -> dict[str, Any]:
    """Ours as the data set's parameter file has it, with one member; what the tuner chooses stands at its default."""
    return {**models.fixed_params(OURS, settings.models[OURS]), "n_members": 1}


def like(params: dict[str, Any], rate: float, epochs: int) -> reference.Settings:
    """The reference at the widths of ours."""
    full: Any = models.create(OURS, params).params
    same = {
        "input_size": full.input_size,
        "hidden_size": full.hidden_size,
        "n_latents": full.n_latents,
        "smoothing_s": full.smoothing_s,
    }
    return reference.Settings(learning_rate=rate, max_epochs=epochs, **same)


def curve(tool: str, sides: Sides, params: dict[str, Any], seed: int, rate: float, epochs: int) -> Curve:
    """Fit once and note the time and bits/spike of every epoch."""
    rows: list[tuple[float, float, float]] = []
    start, cpu = time.perf_counter(), time.process_time()

    def note(row: dict[str, float]) -> None:
        done = time.perf_counter() - start, time.process_time() - cpu
        rows.append((*done, row.get("valid_bits_per_spike", float("nan"))))

    if tool == OURS:
        models.create(OURS, params).fit(*sides, np.random.default_rng(seed), note)
    else:
        reference.fit(*sides, seed, like(params, rate, epochs), note)
    return Curve(tool, seed, rate, *zip(*rows, strict=True))


def curves(sides: Sides, params: dict[str, Any], seeds: int, rates: Sequence[float], epochs: int) -> list[Curve]:
    """Ours once and the reference once a rate, for every seed, in turns."""
    runs = []
    for seed in range(seeds):
        for tool, rate in [(OURS, float("nan")), *((REFERENCE, r) for r in rates)]:
            runs.append(curve(tool, sides, params, seed, rate, epochs))
            say(f"{tool} seed {seed} rate {rate:g}: {runs[-1].best:.4f} bits/spike, {runs[-1].seconds[-1]:.1f} s")
    return runs


def to_quality(runs: Sequence[Curve]) -> pd.DataFrame:
    """One row a seed: what the reference ends with, the target, the time of both, and their ratio."""
    rows = []
    for seed in sorted({c.seed for c in runs}):
        ours = next(c for c in runs if c.tool == OURS and c.seed == seed)
        theirs = [c for c in runs if c.tool == REFERENCE and c.seed == seed]
        final = max(c.best for c in theirs)
        target = SHARE * final if final > 0 else final
        fastest = min(theirs, key=lambda c: c.until(target))
        rows.append(
            {
                "seed": seed,
                "reference_bits": final,
                "our_bits": ours.best,
                "best_rate": fastest.rate,
                "reference_s": fastest.until(target),
                "our_s": ours.until(target),
                "times_faster": fastest.until(target) / ours.until(target),
                "times_faster_cpu": min(c.until(target, "cpu_s") for c in theirs) / ours.until(target, "cpu_s"),
                "our_first_epoch_s": ours.seconds[0],
            }
        )
    return pd.DataFrame(rows)


def throughput(train: list[Windows], params: dict[str, Any], repeats: int, epochs: int) -> pd.DataFrame:
    """Windows per second of training, best of the repeats: between the ends of the first and the last epoch."""
    n = sum(map(len, train))
    rows = []
    for _ in range(repeats):
        for tool in (OURS, REFERENCE):
            done = curve(tool, (train, []), {**params, "max_epochs": epochs}, 0, 3e-3, epochs)
            per = [(clock[-1] - clock[0]) / (len(clock) - 1) for clock in (done.seconds, done.cpu_s)]
            rows.append({"tool": tool, "windows_per_s": n / per[0], "windows_per_cpu_s": n / per[1]})
    table = pd.DataFrame(rows).groupby("tool", sort=False).max().reset_index()
    theirs = table[table["tool"] == REFERENCE].iloc[0]
    return table.assign(times_reference=table["windows_per_cpu_s"] / theirs["windows_per_cpu_s"])


# --- the limit --------------------------------------------------------------------------------------------------------


def products(train: Sequence[Windows], params: dict[str, Any]) -> dict[tuple[int, int, int], float]:
    """(rows, inner, columns) of every matrix product of one of our steps -> how often, backward counted as two more.

    The gradient towards the counts is not needed, so the read-in has one less.
    """
    p: Any = models.create(OURS, params).params
    n, bins = sum(map(len, train)), train[0].n_bins
    batch = round(n / max(1, round(n / p.batch_size)))
    ways = 1 if p.causal else 2
    counts: dict[tuple[int, int, int], float] = {}

    def add(rows: int, inner: int, columns: int, times: float) -> None:
        counts[rows, inner, columns] = counts.get((rows, inner, columns), 0.0) + times

    for w in train:
        rows = max(1, round(batch * len(w) / n)) * bins
        add(rows, w.source.shape[2], p.input_size, 2)
        add(rows, p.n_latents + p.hidden_size, w.target.shape[2], 3)
    add(batch * bins, p.input_size, 3 * p.hidden_size, 3 * ways)
    add(batch * bins, ways * p.hidden_size, p.n_latents, 3)
    add(batch * bins, p.input_size, p.n_latents, 3)
    add(batch * bins, p.n_latents, 3 * p.hidden_size, 3)
    add(batch, p.hidden_size, 3 * p.hidden_size, 3 * bins * (ways + 1))
    return counts


def rate_of(size: tuple[int, int, int], seconds: float = 0.05) -> float:
    """GFLOP/s of a float32 product of (rows, inner) with (inner, columns): the best of short bursts."""
    a, b = torch.ones(size[:2]), torch.ones(size[1:])
    out = torch.empty(size[0], size[2])
    flops, best, end = 2.0 * np.prod(size), 0.0, time.perf_counter() + seconds
    torch.mm(a, b, out=out)
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(10):
            torch.mm(a, b, out=out)
        best = max(best, 10 * flops / (time.perf_counter() - start))
    return best / 1e9


def limit(train: Sequence[Windows], params: dict[str, Any], windows_per_s: float) -> dict[str, Any]:
    """Arithmetic of a step, the time that it needs at the measured rates, and how often our step takes that."""
    sizes = products(train, params)
    each = {size: rate_of(size) for size in sizes}
    gflop = sum(2e-9 * np.prod(size) * times for size, times in sizes.items())
    needed = sum(2e-9 * np.prod(size) * times / each[size] for size, times in sizes.items())
    p: Any = models.create(OURS, params).params
    n = sum(map(len, train))
    step = n / max(1, round(n / p.batch_size)) / windows_per_s
    return {
        "tool": OURS,
        "step_ms": 1000 * step,
        "gflop": gflop,
        "gflop_per_s": gflop / step,
        "products_ms": 1000 * needed,
        "products_gflop_per_s": gflop / needed,
        "peak_gflop_per_s": rate_of((1024, 1024, 1024), 0.5),
        "times_products": step / needed,
    }


# --- the report -------------------------------------------------------------------------------------------------------


def study(name: str, a: argparse.Namespace, work: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and table of every part, for one data set."""
    settings = prepare(settings_of(name, a.data, [OURS], a.quick), name, work)
    data, splits = load_windows(work / "windows"), load_splits(work / "splits.json")
    part = inner_partitions(splits, "0")[0]
    sides = select_windows(data, part.train), select_windows(data, part.valid)
    params = params_of(settings)
    with one_thread():
        torch.set_num_threads(1)
        curve(OURS, sides, {**params, "max_epochs": 1}, 0, 0.0, 1)  # both warm: first calls load libraries
        curve(REFERENCE, sides, params, 0, 1e-3, 1)
        speed = throughput(sides[0], params, a.repeats, 3 if a.quick else 5)
        yield "Throughput of training", speed
        ours = float(speed["windows_per_cpu_s"].iloc[0])
        yield "One step of ours against its matrix products", pd.DataFrame([limit(sides[0], params, ours)])
        runs = curves(sides, params, a.seeds, a.rates, 3 if a.quick else 60)
        yield "Time to quality", to_quality(runs)


def long(name: str, parts: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """data, part, row, what, value: every number of every table."""
    rows = [
        (name, title, f"{table.columns[0]} {key}", what, value)
        for title, table in parts
        for key, rest in zip(table.iloc[:, 0], table.iloc[:, 1:].to_dict("records"), strict=True)
        for what, value in rest.items()
    ]
    return pd.DataFrame(rows, columns=["data", "part", "row", "what", "value"])


def summary_lines(parts: dict[str, pd.DataFrame]) -> list[str]:
    """The figures that the product is judged by, in words."""
    quality, limits = parts["Time to quality"], parts["One step of ours against its matrix products"].iloc[0]
    speed = parts["Throughput of training"].iloc[0]
    ratio, low, high = (getattr(quality["times_faster"], f)() for f in ("median", "min", "max"))
    return [
        f"- {ratio:.1f} times faster than the reference to {SHARE:.0%} of what that ends with, median of "
        f"{len(quality)} seeds ({low:.1f} to {high:.1f}); by the processor's time "
        f"{quality['times_faster_cpu'].median():.1f} times. Ours ends with {quality['our_bits'].mean():.4f} "
        f"bits/spike of the validation windows, the reference with {quality['reference_bits'].mean():.4f}.",
        f"- {speed['times_reference']:.1f} times the reference's windows per second of training.",
        f"- A step takes {limits['times_products']:.1f} times as long as its matrix products alone "
        f"({limits['products_gflop_per_s']:.1f} GFLOP/s at their sizes; a large product reaches "
        f"{limits['peak_gflop_per_s']:.0f} GFLOP/s).",
    ]


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", nargs="+", choices=SETS, default=list(SETS), help="data sets")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of real recordings")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), help="learning rates of the reference")
    parser.add_argument("--repeats", type=int, default=3, help="of the throughput")
    parser.add_argument("--quick", action="store_true", help="small data, hardly any training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    try:
        for name in there(a.on, a.data):
            with tempfile.TemporaryDirectory() as scratch:
                parts = list(study(name, a, Path(scratch)))
            lines = [f"## {name}", "", *summary_lines(dict(parts)), ""]
            for title, table in parts:
                lines += [f"### {title}", "", *markdown(table), ""]
            text = "\n".join([*lines, made_by("speed.py", words), ""])
            write_part(a.out / "speed", "# Speed of seq2seq", name, long(name, parts), text)
            print(text)
    except (ConfigError, DataError) as error:
        raise SystemExit(f"speed: {error}") from None


if __name__ == "__main__":
    main()
