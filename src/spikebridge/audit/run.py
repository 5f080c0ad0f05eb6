"""The whole audit: simulated studies, table, power curves, figures and a page that says what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge import parallel
from spikebridge.audit import figures, page, power, spread, study, world
from spikebridge.audit.calibration import calibration, failing
from spikebridge.config import ComputeConfig
from spikebridge.digest import files_digest
from spikebridge.evaluation.clusters import ENOUGH_RECORDINGS
from spikebridge.stage import output, remove

WITHOUT_A_SAY = {"adaptation", "cli", "figures", "gates", "inspection", "interop", "io", "tracking"}
"""Rooms that no study depends on: those that are done stay valid when only these change."""
DECIDE = {"outcomes", "settings", "spread", "study", "world"}
"""The audit's own modules that a study depends on; the others only summarise."""


@dataclass(frozen=True)
class Plan:
    """studies: of each world. power_studies: of each entry of the power table."""

    studies: int = 500
    power_studies: int = power.STUDIES
    seed: int = 1
    workers: int | None = None


def audit(plan: Plan, out: Path, say: Callable[[str], None], docs: Path | None = None) -> pd.DataFrame:
    """Write calibration.csv, power.csv, outcomes.parquet, two figures and audit.md to `out`; returns the calibration.

    docs: a page of documentation to write the same summary to. Deterministic in plan.seed; results do not depend on the
    number of workers. Studies that an interrupted audit of the same code and seed has done are taken from out/studies.
    """
    out.mkdir(parents=True, exist_ok=True)
    outcomes = _studies(plan, out / "studies", say)
    table = calibration(outcomes, ENOUGH_RECORDINGS)
    sd, agreement = spread.overall(outcomes)
    cells = power.cells(sd, agreement, plan.power_studies, plan.seed)
    curves = power.table(parallel.run_jobs(power.run, cells, _workers(plan, len(cells)), lambda _: None, torch=False))
    outcomes.to_parquet(out / "outcomes.parquet", index=False)
    table.to_csv(out / "calibration.csv", index=False)
    curves.to_csv(out / "power.csv", index=False)
    figures.draw_calibration(table, out / "calibration.png")
    figures.draw_power(curves, out / "power.png")
    text = page.page(table, curves, outcomes, plan.studies, plan.seed)
    for path in [out / "audit.md", *([docs] if docs else [])]:
        path.write_text(text, encoding="utf-8")
    bad = failing(table)
    say(f"{len(bad)} primary tests fail" if len(bad) else "every primary test holds its level")
    return table


def _studies(plan: Plan, folder: Path, say: Callable[[str], None]) -> pd.DataFrame:
    """Outcomes of all studies, in the order of worlds and numbers; those that are not done yet are run."""
    place = folder / f"{_code()[:12]}-{plan.seed}"
    for old in folder.glob("*"):
        if old != place:
            remove(old)
    place.mkdir(parents=True, exist_ok=True)
    jobs = [Stored(study.Job(w, k, plan.seed), place) for k in range(plan.studies) for w in world.WORLDS]
    todo = [job for job in jobs if not job.path.is_file()]
    done = len(jobs) - len(todo)

    def count(_: object) -> None:
        nonlocal done
        done += 1
        if done % 50 == 0 or done == len(jobs):
            say(f"{done} of {len(jobs)} studies")

    if todo:
        parallel.run_jobs(_run, todo, _workers(plan, len(todo)), count)
    found = pd.concat([pd.read_parquet(job.path) for job in jobs], ignore_index=True)
    return found.sort_values(["world", "study"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Stored:
    """A study and the folder of its outcome."""

    job: study.Job
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.job.world}-{self.job.number:05d}.parquet"


def _run(stored: Stored, report: parallel.Report) -> None:
    table = study.run(stored.job, report)
    with output(stored.path) as path:
        table.to_parquet(path, index=False)


def _workers(plan: Plan, jobs: int) -> int:
    return parallel.n_workers(ComputeConfig(workers=plan.workers or "auto"), jobs)


def _code() -> str:
    """Digest of the code that a study's outcome depends on."""
    package = Path(__file__).parents[1]
    files = [p for p in package.rglob("*.py") if p.relative_to(package).parts[0] not in WITHOUT_A_SAY]
    return files_digest((p for p in files if p.parent.name != "audit" or p.stem in DECIDE), package)
