"""How much sooner are all fits done when their jobs run at once? `spikebridge fan-out` against `dvc repro` on Dask.

    python benchmarks/fan_out.py                                  # the default study, two workers, an hour
    python benchmarks/fan_out.py --quick                          # a look, at small data
    python benchmarks/fan_out.py --workers 8

writes fan_out.md and fan_out.csv, in benchmarks/results or --out. Both ways begin at windows and folds; then the stages
tune, train, analyze and nested_models are timed: `dvc repro` on the workers of a Dask scheduler that runs, and
`spikebridge fan-out` followed by `dvc repro`, which collects, on the same workers. The results of both are compared
byte for byte. From the measured time of every job the table also has what other numbers of workers would take if
nothing but the jobs took time: each stage, or each wave, gives its jobs in their order to the worker that is free
first. Nothing else may run on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from common import RESULTS, made_by, markdown
from spikebridge.fan_out.stages import WAVES
from spikebridge.runtime.pipeline_run import stage_environment
from spikebridge.runtime.stage import say

TARGETS = ("analyze", "nested_models")
OUTPUTS = ("runs/tune", "runs/train", "runs/analysis", "runs/nested_models")
SUPPOSED = (2, 6, 16, 64, 256)
LOGGED = re.compile(r"(?P<stage>\w+(?:@\w+)?), .*: result stored after (?P<seconds>[\d.]+) s$")
QUICK: dict[str, Any] = {
    "simulate": {"n_recordings": 2, "n_trials": 40, "n_source_units": [20, 22], "n_target_units": [12, 14]},
    "bins": {"width_s": 0.1},
    "split": {"n_outer_folds": 3},
    "models": {
        "seq2seq": {"max_epochs": 4, "hidden_size": 16, "batch_size": 64, "n_readout_trees": 20, "dropout": "tune"},
        "ridge": {"penalty": "tune"}, "random_forest": {"n_estimators": 20, "max_features": "tune"}, "majority": {},
    },
    "tune": {"n_trials": 2, "n_startup_trials": 1},
    "analysis": {"n_folds": 2, "max_epochs": 2},
}  # fmt: skip


def command(project: Path, *words: str) -> float:
    """Run it in the project; its seconds."""
    begun = time.monotonic()
    line = [sys.executable, "-m", *words]
    done = subprocess.run(line, cwd=project, env=stage_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed in {project}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return time.monotonic() - begun


def made_project(folder: Path, quick: bool, scheduler: Path) -> Path:
    """A project up to its windows and folds."""
    command(folder.parent, "spikebridge.cli", "init", str(folder))
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, changes in (QUICK if quick else {}).items():
        params[section] = changes if section == "models" else params[section] | changes
    params["compute"] |= {"engine": "dask", "scheduler": str(scheduler), "device": "cpu"}
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    command(folder, "dvc", "repro", "split", "model_code")
    return folder


@contextlib.contextmanager
def dask(folder: Path, workers: int) -> Iterator[Path]:
    """A scheduler with its workers; the scheduler file."""
    file = folder / "scheduler.json"
    options = ("--scheduler-file", str(file), "--no-dashboard")
    kinds = [("scheduler", "--host", "127.0.0.1", "--port", "0"),
             *[("worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder))] * workers]  # fmt: skip
    started = []
    try:
        for kind, *more in kinds:
            words = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *more, *options]
            started.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            while not file.is_file():
                time.sleep(0.1)
        yield file
    finally:
        for process in started:
            process.kill()
            process.wait()


def contents(project: Path) -> dict[str, bytes]:
    """Every result of the fits; databases of studies hold the time of day."""
    paths = [p for out in OUTPUTS for p in (project / out).rglob("*") if p.is_file() and p.suffix != ".db"]
    return {p.relative_to(project).as_posix(): p.read_bytes() for p in paths}


def job_seconds(project: Path) -> dict[str, list[float]]:
    """Stage -> the time of each of its jobs."""
    times: dict[str, list[float]] = {}
    for path in sorted((project / "runs/jobs/logs").rglob("*.log")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := LOGGED.search(line):
                times.setdefault(match["stage"], []).append(float(match["seconds"]))
    return times


def makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last job ends, if each goes to the worker that is free first."""
    free = [0.0] * workers
    for each in seconds:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)


def supposed(times: dict[str, list[float]], workers: int) -> tuple[float, float]:
    """Seconds of all jobs stage after stage, and wave after wave."""
    waves = [
        [s for stage, of_stage in times.items() if stage.partition("@")[0] in wave for s in of_stage] for wave in WAVES
    ]
    return sum(makespan(s, workers) for s in times.values()), sum(makespan(s, workers) for s in waves)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small data")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name, dask(Path(name), arguments.workers) as scheduler:
        plain = made_project(Path(name) / "plain", arguments.quick, scheduler)
        fanned = made_project(Path(name) / "fanned", arguments.quick, scheduler)
        say("plain dvc repro")
        plain_s = command(plain, "dvc", "repro", *TARGETS)
        say(f"{plain_s:.1f} s; fan-out")
        fan_s = command(fanned, "spikebridge.cli", "fan-out")
        collect_s = command(fanned, "dvc", "repro", *TARGETS)
        say(f"{fan_s:.1f} s and {collect_s:.1f} s")
        if contents(plain) != contents(fanned):
            sys.exit("the results differ")
        times = job_seconds(fanned)
    n_jobs = sum(map(len, times.values()))
    rows = [{"workers": arguments.workers, "how": "measured", "jobs": n_jobs, "plain_s": plain_s,
             "fan_out_s": fan_s + collect_s}]  # fmt: skip
    for workers in SUPPOSED:
        stages, waves = supposed(times, workers)
        rows.append({"workers": workers, "how": "from the times of jobs", "jobs": n_jobs, "plain_s": stages,
                     "fan_out_s": waves})  # fmt: skip
    table = pd.DataFrame(rows)
    table["ratio"] = table["plain_s"] / table["fan_out_s"]
    table = table.round(2)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "fan_out.csv", index=False)
    measured = rows[0]["plain_s"] / rows[0]["fan_out_s"]
    lines = [
        "# Fan-out against plain dvc repro",
        "",
        f"- With {arguments.workers} Dask workers fan-out and collecting take {1 / measured:.2f} times as long as "
        "plain `dvc repro`.",
        "",
        *markdown(table),
        "",
        made_by("fan_out.py", sys.argv[1:] if words is None else words, ["distributed"]),
    ]
    (arguments.out / "fan_out.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
