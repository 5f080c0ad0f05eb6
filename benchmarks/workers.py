"""Are two processes twice as fast as one? The product's fits of all folds, by one worker and by two.

    python benchmarks/workers.py                                  # simulator and real recordings, half an hour
    python benchmarks/workers.py --on simulator --quick           # a look, at small data

writes benchmarks/results/workers.md and workers.csv. A run that is limited to one data set leaves the other's results
as they are. The fits are those of every outer fold and the last one on everything, with the data set's settings, each
from as many seeds as a small search has trials; they run through spikebridge.runtime.parallel.run_jobs. Libraries are
loaded beforehand for both, as the stages do while they read. Fits end when their validation windows stop getting
better, so they last differently long, and the last ones may leave a worker without work. One thread each; nothing
else may run on the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common import RESULTS, SETS, SHARED_DATA, made_by, markdown, prepare, settings_of, there, write_part
from spikebridge import models
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows
from spikebridge.errors import ConfigError, DataError
from spikebridge.runtime import parallel
from spikebridge.runtime.stage import one_thread, say
from spikebridge.splits import FULL, inner_partitions, select_windows

MODEL = "seq2seq"
WORKERS = (1, 2)


@dataclass(frozen=True)
class Job:
    """One fold to be fitted from one seed."""

    windows: Path
    splits: Path
    fold: str
    seed: int
    params: dict[str, Any]


def fit_fold(job: Job, report: parallel.Report) -> tuple[float, float, float, int]:
    """When the fit began and ended, the processor's seconds of it, and the process that did it."""
    part = inner_partitions(load_splits(job.splits), job.fold)[0]
    data = load_windows(job.windows)
    model = models.create(MODEL, job.params)
    start, cpu = time.time(), time.process_time()
    model.fit(select_windows(data, part.train), select_windows(data, part.valid), np.random.default_rng([1, job.seed]))
    report(job)
    return start, time.time(), time.process_time() - cpu, os.getpid()


def jobs_of(work: Path, params: dict[str, Any], seeds: int) -> list[Job]:
    """Every fold from every seed; the last fit, the longest, comes first."""
    folds = [FULL, *map(str, range(len(load_splits(work / "splits.json").folds)))]
    return [Job(work / "windows", work / "splits.json", f, seed, params) for seed in range(seeds) for f in folds]


def compare(jobs: Sequence[Job]) -> pd.DataFrame:
    """One row a number of workers.

    fits_s: without the start of the processes. cpu_s: the processor's seconds of all fits. busiest_cpu_s: those of the
    process that had most to do, which is what fits_s would be if nothing else ran on the machine.
    """
    rows = []
    libraries = models.get_class(MODEL).libraries
    for n in WORKERS:
        parallel.prepare(n, libraries)
        # meanwhile, as a stage reads its data
        fit_fold(replace(jobs[0], params={**jobs[0].params, "max_epochs": 1}), lambda _: None)
        start = time.time()
        say(f"{len(jobs)} fits, workers: {n}")
        spans = parallel.run_jobs(fit_fold, jobs, n, lambda job: say(f"fold {job.fold}, seed {job.seed}"), libraries)
        seconds = time.time() - start
        done = pd.DataFrame(spans, columns=["start", "stop", "cpu_s", "process"])
        rows.append(
            {
                "workers": n,
                "fits": len(jobs),
                "seconds": seconds,
                "fits_s": done["stop"].max() - done["start"].min(),
                "cpu_s": done["cpu_s"].sum(),
                "busiest_cpu_s": done.groupby("process")["cpu_s"].sum().max(),
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(
        times_faster=table["seconds"][0] / table["seconds"],
        times_faster_fits=table["fits_s"][0] / table["fits_s"],
        times_faster_cpu=table["busiest_cpu_s"][0] / table["busiest_cpu_s"],
    )


def summary_line(table: pd.DataFrame) -> str:
    two = table.iloc[-1]
    return (
        f"- Two workers are {two['times_faster']:.2f} times as fast as one, {two['times_faster_fits']:.2f} times "
        f"without the start of the processes, {two['times_faster_cpu']:.2f} times by the processor's time of the "
        "busiest one."
    )


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", nargs="+", choices=SETS, default=list(SETS), help="data sets")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of real recordings")
    parser.add_argument("--seeds", type=int, default=2, help="of each fold")
    parser.add_argument("--quick", action="store_true", help="small data, hardly any training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    try:
        for name in there(a.on, a.data):
            with tempfile.TemporaryDirectory() as scratch, one_thread():
                work = Path(scratch)
                settings = prepare(settings_of(name, a.data, [MODEL], a.quick), name, work)
                table = compare(jobs_of(work, models.fixed_params(MODEL, settings.models[MODEL]), a.seeds))
            lines = [f"## {name}", "", summary_line(table), "", *markdown(table), "", made_by("workers.py", words), ""]
            text = "\n".join(lines)
            write_part(a.out / "workers", "# Two workers against one", name, table.assign(data=name), text)
            print(text)
    except (ConfigError, DataError) as error:
        raise SystemExit(f"workers: {error}") from None


if __name__ == "__main__":
    main()
