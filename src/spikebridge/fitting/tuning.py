"""Tune models with Optuna inside every outer fold (Akiba et al. 2019). The outer test set is never used.

Each fold has one study in its own SQLite file, and the trials of a study run one after the other. The sampler gets a
new seed for every trial, from the number of finished trials. A study that was killed and resumed therefore gives the
same result as an uninterrupted study. A model without settings to tune is scored once in each fold, without a study.

Akiba, Sano, Yanase, Ohta & Koyama 2019, KDD, 2623. The sampler is the tree-structured Parzen estimator (Bergstra,
Bardenet, Bengio & Kégl 2011, NeurIPS 24:2546).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge import models
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import load_windows
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig, ComputeConfig, Sections, TuneConfig
from spikebridge.fitting import studies
from spikebridge.fitting.assessment import assess, assess_held_out
from spikebridge.fitting.cheaper_fits import cheaper_settings, epoch_limits, is_hopeless
from spikebridge.models import Model
from spikebridge.models.parts.early_stopping import has_ended
from spikebridge.runtime import job_lists, parallel
from spikebridge.runtime.hashing import digest, source_hash
from spikebridge.runtime.job_lists import WRITTEN, JobList
from spikebridge.runtime.seeds import random_generator
from spikebridge.runtime.stage import lock, remove
from spikebridge.splits import FULL, inner_partitions, select_windows, training_intervals
from spikebridge.types import Index, Partition, Splits, Windows


@dataclass(frozen=True)
class TuningSections(Sections):
    """The sections of params.yaml that the stage tune uses.

    Parameters
    ----------
    seed : int
        Of every random stream.
    models : mapping
        Name -> settings; those of one model are used.
    baseline : BaselineConfig
        Terms of the baseline.
    tune : TuneConfig
        Number of trials and epochs.
    compute : ComputeConfig
        The machine.
    """

    seed: int
    models: Mapping[str, Mapping[str, Any]]
    baseline: BaselineConfig
    tune: TuneConfig
    compute: ComputeConfig


@dataclass(frozen=True)
class TuningStudy:
    """The inputs of one study: all that a worker needs.

    Parameters
    ----------
    seed : int
        Of every random stream.
    baseline : BaselineConfig
        Terms of the baseline.
    settings : TuneConfig
        Number of trials and epochs.
    model : str
        Name of the model.
    params : mapping
        The section of the model.
    fold : str
        Number of the outer fold, or "full".
    windows, splits : Path
        Folder of the windows, and the split manifest.
    storage : Path
        The SQLite file of the study.
    device : str
        Of torch.
    """

    seed: int
    baseline: BaselineConfig
    settings: TuneConfig
    model: str
    params: Mapping[str, Any]
    fold: str
    windows: Path
    splits: Path
    storage: Path = field(metadata=WRITTEN)
    device: str


def tune(
    sections: TuningSections, model: str, windows: Path, splits: Path, work: Path, out: Path, full: bool = True
) -> None:
    """Run the studies of one model and write best.json, trials.csv and studies/.

    After a kill, unfinished studies are resumed if nothing that they depend on has changed. A model without settings to
    tune has no studies.

    Parameters
    ----------
    sections : TuningSections
        The settings of the stage.
    model : str
        Name of the model.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    work : Path
        Folder for unfinished studies, removed at the end. Damaged studies are kept in <work>.damaged.
    out : Path
        New folder for the results; see spikebridge.artifacts.tuning.
    full : bool
        Whether settings are also tuned for a fit on everything; without them, the stage train fits the outer folds
        alone.

    Raises
    ------
    ConfigError
        For an unknown model or setting, or if whole recordings are held out and the model cannot predict new
        recordings.
    """
    from tqdm import tqdm

    kind, manifest = models.get_class(model), load_splits(splits)
    workers = _workers(sections.compute, kind, len(manifest.folds) + full)
    parallel.prepare(workers, _modules(kind))
    listed = tuning_jobs(sections, model, windows, splits, work, full)
    listed.jobs[0].storage.parent.mkdir(parents=True, exist_ok=True)
    n_trials = sections.tune.n_trials if kind.space else 1
    with tqdm(total=len(listed.jobs) * n_trials, desc=listed.stage, unit="trial", mininterval=1) as bar:

        def advance(done: int) -> None:
            bar.update(done)

        results = job_lists.results(listed, workers, advance, lambda stored: bar.update(stored * n_trials))
    out.mkdir(parents=True)
    best = [chosen for chosen, _ in results]
    last = best.pop() if full else None
    run = TuningRun(out)
    run.write_settings(TunedSettings(model, best, last, bool(kind.space), manifest.hash))
    run.write_trials((row for _, rows in results for row in rows), [job.storage for job in listed.jobs if kind.space])
    remove(work)


def tuning_jobs(
    sections: TuningSections, model: str, windows: Path, splits: Path, work: Path, full: bool = True
) -> JobList:
    """List the studies of one model, one a fold; nothing is run.

    Parameters
    ----------
    sections : TuningSections
        The settings of the stage.
    model : str
        Name of the model.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    work : Path
        Folder for unfinished studies.
    full : bool
        Whether settings are also tuned for a fit on everything.

    Returns
    -------
    JobList
        Each returns the settings that it chose, and its rows of trials.csv.

    Raises
    ------
    ConfigError
        As of `tune`.
    """
    kind, manifest = models.get_class(model), load_splits(splits)
    modules, params = _modules(kind), sections.models[model]
    models.fixed_params(model, params)
    models.check_new_units(manifest.by, [model])
    folds = [*map(str, range(len(manifest.folds))), *([FULL] if full else [])]
    device = parallel.device(sections.compute, modules)
    unfinished = work / study_fingerprint(sections, model, manifest, device)
    settings = sections.seed, sections.baseline, sections.tune
    jobs = [
        TuningStudy(*settings, model, params, fold, windows, splits, unfinished / f"{_safe(fold)}.db", device)
        for fold in folds
    ]
    run = run_study if kind.space else score_once
    return JobList(f"tune@{model}", run, jobs, [f"fold {fold}" for fold in folds], modules, [model])


def study_fingerprint(sections: TuningSections, model: str, splits: Splits, device: str) -> str:
    """A digest of all that the studies of a model depend on: settings, folds with their windows, device and code.

    Parameters
    ----------
    sections : TuningSections
        The settings of the stage.
    model : str
        Name of the model.
    splits : Splits
        The split manifest.
    device : str
        Of torch.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    settings = [sections.seed, sections.models[model], sections.tune.model_dump(), sections.baseline.model_dump()]
    return digest(json.dumps(settings, sort_keys=True), splits.hash, device, source_hash(__name__, names=[model]))[:16]


def _workers(compute: ComputeConfig, kind: type[Model], jobs: int) -> parallel.Workers:
    """One for a model without settings to tune: to start a process takes longer than to score it once."""
    return parallel.workers_for(compute, jobs) if kind.space else 1


def _modules(kind: type[Model]) -> tuple[str, ...]:
    return (*kind.libraries, kind.__module__, __name__, *(studies.MODULES if kind.space else ()))


def _safe(fold: str) -> str:
    return fold if fold == FULL else f"fold_{fold}"


Learnt = tuple[Sequence[Windows], Sequence[Partition]]
"""The windows of all recordings, and the partition of every inner fold."""


def score_once(job: TuningStudy, report: parallel.Report) -> studies.Result:
    """Score the settings of a model that has none to tune.

    Parameters
    ----------
    job : TuningStudy
        Its inputs.
    report : callable
        Called with 1 at the end.

    Returns
    -------
    best : TunedFold
        The settings and their scores.
    rows : list of dict
        One row of trials.csv.
    """
    learnt = _learnt(job)
    params = models.fixed_params(job.model, job.params)
    value, scores = _scores(job, params, 0, learnt, Baselines(job.baseline))
    report(1)
    best = TunedFold(_fold(job), params, scores, training_intervals=_intervals(learnt))
    return best, [{"fold": job.fold, "number": 0, "state": "COMPLETE", "value": value}]


def run_study(job: TuningStudy, report: parallel.Report) -> studies.Result:
    """Run the trials of one study that have not been run yet.

    Parameters
    ----------
    job : TuningStudy
        Its inputs.
    report : callable
        Called with the number of trials that were finished before, and with 1 after each trial.

    Returns
    -------
    best : TunedFold
        The settings of the trial with the highest value, and its scores.
    rows : list of dict
        One row of trials.csv for each trial.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    work = job.storage.parents[1]
    opened = studies.opened(job.storage, job.model, job.settings, aside=work.with_name(f"{work.name}.damaged"))
    with lock(job.storage.with_suffix(".lock")), opened as study:
        done = studies.finished(study)
        report(len(done))
        learnt = _learnt(job)
        baselines, stream = Baselines(job.baseline), models.random_stream(job.model)
        for number in range(len(done), job.settings.n_trials):
            seed = int(random_generator(job.seed, "tune", stream, job.fold, number).integers(2**31))
            study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=job.settings.n_startup_trials)
            _run_trial(study, job, number, learnt, baselines)
            report(1)
        return studies.summary(study, _fold(job), _intervals(learnt))


def _learnt(job: TuningStudy) -> Learnt:
    return load_windows(job.windows), inner_partitions(load_splits(job.splits), job.fold)


def _intervals(learnt: Learnt) -> dict[str, list[list[float]]]:
    data, parts = learnt
    used = [index for part in parts for index in _indices(part)]
    return training_intervals([w for index in used for w in select_windows(data, index)])


def _indices(part: Partition) -> list[Index]:
    """All windows that a partition uses, those that score a fit included."""
    return [part.train, part.valid, part.test, *([] if part.adapt is None else _indices(part.adapt))]


def _fold(job: TuningStudy) -> int | str:
    return job.fold if job.fold == FULL else int(job.fold)


def _run_trial(study: Any, job: TuningStudy, number: int, learnt: Learnt, baselines: Baselines) -> None:
    """Run one trial. baselines: of all trials.

    A fit that stops early and is not the best ends after its epochs: its value is known then. What follows them
    (calibration, read-outs of decisions) gives only scores that are read of the best trial alone. A fit that can
    hardly become the best ends before (`is_hopeless`, and the median rule of `studies`). With up to ten trials the
    sampler looks at which trial is the best, and not at the values of the others.
    """
    import optuna
    from optuna.trial import TrialState

    fixed = models.fixed_params(job.model, job.params)
    kind = models.get_class(job.model)
    if number == 0 and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(kind.defaults(fixed))
    trial = study.ask()
    params = kind.search_space(trial, fixed) | fixed

    complete = [t for t in studies.finished(study) if t.state == TrialState.COMPLETE]
    best = max((t.value for t in complete), default=-np.inf)
    of_best = next((list(t.intermediate_values.values()) for t in complete if t.value == best), [])
    limits, losses, bits = epoch_limits(cheaper_settings(params, kind, job.settings.max_epochs), kind), [], []

    def watch(row: dict[str, float]) -> None:
        if len(learnt[1]) == 1 and "valid_loss" in row:
            trial.report(-row["valid_loss"], int(row["epoch"]))
            if trial.should_prune():
                raise optuna.TrialPruned
            losses.append(row["valid_loss"])
            if is_hopeless([-loss for loss in losses], of_best):
                raise optuna.TrialPruned
            bits.append(row.get("valid_bits_per_spike", np.nan))
            if limits and has_ended(losses, *limits) and max(bits) <= best:
                raise _NotBestError(max(bits))

    try:
        value, scores = _scores(job, params, number, learnt, baselines, watch)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        return
    except _NotBestError as error:
        value, scores = error.value, {}
    for key, score in {**scores, "params": params}.items():
        trial.set_user_attr(key, score)
    study.tell(trial, value)


class _NotBestError(Exception):
    """Ends the fit of a trial that is not the best. value: of the trial."""

    def __init__(self, value: float) -> None:
        super().__init__(value)
        self.value = value


def _scores(
    job: TuningStudy, params: dict[str, Any], number: int, learnt: Learnt, baselines: Baselines, watch: Any = None
) -> tuple[float, dict[str, float | None]]:
    """The value of a trial, and its scores; both are means over the inner folds. number: of the trial."""
    capped = cheaper_settings(params, models.get_class(job.model), job.settings.max_epochs)
    outcomes, stream, data = [], models.random_stream(job.model), learnt[0]
    for i, part in enumerate(learnt[1]):
        rng = random_generator(job.seed, "fit", stream, job.fold, number, i)
        model = models.create(job.model, capped, job.device, baselines)
        if part.adapt is not None:
            outcomes.append(assess_held_out(model, data, part, rng, watch))
            continue
        train, valid = select_windows(data, part.train), select_windows(data, part.valid)
        outcomes.append(assess(model, train, valid, rng, watch))
    scores: dict[str, float | None] = {}
    for key in outcomes[0].inner:
        values = [o.inner[key] for o in outcomes]
        scores[key] = None if None in values else float(np.mean([v for v in values if v is not None]))
    return float(np.mean([o.value for o in outcomes])), scores
