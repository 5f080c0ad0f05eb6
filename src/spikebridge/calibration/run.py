"""The whole calibration of the tests: simulated studies, tables, power curves, figures and a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge.artifacts.calibration import CalibrationRun, study_path
from spikebridge.calibration import equivalence_claims, figures, page, power_curves, scenarios, study
from spikebridge.calibration.false_claims import failing, false_claim_rates
from spikebridge.calibration.outcomes import mean_accuracy_spread
from spikebridge.config import ComputeConfig
from spikebridge.evaluation.resampling import MIN_RECORDINGS
from spikebridge.models.parts.decoder import FeatureDecoder
from spikebridge.models.random_forest import RandomForest
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.runtime import parallel
from spikebridge.runtime.hashing import source_hash
from spikebridge.runtime.stage import output, remove

EQUIVALENCE_STUDIES = 5
"""Studies of equivalence for each one of power: its levels need more precision."""
STUDY_MODULES = (*Seq2Seq.libraries, *FeatureDecoder.libraries, *RandomForest.libraries, study.__name__)
"""What the fits of a study use; every worker has it loaded."""
EVERY: Mapping[scenarios.Scenario, int] = {"nothing": 1, "equal": 2, "unseen_coupled": 2, "unseen_nothing": 4}
"""Scenario -> one study to so many of "nothing": most tests are in all of them, or cost more."""


@dataclass(frozen=True)
class Plan:
    """How many studies are simulated.

    Parameters
    ----------
    studies : int
        Studies of the scenario "nothing"; others have as many as EVERY says.
    power_studies : int
        Studies of each entry of the power curves.
    seed : int
        Seed of all random numbers.
    workers : int, optional
        Number of processes. None: all cores.
    """

    studies: int = 500
    power_studies: int = power_curves.STUDIES
    seed: int = 1
    workers: int | None = None


def calibrate(plan: Plan, out: Path, say: Callable[[str], None], docs: Path | None = None) -> pd.DataFrame:
    """Simulate the studies, then `summarise`.

    Deterministic in plan.seed; results do not depend on the number of workers. Studies that an interrupted run of the
    same code and seed has finished are taken from out/studies.

    Parameters
    ----------
    plan : Plan
        Numbers of studies, seed and workers.
    out : pathlib.Path
        Folder for outcomes.parquet and what `summarise` writes.
    say : callable
        Receives lines of progress.
    docs : pathlib.Path, optional
        Page of documentation to write the text to as well.

    Returns
    -------
    pandas.DataFrame
        Rates of false claims, as in calibration.csv.
    """
    files = CalibrationRun(out)
    files.write_outcomes(_studies(plan, files.studies, say))
    return summarise(plan, out, say, docs)


def summarise(plan: Plan, out: Path, say: Callable[[str], None], docs: Path | None = None) -> pd.DataFrame:
    """Write calibration.csv, power.csv, equivalence.csv, two figures and calibration.md from outcomes.parquet.

    Parameters
    ----------
    plan : Plan
        Numbers of studies, seed and workers.
    out : pathlib.Path
        Folder with outcomes.parquet.
    say : callable
        Receives one line with the result.
    docs : pathlib.Path, optional
        Page of documentation to write the text to as well.

    Returns
    -------
    pandas.DataFrame
        Rates of false claims, as in calibration.csv.

    Raises
    ------
    DataError
        Where no studies have been run.
    """
    files = CalibrationRun(out)
    outcomes = files.read_outcomes()
    table = false_claim_rates(outcomes, MIN_RECORDINGS)
    variation = mean_accuracy_spread(outcomes)
    cells = power_curves.cells(*variation, plan.power_studies, plan.seed)
    jobs = equivalence_claims.jobs(*variation, EQUIVALENCE_STUDIES * plan.power_studies, plan.seed)
    curves = power_curves.table(parallel.run_jobs(power_curves.run, cells, _workers(plan, len(cells)), lambda _: None))
    claims = equivalence_claims.table(
        parallel.run_jobs(equivalence_claims.run, jobs, _workers(plan, len(jobs)), lambda _: None)
    )
    files.write_tables(table, curves, claims)
    figures.draw_false_claims(table, files.false_claims_image)
    figures.draw_power(curves, files.power_image)
    text = page.page(page.Tables(table, curves, claims, outcomes), plan.seed)
    for path in [files.page, *([docs] if docs else [])]:
        path.write_text(text, encoding="utf-8")
    bad = failing(table)
    say(f"{len(bad)} primary tests do not hold 5 %" if len(bad) else "every primary test holds its level")
    return table


def _studies(plan: Plan, folder: Path, say: Callable[[str], None]) -> pd.DataFrame:
    """Outcomes of all studies, in the order of scenarios and numbers; those that are not done yet are run."""
    place = folder / f"{source_hash(study.__name__)[:12]}-{plan.seed}"
    for old in folder.glob("*"):
        if old != place:
            remove(old)
    place.mkdir(parents=True, exist_ok=True)
    jobs = [
        StoredStudy(study.StudyJob(w, k, plan.seed), place)
        for k in range(plan.studies)
        for w in scenarios.SCENARIOS
        if k % EVERY[w] == 0
    ]
    todo = [job for job in jobs if not job.path.is_file()]
    done = len(jobs) - len(todo)

    def count(_: object) -> None:
        nonlocal done
        done += 1
        if done % 50 == 0 or done == len(jobs):
            say(f"{done} of {len(jobs)} studies")

    if todo:
        parallel.run_jobs(_run, todo, _workers(plan, len(todo)), count, STUDY_MODULES)
    table = pd.concat([pd.read_parquet(job.path) for job in jobs], ignore_index=True)
    return table.sort_values(["scenario", "study"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class StoredStudy:
    """A study and the folder of its outcome."""

    job: study.StudyJob
    folder: Path

    @property
    def path(self) -> Path:
        return study_path(self.folder, self.job.scenario, self.job.number)


def _run(stored: StoredStudy, report: parallel.Report) -> None:
    table = study.run(stored.job, report)
    with output(stored.path) as path:
        table.to_parquet(path, index=False)


def _workers(plan: Plan, jobs: int) -> int:
    return parallel.n_workers(ComputeConfig(workers=plan.workers or "auto"), jobs)
