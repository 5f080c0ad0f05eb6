"""The whole audit: simulated studies, table, power curves, figures and a page that says what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge.calibration import equivalence_claims, figures, page, power_curves, scenario, spread, study
from spikebridge.calibration.false_claims import calibration, failing
from spikebridge.config import ComputeConfig
from spikebridge.errors import DataError
from spikebridge.evaluation.clusters import ENOUGH_RECORDINGS
from spikebridge.runtime import parallel
from spikebridge.runtime.hashing import source_hash
from spikebridge.runtime.stage import output, remove

NULL: scenario.World = "nothing"
MORE = 5
"""Studies of equivalence to one of power: its levels are told apart from 5 %."""
EQUAL_EVERY = 2
"""One study of equal models to so many in which there is nothing to find: its tests need less precision."""


@dataclass(frozen=True)
class Plan:
    """studies: in which there is nothing to find; half as many are of equal models. power_studies: of each entry."""

    studies: int = 500
    power_studies: int = power_curves.STUDIES
    seed: int = 1
    workers: int | None = None


def audit(plan: Plan, out: Path, say: Callable[[str], None], docs: Path | None = None) -> pd.DataFrame:
    """Run the studies, write outcomes.parquet to `out`, then `summarise`; returns the calibration.

    Deterministic in plan.seed; results do not depend on the number of workers. Studies that an interrupted audit of the
    same code and seed has done are taken from out/studies.
    """
    out.mkdir(parents=True, exist_ok=True)
    _studies(plan, out / "studies", say).to_parquet(out / "outcomes.parquet", index=False)
    return summarise(plan, out, say, docs)


def summarise(plan: Plan, out: Path, say: Callable[[str], None], docs: Path | None = None) -> pd.DataFrame:
    """From outcomes.parquet: calibration.csv, power.csv, equivalence.csv, two figures and audit.md in `out`.

    Returns the calibration. docs: a page of documentation to write the same text to.
    Raises DataError where no audit has been run.
    """
    if not (out / "outcomes.parquet").is_file():
        raise DataError(f"{out / 'outcomes.parquet'}: expected the outcomes of an audit, found none; run it first")
    outcomes = pd.read_parquet(out / "outcomes.parquet")
    table = calibration(outcomes, ENOUGH_RECORDINGS)
    alike = spread.overall(outcomes)
    cells = power_curves.cells(*alike, plan.power_studies, plan.seed)
    known = equivalence_claims.jobs(*alike, MORE * plan.power_studies, plan.seed)
    curves = power_curves.table(
        parallel.run_jobs(power_curves.run, cells, _workers(plan, len(cells)), lambda _: None, torch=False)
    )
    claims = equivalence_claims.table(
        parallel.run_jobs(equivalence_claims.run, known, _workers(plan, len(known)), lambda _: None, torch=False)
    )
    table.to_csv(out / "calibration.csv", index=False)
    curves.to_csv(out / "power.csv", index=False)
    claims.to_csv(out / "equivalence.csv", index=False)
    figures.draw_calibration(table, out / "calibration.png")
    figures.draw_power(curves, out / "power.png")
    text = page.page(page.Found(table, curves, claims, outcomes), plan.seed)
    for path in [out / "audit.md", *([docs] if docs else [])]:
        path.write_text(text, encoding="utf-8")
    bad = failing(table)
    say(f"{len(bad)} primary tests do not hold 5 %" if len(bad) else "every primary test holds its level")
    return table


def _studies(plan: Plan, folder: Path, say: Callable[[str], None]) -> pd.DataFrame:
    """Outcomes of all studies, in the order of worlds and numbers; those that are not done yet are run."""
    code = source_hash(study.__name__, spread.__name__)
    place = folder / f"{code[:12]}-{plan.seed}"
    for old in folder.glob("*"):
        if old != place:
            remove(old)
    place.mkdir(parents=True, exist_ok=True)
    jobs = [
        Stored(study.Job(w, k, plan.seed), place)
        for k in range(plan.studies)
        for w in scenario.WORLDS
        if w == NULL or k % EQUAL_EVERY == 0
    ]
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
