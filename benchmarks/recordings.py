"""How do time and memory of every stage grow with the number of recordings? The whole pipeline on simulated ones.

    python benchmarks/recordings.py                                       # 5, 50 and 200 recordings: hours
    python benchmarks/recordings.py --recordings 2 4 --quick              # a look, at small data
    python benchmarks/recordings.py --work FOLDER                         # goes on where an earlier call ended

writes recordings.md and recordings.csv, in benchmarks/results or --out. Each number of recordings is a project with the
shipped parameters (each recording has the default size). Its stages run one after the other by DVC, each in a fresh
Python as by `dvc repro`. seconds are those of the clock; peak_mb is the resident memory of the largest process of the
stage. exponent is log(ratio of times) / log(ratio of recordings), against the smallest number: 1 where time grows in
step. A stage that fails is named, and the stages after it are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from common import QUICK, RESULTS, made_by, markdown, measured
from spikebridge.runtime.pipeline_run import stage_environment, stage_names
from spikebridge.runtime.stage import say

RECORDINGS = (5, 50, 200)
ROWS = "stages.jsonl"
"""In the project: one line a stage that has ended."""
COLUMNS = ["stage", "recordings", "seconds", "cpu_s", "peak_mb", "exponent", "memory_exponent", "failed"]
LINEAR = 1.1
"""The largest exponent that counts as growing in step."""
LONG_S = 10.0
"""Shorter stages are left out of the summary: loading libraries takes most of their time."""


def project(folder: Path, recordings: int, quick: bool) -> Path:
    """A project with so many recordings; one that is there is taken."""
    if not (folder / "params.yaml").is_file():
        command = [sys.executable, "-m", "spikebridge.cli", "init", str(folder)]
        subprocess.run(command, capture_output=True, check=True)
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, changes in (QUICK if quick else {}).items():
        params[section] = params[section] | changes
    params["simulate"]["n_recordings"] = recordings
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    return folder


def run_stages(folder: Path, wanted: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Run every stage that has not ended; a row for each."""
    done = [json.loads(line) for line in _lines(folder / ROWS)]
    ended = {row["stage"]: row for row in done if not row["failed"]}
    for stage in stage_names(folder):
        if wanted and stage not in wanted:
            continue
        if stage not in ended:
            with measured() as cost:
                command = [sys.executable, "-m", "dvc", "repro", stage]  # what it depends on has run
                run = subprocess.run(
                    command, cwd=folder, env=stage_environment(), capture_output=True, text=True, check=False
                )
            row = {"stage": stage, "seconds": cost.seconds, "cpu_s": cost.cpu_s, "peak_mb": cost.peak_mb,
                   "failed": run.returncode != 0}  # fmt: skip
            with (folder / ROWS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            if run.returncode:
                say(f"{stage} failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
                yield row
                return
            ended[stage] = row
            say(f"{folder.name}: {stage}, {cost.seconds:.1f} s, {cost.peak_mb:.0f} MB")
        yield ended[stage]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def with_exponents(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the growth of each stage against the smallest number of recordings that it ran with."""
    made = table.copy()
    for name, column in (("exponent", "seconds"), ("memory_exponent", "peak_mb")):
        made[name] = math.nan
        for _, rows in table.groupby("stage"):
            first = rows.loc[rows["recordings"].idxmin()]
            for k, row in rows.iterrows():
                if row["recordings"] > first["recordings"] and not row["failed"]:
                    times = math.log(row["recordings"] / first["recordings"])
                    made.loc[k, name] = math.log(row[column] / first[column]) / times
    return made[COLUMNS]


def summary(table: pd.DataFrame) -> list[str]:
    """What the table says in a few lines."""
    lines = []
    for n, rows in table.groupby("recordings"):
        failed = rows.loc[rows["failed"], "stage"]
        end = f"; **{failed.iloc[0]} failed**" if len(failed) else ""
        peak = rows.loc[rows["peak_mb"].idxmax()]
        lines.append(
            f"- {n} recordings: {rows['seconds'].sum():.0f} s in all; the largest process has {peak['peak_mb']:.0f} MB "
            f"({peak['stage']}){end}."
        )
    last = table[(table["recordings"] == table["recordings"].max()) & (table["seconds"] >= LONG_S)]
    steep = last[last["exponent"] > LINEAR].sort_values("exponent", ascending=False)
    named = ", ".join(f"{row.stage} {row.exponent:.2f}" for row in steep.itertuples())
    lines.append(
        f"- Stages of {LONG_S:.0f} s or more whose time grows with an exponent above {LINEAR:g}: {named or 'none'}."
    )
    return lines


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recordings", type=int, nargs="+", default=list(RECORDINGS))
    parser.add_argument("--stages", nargs="+", default=[], help="only these, which need no other")
    parser.add_argument("--quick", action="store_true", help="small recordings")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, help="keeps the projects")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        rows = []
        for n in sorted(arguments.recordings):
            folder = project(work.resolve() / f"{n} recordings", n, arguments.quick)
            rows += [{"recordings": n, **row} for row in run_stages(folder, arguments.stages)]
    table = with_exponents(pd.DataFrame(rows))
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.round(3).to_csv(arguments.out / "recordings.csv", index=False)
    text = ["# Stages against the number of recordings", "", *summary(table), "", *markdown(table), ""]
    text.append(made_by("recordings.py", sys.argv[1:] if words is None else words))
    (arguments.out / "recordings.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
