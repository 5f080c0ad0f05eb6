"""One simulated study, through the product from windows to verdicts: split, train and evaluate as the stages run them.

Nothing of the statistics is called here but `evaluate`, so whatever it reports is audited, also what is added later.
Cheap models stand in for those of the primary tests, under their names; their settings are fixed, none is tuned. Where
there is nothing to find the ladder is climbed too, by the product's own steps, on latents that a linear translator has.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.calibration import latents, outcomes, scenario, spread
from spikebridge.calibration.scenario import World
from spikebridge.calibration.settings import draw
from spikebridge.config import Config, parse
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.evaluation import evaluate
from spikebridge.fitting.training import train
from spikebridge.nested_models import fit_nested_models
from spikebridge.runtime.parallel import Report
from spikebridge.splits import make_splits, save_splits
from spikebridge.types import Windows

RESAMPLES = 1_000
FOLDS = 5
LOGISTIC = ("logistic", {"n_segments": 1, "penalty": 30.0})
PARTS = ("logistic", {"n_segments": 3, "penalty": 30.0})
FOREST = ("random_forest", {"n_segments": 1, "n_estimators": 12, "min_samples_leaf": 4, "max_features": 0.3})
RIDGE = ("ridge", {"smoothing_s": 0.1, "max_lag_s": 0.0, "penalty": 3.0, "psth": False})
REDUCED = ("reduced_rank", {"smoothing_s": 0.1, "max_lag_s": 0.0, "penalty": 3.0, "psth": False, "rank": 2})
Fit = tuple[str, Mapping[str, Any]]
ROLES: Mapping[World, Mapping[str, tuple[Fit, ...]]] = {
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
"""World -> name in the study -> the models that stand in: one that decides, one that translates, or both."""


@dataclass(frozen=True)
class Job:
    """One study. number: its random numbers depend on this, the world and the seed alone."""

    world: World
    number: int
    seed: int


def run(job: Job, report: Report) -> pd.DataFrame:
    """One row a test that the study reported, see `outcomes.of_study`, beside the study's setting."""
    rng = np.random.default_rng([job.seed, scenario.WORLDS.index(job.world), job.number])
    setting = draw(rng)
    data = scenario.recordings(setting, job.world, rng)
    with tempfile.TemporaryDirectory(prefix="audit-") as folder, quiet():
        table = outcomes.of_study(evaluated(Path(folder), data, job, rng), job.world)
        measured = spread.of_study(Path(folder) / "train") if job.world == "equal" else {}
    report(job)
    about = {f"setting_{k}": str(v) if isinstance(v, tuple) else v for k, v in asdict(setting).items()}
    return table.assign(world=job.world, study=job.number, **about, **measured)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the product's remarks on the data, of which a thousand studies have thousands."""
    logger = logging.getLogger("spikebridge")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def evaluated(root: Path, data: list[Windows], job: Job, rng: np.random.Generator) -> Path:
    """Split, train, ladder and evaluate under `root`. Returns the folder of the evaluation."""
    config = _config(job)
    every = _store(root / "windows", data)
    splits = root / "splits.json"
    manifest = make_splits(data, config.split)
    save_splits(manifest, splits)
    order = rng.permutation(scenario.THIRDS)  # which third a name gets is chance
    for k, (name, fits) in enumerate(ROLES[job.world].items()):
        which = int(order[k % scenario.THIRDS]) if k < scenario.THIRDS else int(order[1])
        part = every
        if job.world == "equal":
            part = _store(root / f"windows_{name}", [scenario.third(w, which) for w in data])
        for fit in fits:
            _train(config, fit, part, splits, root, name)
    _train(config, (BASELINE, {}), every, splits, root, BASELINE)
    ladder = root / "ladder" if job.world == "nothing" else None
    if ladder:
        latents.write(data, manifest, TrainingRun(root / "train" / DECIDING[0]).latents)
        fit_nested_models(config, every, splits, root / "train", ladder)
    out = root / "evaluation"
    evaluate(config, every, splits, root / "train", root / "data", out, ladder_folder=ladder)
    return out


def _config(job: Job) -> Config:
    return parse(
        {
            "seed": int(np.random.default_rng([job.seed, job.number]).integers(2**31)),
            "data": {"path": "data", "source": ["HC"], "target": ["PFC"]},
            "trials": {"window_s": [-1.5, 0.0]},
            "bins": {"width_s": 0.5},
            "split": {"n_outer_folds": FOLDS},
            "models": {name: {} for name in (*ROLES[job.world], BASELINE)},
            "statistics": {"n_resamples": RESAMPLES},
            "compute": {"workers": 1, "device": "cpu"},
        },
        "audit",
    )


def _store(folder: Path, data: list[Windows]) -> Path:
    folder.mkdir()
    for w in data:
        w.save(folder / f"{w.recording}.npz")
    about = {w.recording: {"animal": w.recording.split("_")[0]} for w in data}
    (folder / "report.json").write_text(json.dumps({"classes": list(scenario.CLASSES), "recordings": about}))
    return folder


def _train(config: Config, fit: Fit, windows: Path, splits: Path, root: Path, name: str) -> None:
    """The stage train of one model with given settings; what it says goes to train/<name>, beside what is there.

    There is no fit on everything: no test uses it.
    """
    model, params = fit
    tuned = TuningRun(root / "tuned")
    tuned.write_settings(TunedSettings(model, [TunedFold(k, dict(params)) for k in range(FOLDS)]))
    fitted = root / "fitted"
    train(config, model, windows, splits, tuned.best, fitted, lambda _: None)
    shutil.copytree(fitted, root / "train" / name, dirs_exist_ok=True)
    shutil.rmtree(fitted)
