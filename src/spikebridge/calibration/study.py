"""One simulated study, from windows to verdicts: split, train and evaluate as the stages of the pipeline run them.

`evaluate` is the only part of the statistics that is called here, so every test that it reports is examined, including
later ones. seq2seq is the product's own, small and shortly trained: its decisions come from its shared latents alone.
Cheap models have the names of other models of the declared tests; settings are fixed, none is tuned. In every second
study of the scenario "nothing" the nested models are fitted too.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from spikebridge.artifacts.splits import SPLITS_FILE, save_splits
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import save_report, save_windows
from spikebridge.calibration import outcomes, scenarios
from spikebridge.calibration.scenarios import UNSEEN, Scenario, Setting, animal_of, draw_setting, draw_unseen
from spikebridge.config import Config, parse
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.fitting.training import train
from spikebridge.nested_models import NestedModelsSections, fit_nested_models
from spikebridge.runtime.parallel import Report
from spikebridge.runtime.stage import remove
from spikebridge.splits import make_splits
from spikebridge.types import Windows

RESAMPLES = 1_000
FOLDS = {"block": 5, "recording": 4, "animal": 3}
"""What is held out -> number of outer folds."""
NESTED_EVERY = 2
"""One study of "nothing" in so many fits the nested models, which take as long as all else."""
Part = Literal["all", "decisions", "translation"]


@dataclass(frozen=True)
class Role:
    """A model of a study.

    name: in the study. model, settings: what is fitted. third: of the source units that it gets, in a random order;
    None: all units. part: what of its results counts.
    """

    name: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    third: int | None = None
    part: Part = "all"


SEQ2SEQ = "seq2seq", {
    "n_members": 1, "n_latents": 3, "input_size": 6, "hidden_size": 8, "smoothing_s": 0.1, "dropout": 0.2,
    "max_epochs": 4, "n_readout_trees": 12,
}  # fmt: skip
LOGISTIC = "logistic", {"n_segments": 3, "penalty": 30.0}
FOREST = "random_forest", {"n_segments": 1, "n_estimators": 12, "min_samples_leaf": 4, "max_features": 0.3}
RIDGE = "ridge", {"smoothing_s": 0.1, "max_lag_s": 0.0, "penalty": 3.0}
ALIGNED = "aligned_pca", {"smoothing_s": 0.1, "n_components": 4}
MAJORITY = Role(BASELINE, BASELINE)
HELD_OUT = (Role(DECIDING[0], *SEQ2SEQ), Role("aligned_pca", *ALIGNED), Role(TRANSLATING[1], *RIDGE), MAJORITY)
"""The models that meet units of recordings that are held out."""
ROLES: Mapping[Scenario, tuple[Role, ...]] = {
    "nothing": (
        Role(DECIDING[0], *SEQ2SEQ),
        Role(DECIDING[1], *FOREST),
        Role(DECIDING[2], *LOGISTIC),
        Role(TRANSLATING[1], *RIDGE),
        MAJORITY,
    ),
    "equal": (
        Role(DECIDING[0], *SEQ2SEQ, third=0),
        Role(DECIDING[1], *SEQ2SEQ, third=1, part="decisions"),
        Role(DECIDING[2], *SEQ2SEQ, third=2, part="decisions"),
        Role(TRANSLATING[1], *SEQ2SEQ, third=1, part="translation"),
        MAJORITY,
    ),
    "unseen_coupled": HELD_OUT,
    "unseen_nothing": HELD_OUT,
}
"""Scenario -> the models of its studies."""


@dataclass(frozen=True)
class StudyJob:
    """One study. number: its random numbers depend on this, the scenario and the seed alone."""

    scenario: Scenario
    number: int
    seed: int


def run(job: StudyJob, report: Report) -> pd.DataFrame:
    """One row a test that the study reported, see `outcomes.of_study`, beside the study's setting."""
    rng = np.random.default_rng([job.seed, scenarios.SCENARIOS.index(job.scenario), job.number])
    setting = draw_unseen(rng) if job.scenario in UNSEEN else draw_setting(rng)
    data = scenarios.recordings(setting, job.scenario, rng)
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder, quiet():
        table = outcomes.claims_of_study(evaluated(Path(folder), data, job, setting, rng), job.scenario)
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


def evaluated(root: Path, data: list[Windows], job: StudyJob, setting: Setting, rng: np.random.Generator) -> Path:
    """Split, train, fit nested models and evaluate under `root`. Returns the folder of the evaluation."""
    config = _config(job, setting)
    every, splits = _store(root / "windows", data), root / SPLITS_FILE.name
    save_splits(make_splits(data, config.split, animals={w.recording: animal_of(w.recording) for w in data}), splits)
    order = rng.permutation(scenarios.THIRDS).tolist()
    fitted: dict[tuple[str, int | None], Path] = {}
    for role in ROLES[job.scenario]:
        key = role.model, role.third
        if key not in fitted:
            units = every
            if role.third is not None:
                parts = [scenarios.third(w, order[role.third]) for w in data]
                units = _store(root / f"windows_{role.third}", parts)
            fitted[key] = _train(config, role, units, splits, root)
        _keep(fitted[key], root / "train" / role.name, role.part)
    ladder = root / "ladder" if job.scenario == "nothing" and job.number % NESTED_EVERY == 0 else None
    if ladder:
        fit_nested_models(NestedModelsSections.of(config), every, splits, root / "train", ladder)
    out = root / "evaluation"
    sections = EvaluationSections.of(config)
    evaluate(sections, every, splits, root / "train", root / "data", out, nested_models_folder=ladder)
    return out


def _config(job: StudyJob, setting: Setting) -> Config:
    return parse(
        {
            "seed": int(np.random.default_rng([job.seed, job.number]).integers(2**31)),
            "data": {"path": "data", "source": ["HC"], "target": ["PFC"]},
            "trials": {
                "window_s": [-1.5, 0.0],
                "covariates": list(scenarios.COLUMNS) if job.scenario in UNSEEN else [],
            },
            "bins": {"width_s": 0.5},
            "split": {"by": setting.by, "n_outer_folds": FOLDS[setting.by]},
            "models": {role.name: {} for role in ROLES[job.scenario]},
            "statistics": {"n_resamples": RESAMPLES},
            "compute": {"workers": 1, "device": "cpu"},
        },
        "calibration",
    )


def _store(folder: Path, data: list[Windows]) -> Path:
    folder.mkdir()
    for w in data:
        save_windows(w, folder)
    about = {w.recording: {"animal": animal_of(w.recording)} for w in data}
    save_report({"classes": list(scenarios.CLASSES), "recordings": about}, folder)
    return folder


def _train(config: Config, role: Role, windows: Path, splits: Path, root: Path) -> Path:
    """The stage train of one model with given settings, without a fit on everything, which no test uses."""
    tuned = TuningRun(root / "tuned")
    folds = [TunedFold(k, dict(role.settings)) for k in range(config.split.n_outer_folds)]
    tuned.write_settings(TunedSettings(role.model, folds))
    out = root / "fitted" / f"{role.model}_{role.third}"
    out.parent.mkdir(exist_ok=True)
    train(role.model, config.seed, config.baseline, config.compute, windows, splits, tuned.best, out, lambda _: None)
    return out


def _keep(fitted: Path, place: Path, part: Part) -> None:
    """Copy the results of a fit, or a part of them."""
    shutil.copytree(fitted, place)
    run = TrainingRun(place)
    dropped = {
        "all": (),
        "decisions": (run.translation, run.rates, run.baselines, run.latents),
        "translation": (run.predictions, run.latents),
    }
    for path in dropped[part]:
        remove(path)
