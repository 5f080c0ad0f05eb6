"""Tune models with Optuna inside every outer fold (Akiba et al. 2019). The outer test set is never used.

Each fold has one study in its own SQLite file, and the trials of a study run one after the other. The sampler gets a
new seed for every trial, from the number of finished trials. A study that was killed and resumed therefore gives the
same result as an uninterrupted study.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge import metrics, models
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import load_windows
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig, ComputeConfig, Sections, TuneConfig
from spikebridge.errors import ConfigError
from spikebridge.fitting import studies
from spikebridge.models import Model
from spikebridge.runtime import parallel
from spikebridge.runtime.hashing import digest, source_hash
from spikebridge.runtime.seeds import random_generator
from spikebridge.runtime.stage import lock, remove
from spikebridge.splits import FULL, inner_partitions, select_windows, training_intervals
from spikebridge.types import Splits, Windows


@dataclass(frozen=True)
class TuningSections(Sections):
    """The sections of params.yaml that the stage tune uses. models: name -> settings; all of them are checked."""

    seed: int
    models: Mapping[str, Mapping[str, Any]]
    baseline: BaselineConfig
    tune: TuneConfig
    compute: ComputeConfig


@dataclass(frozen=True)
class TuningStudy:
    """The inputs of one study: all that a worker needs. params: the section of the model."""

    seed: int
    baseline: BaselineConfig
    settings: TuneConfig
    model: str
    params: Mapping[str, Any]
    fold: str
    windows: Path
    splits: Path
    storage: Path
    device: str


@dataclass(frozen=True)
class Outcome:
    """The scores of one fit on its inner validation windows."""

    value: float
    inner: dict[str, float | None]


def tune(sections: TuningSections, model: str, windows: Path, splits: Path, work: Path, out: Path) -> None:
    """Run the studies of one model and write best.json, trials.csv and studies/ into `out`.

    work: folder for unfinished studies. After a kill, they are resumed if nothing that they depend on has changed. The
    folder is removed at the end. Damaged studies are kept in <work>.damaged.
    Raises ConfigError for an unknown model or setting, or if whole recordings are held out and the model cannot predict
    new recordings.
    """
    from tqdm import tqdm

    manifest = load_splits(splits)
    parallel.prepare(parallel.n_workers(sections.compute, len(manifest.folds) + 1))
    models.check_section(sections.models)
    if manifest.by != "block" and not models.get_class(model).transfers:
        raise ConfigError(
            f"split.by: {manifest.by} holds out whole recordings, but {model} is fitted to the units of each recording "
            f"and cannot predict one that it has never seen: take models.{model} out, or use split.by: block"
        )
    folds = [*map(str, range(len(manifest.folds))), FULL]
    device = parallel.device(sections.compute)
    unfinished = work / study_fingerprint(sections, model, manifest, device)
    unfinished.mkdir(parents=True, exist_ok=True)
    params, places = sections.models[model], (windows, splits)
    jobs = [
        TuningStudy(
            sections.seed,
            sections.baseline,
            sections.tune,
            model,
            params,
            f,
            *places,
            unfinished / f"{_safe(f)}.db",
            device,
        )
        for f in folds
    ]
    tunable = bool(models.get_class(model).space)
    workers = (
        parallel.n_workers(sections.compute, len(jobs)) if tunable else 1
    )  # without tuning, a worker process takes longer than the work
    with tqdm(
        total=len(jobs) * _budget(sections.tune, model), desc=f"tune {model}", unit="trial", mininterval=1
    ) as bar:

        def advance(done: int) -> None:
            bar.update(done)

        results = parallel.run_jobs(run_study, jobs, workers, advance)
    out.mkdir(parents=True)
    *best, full = [chosen for chosen, _ in results]
    run = TuningRun(out)
    run.write_settings(TunedSettings(model, best, full, bool(models.get_class(model).space), manifest.hash))
    run.write_trials((row for _, rows in results for row in rows), [job.storage for job in jobs])
    remove(work)


def study_fingerprint(sections: TuningSections, model: str, splits: Splits, device: str) -> str:
    settings = [sections.seed, sections.models[model], sections.tune.model_dump(), sections.baseline.model_dump()]
    return digest(json.dumps(settings, sort_keys=True), splits.hash, device, source_hash(__name__, names=[model]))[:16]


def _budget(settings: TuneConfig, model: str) -> int:
    return settings.n_trials if models.get_class(model).space else 1


def _safe(fold: str) -> str:
    return fold if fold == FULL else f"fold_{fold}"


def run_study(job: TuningStudy, report: parallel.Report) -> tuple[TunedFold, list[dict[str, Any]]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    work = job.storage.parents[1]
    opened = studies.opened(job.storage, job.model, job.settings, aside=work.with_name(f"{work.name}.damaged"))
    with lock(job.storage.with_suffix(".lock")), opened as study:
        done = studies.finished(study)
        report(len(done))
        data = load_windows(job.windows)
        parts = inner_partitions(load_splits(job.splits), job.fold)
        learnt = [(select_windows(data, part.train), select_windows(data, part.valid)) for part in parts]
        baselines, stream = Baselines(job.baseline), models.random_stream(job.model)
        for number in range(len(done), _budget(job.settings, job.model)):
            seed = int(random_generator(job.seed, "tune", stream, job.fold, number).integers(2**31))
            study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=job.settings.n_startup_trials)
            _run_trial(study, job, number, learnt, baselines)
            report(1)
        return _summary(study, job, training_intervals([w for pair in learnt for side in pair for w in side]))


def _run_trial(
    study: Any,
    job: TuningStudy,
    number: int,
    learnt: Sequence[tuple[list[Windows], list[Windows]]],
    baselines: Baselines,
) -> None:
    """Run one trial. learnt: (training windows, validation windows) of every inner fold. baselines: of all trials."""
    import optuna

    fixed = models.fixed_params(job.model, job.params)
    kind = models.get_class(job.model)
    if number == 0 and not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)):
        study.enqueue_trial(kind.defaults(fixed))
    trial = study.ask()
    params = kind.search_space(trial, fixed) | fixed
    capped = _cheaper(params, kind, job.settings.max_epochs)

    def watch(row: dict[str, float]) -> None:
        if len(learnt) == 1 and "valid_loss" in row:
            trial.report(-row["valid_loss"], int(row["epoch"]))
            if trial.should_prune():
                raise optuna.TrialPruned

    try:
        outcomes = []
        for i, (train, valid) in enumerate(learnt):
            rng = random_generator(job.seed, "fit", models.random_stream(job.model), job.fold, number, i)
            model = models.create(job.model, capped, job.device, baselines)
            outcomes.append(assess(model, train, valid, rng, watch))
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return
    for key in outcomes[0].inner:
        values = [o.inner[key] for o in outcomes]
        trial.set_user_attr(key, None if None in values else float(np.mean([v for v in values if v is not None])))
    trial.set_user_attr("params", params)
    study.tell(trial, float(np.mean([o.value for o in outcomes])))


def _cheaper(params: dict[str, Any], kind: type[Model], cap: int | None) -> dict[str, Any]:
    """Cheaper settings that suffice to rank trials: one network, no trees, and fewer epochs with a shorter schedule."""
    fields = kind.Params.model_fields
    if cap is None or "max_epochs" not in fields or not kind.early_stopping:
        return params
    reduced = {key: n for key, n in (("n_members", 1), ("n_readout_trees", 0)) if key in fields}
    return params | {"max_epochs": min(cap, params.get("max_epochs", fields["max_epochs"].default))} | reduced


def assess(
    model: Model, train: list[Windows], valid: list[Windows], rng: np.random.Generator, watch: Any = None
) -> Outcome:
    """Fit on `train` and score on `valid`, whose labels are hidden from the model.

    The value of a translator is its bits/spike; the value of any other model is its negative log loss.
    """
    hidden = [replace(w, label=np.full_like(w.label, -1)) for w in valid] if model.early_stopping else []
    history = model.fit(train, hidden, rng, watch)
    base = {w.recording: w.target.mean(axis=(0, 1)) for w in train}
    nats, spikes = 0.0, 0.0
    labels: list[NDArray[np.int64]] = []
    chances: list[NDArray[np.float64]] = []
    decided: list[NDArray[np.int64]] = []
    for w in valid:
        if model.translates and not model.early_stopping:
            rates = model.predict(w).rates
            assert rates is not None
            gain, n = metrics.information(rates, w.target, base[w.recording])
            nats, spikes = nats + gain.sum(), spikes + n.sum()
        known = w.select(w.labelled)
        if model.decides and len(known):
            labels.append(known.label)
            probabilities = model.predict(known).probabilities
            assert probabilities is not None
            chances.append(probabilities)
            decided.append(model.decide(probabilities, w.recording))
    inner: dict[str, float | None] = {"balanced_accuracy": None, "log_loss": None, "bits_per_spike": None}
    if (
        model.early_stopping
    ):  # the score of the epoch that the model kept; after `fit` the model has also learned from `valid`
        inner["bits_per_spike"] = max(row["valid_bits_per_spike"] for row in history.rows)
    elif model.translates:
        inner["bits_per_spike"] = metrics.bits_per_spike([nats], [spikes])
    if model.decides:
        label, chance = np.concatenate(labels), np.concatenate(chances)
        inner["balanced_accuracy"] = metrics.balanced_accuracy(label, np.concatenate(decided))
        inner["log_loss"] = metrics.log_loss(label, chance)
    value = inner["bits_per_spike"] if model.translates else -float(inner["log_loss"] or 0.0)
    assert value is not None
    return Outcome(value, inner)


def _summary(
    study: Any, job: TuningStudy, learned: dict[str, list[list[float]]]
) -> tuple[TunedFold, list[dict[str, Any]]]:
    """The settings of the best trial, and one row per trial for trials.csv. learned: the training intervals."""
    from optuna.trial import TrialState

    done = studies.finished(study)
    scores = dict(study.best_trial.user_attrs)
    rows = [
        {
            "fold": job.fold,
            "number": i,
            "state": t.state.name,
            "value": t.value if t.state == TrialState.COMPLETE else None,
        }
        | {f"params_{k}": v for k, v in t.params.items()}
        for i, t in enumerate(done)
    ]
    best = TunedFold(
        fold=job.fold if job.fold == FULL else int(job.fold),
        params=scores.pop("params"),
        inner=scores,
        n_trials=len(done),
        n_pruned=sum(t.state == TrialState.PRUNED for t in done),
        training_intervals=learned,
    )
    return best, rows
