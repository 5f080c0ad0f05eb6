"""One simulated study, from windows to verdicts: split, train and evaluate as the stages of the pipeline run them.

`evaluate` is the only part of the statistics that is called here, so every test that it reports is examined, including
later ones. Cheap models stand in for those of the primary tests, under their names; their settings are fixed, none is
tuned. In the scenario "nothing" the nested models are fitted too, on latents of a closed-form linear translator
(reduced-rank regression on smoothed counts, fitted to the training windows of each outer fold): cheap enough for
hundreds of studies, and fitted to its training data as a network is.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from spikebridge.artifacts.latents import FoldLatents, write_latents
from spikebridge.artifacts.splits import SPLITS_FILE, save_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import save_report, save_windows
from spikebridge.baseline import fit_baseline
from spikebridge.calibration import outcomes, scenarios
from spikebridge.calibration.scenarios import Scenario, draw_setting
from spikebridge.config import Config, parse
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.fitting.training import train
from spikebridge.models.seq2seq.dataset import smoothed_and_scaled
from spikebridge.models.seq2seq.initialization import LinearInitialization, linear_initialization
from spikebridge.nested_models import NestedModelsSections, fit_nested_models
from spikebridge.runtime.parallel import Report
from spikebridge.splits import make_splits
from spikebridge.types import Splits, Windows

RESAMPLES = 1_000
FOLDS = 5
LOGISTIC = ("logistic", {"n_segments": 1, "penalty": 30.0})
PARTS = ("logistic", {"n_segments": 3, "penalty": 30.0})
FOREST = ("random_forest", {"n_segments": 1, "n_estimators": 12, "min_samples_leaf": 4, "max_features": 0.3})
RIDGE = ("ridge", {"smoothing_s": 0.1, "max_lag_s": 0.0, "penalty": 3.0})
REDUCED = ("reduced_rank", {"smoothing_s": 0.1, "max_lag_s": 0.0, "penalty": 3.0, "rank": 2})
LATENTS, PENALTY, SMOOTHING_BINS = 2, 3.0, 0.2
"""Of the stand-in latents."""
Fit = tuple[str, Mapping[str, Any]]
ROLES: Mapping[Scenario, Mapping[str, tuple[Fit, ...]]] = {
    "nothing": {
        DECIDING[0]: (LOGISTIC, REDUCED),
        DECIDING[1]: (FOREST,),
        DECIDING[2]: (PARTS,),
        TRANSLATING[1]: (RIDGE,),
    },
    "equal": {
        DECIDING[0]: (LOGISTIC, RIDGE),
        DECIDING[1]: (LOGISTIC,),
        DECIDING[2]: (LOGISTIC,),
        TRANSLATING[1]: (RIDGE,),
    },
}
"""Scenario -> name in the study -> the models that stand in: one that decides, one that translates, or both."""


@dataclass(frozen=True)
class StudyJob:
    """One study. number: its random numbers depend on this, the scenario and the seed alone."""

    scenario: Scenario
    number: int
    seed: int


def run(job: StudyJob, report: Report) -> pd.DataFrame:
    """One row a test that the study reported, see `outcomes.of_study`, beside the study's setting."""
    rng = np.random.default_rng([job.seed, scenarios.SCENARIOS.index(job.scenario), job.number])
    setting = draw_setting(rng)
    data = scenarios.recordings(setting, job.scenario, rng)
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder, quiet():
        table = outcomes.claims_of_study(evaluated(Path(folder), data, job, rng), job.scenario)
        measured = outcomes.accuracy_of_study(Path(folder) / "train") if job.scenario == "equal" else {}
    report(job)
    about = {f"setting_{k}": str(v) if isinstance(v, tuple | dict) else v for k, v in asdict(setting).items()}
    return table.assign(scenario=job.scenario, study=job.number, **about, **measured)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings about the data, of which a thousand studies have thousands."""
    logger = logging.getLogger("spikebridge")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def evaluated(root: Path, data: list[Windows], job: StudyJob, rng: np.random.Generator) -> Path:
    """Split, train, fit nested models and evaluate under `root`. Returns the folder of the evaluation."""
    config = _config(job)
    every = _store(root / "windows", data)
    splits = root / SPLITS_FILE.name
    manifest = make_splits(data, config.split)
    save_splits(manifest, splits)
    order = rng.permutation(scenarios.THIRDS)  # the third of each name is random
    for k, (name, fits) in enumerate(ROLES[job.scenario].items()):
        which = int(order[k % scenarios.THIRDS]) if k < scenarios.THIRDS else int(order[1])
        part = every
        if job.scenario == "equal":
            part = _store(root / f"windows_{name}", [scenarios.third(w, which) for w in data])
        for fit in fits:
            _train(config, fit, part, splits, root, name)
    _train(config, (BASELINE, {}), every, splits, root, BASELINE)
    ladder = root / "ladder" if job.scenario == "nothing" else None
    if ladder:
        write_stand_in_latents(data, manifest, TrainingRun(root / "train" / DECIDING[0]).latents)
        fit_nested_models(NestedModelsSections.of(config), every, splits, root / "train", ladder)
    out = root / "evaluation"
    sections = EvaluationSections.of(config)
    evaluate(sections, every, splits, root / "train", root / "data", out, nested_models_folder=ladder)
    return out


def _config(job: StudyJob) -> Config:
    return parse(
        {
            "seed": int(np.random.default_rng([job.seed, job.number]).integers(2**31)),
            "data": {"path": "data", "source": ["HC"], "target": ["PFC"]},
            "trials": {"window_s": [-1.5, 0.0]},
            "bins": {"width_s": 0.5},
            "split": {"n_outer_folds": FOLDS},
            "models": {name: {} for name in (*ROLES[job.scenario], BASELINE)},
            "statistics": {"n_resamples": RESAMPLES},
            "compute": {"workers": 1, "device": "cpu"},
        },
        "calibration",
    )


def _store(folder: Path, data: list[Windows]) -> Path:
    folder.mkdir()
    for w in data:
        save_windows(w, folder)
    about = {w.recording: {"animal": w.recording.split("_")[0]} for w in data}
    save_report({"classes": list(scenarios.CLASSES), "recordings": about}, folder)
    return folder


def _train(config: Config, fit: Fit, windows: Path, splits: Path, root: Path, name: str) -> None:
    """The stage train of one model with given settings; what it says goes to train/<name>, beside what is there.

    There is no fit on everything: no test uses it.
    """
    model, params = fit
    tuned = TuningRun(root / "tuned")
    tuned.write_settings(TunedSettings(model, [TunedFold(k, dict(params)) for k in range(FOLDS)]))
    fitted = root / "fitted"
    train(model, config.seed, config.baseline, config.compute, windows, splits, tuned.best, fitted, lambda _: None)
    shutil.copytree(fitted, root / "train" / name, dirs_exist_ok=True)
    shutil.rmtree(fitted)


def write_stand_in_latents(data: Sequence[Windows], splits: Splits, path: Path) -> None:
    """Write latents.parquet as the stage train does, on the axes of the first fold."""
    folds: dict[int, dict[str, FoldLatents]] = {}
    for fold in splits.folds:
        folds[fold.fold] = {}
        for w in data:
            train, test = w.select(fold.train[w.recording]), w.select(fold.test[w.recording])
            known = fit_baseline(train, drift=False).crossed
            linear = linear_initialization(train, known, SMOOTHING_BINS, LATENTS, PENALTY)
            folds[fold.fold][w.recording] = FoldLatents(
                np.concatenate([train.trial, test.trial]),
                np.repeat([False, True], [len(train), len(test)]),
                np.concatenate([_latents(linear, part) for part in (train, test)]),
            )
    write_latents(path, data, folds, {})


def _latents(linear: LinearInitialization, w: Windows) -> NDArray[np.float32]:
    mean, spread = (torch.from_numpy(v.astype(np.float32)) for v in (linear.mean, linear.sd))
    x = smoothed_and_scaled(w.source, mean, spread, SMOOTHING_BINS, "cpu").numpy()
    return np.asarray(x @ linear.directions, dtype=np.float32)
