"""The stages whose jobs are fanned out, in waves, and the lists of their jobs.

Stages of one wave do not depend on each other, so all of their jobs run together. A wave is listed when DVC has
collected the results of the one before: its jobs depend on them (the settings that tuning chose are arguments of the
fits of `train`), so that nothing is guessed and every fingerprint is known before a job begins.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.tuning import TUNING_FOLDER, UNFINISHED_STUDIES_FOLDER, TuningRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.config import (
    AnalysisConfig,
    BaselineConfig,
    ComputeConfig,
    NestedModelsConfig,
    Sections,
    TrialsConfig,
    TuneConfig,
)
from spikebridge.errors import StorageError
from spikebridge.fitting import training, tuning
from spikebridge.latent_analysis.run import AnalysisSections, analysis_jobs
from spikebridge.nested_models.run import NestedModelsSections, nested_model_jobs
from spikebridge.runtime.job_lists import JobList
from spikebridge.runtime.pipeline_run import stage_environment, stage_names

WAVES = (("tune",), ("train", "analyze"), ("nested_models",))
NEEDS = {"train": ("tune",), "analyze": ("tune",), "nested_models": ("train",)}
"""Stage -> the stages of earlier waves that it reads."""


@dataclass(frozen=True)
class FanOutSections(Sections):
    """The sections of params.yaml that decide the jobs of all stages.

    Parameters
    ----------
    seed : int
        Of every random stream.
    models : mapping
        Name -> settings.
    baseline, tune, analysis, trials, nested_models, compute : Section
        The sections of these names.
    """

    seed: int
    models: Mapping[str, Mapping[str, Any]]
    baseline: BaselineConfig
    tune: TuneConfig
    analysis: AnalysisConfig
    trials: TrialsConfig
    nested_models: NestedModelsConfig
    compute: ComputeConfig


def _tune(sections: FanOutSections, model: str) -> list[JobList]:
    places = WINDOWS_FOLDER, SPLITS_FILE, UNFINISHED_STUDIES_FOLDER / model
    return [tuning.tuning_jobs(TuningSections.of(sections), model, *places)]


def _train(sections: FanOutSections, model: str) -> list[JobList]:
    settings = model, sections.seed, sections.baseline, sections.compute
    tuned = TuningRun(TUNING_FOLDER / model).best
    return [training.training_jobs(*settings, WINDOWS_FOLDER, SPLITS_FILE, tuned, TRAINING_FOLDER / model)]


def _analyze(sections: FanOutSections, _: str) -> list[JobList]:
    return [analysis_jobs(AnalysisSections.of(sections), WINDOWS_FOLDER, SPLITS_FILE, TUNING_FOLDER)]


def _nested_models(sections: FanOutSections, _: str) -> list[JobList]:
    return nested_model_jobs(NestedModelsSections.of(sections), WINDOWS_FOLDER, SPLITS_FILE, TRAINING_FOLDER)


TuningSections = tuning.TuningSections
LISTS: Mapping[str, Callable[[FanOutSections, str], list[JobList]]] = {
    "tune": _tune,
    "train": _train,
    "analyze": _analyze,
    "nested_models": _nested_models,
}


def jobs_of(stage: str, sections: FanOutSections) -> list[JobList]:
    """List the jobs of one stage, in the working folder.

    Parameters
    ----------
    stage : str
        Name of the stage in dvc.yaml.
    sections : FanOutSections
        The settings.

    Returns
    -------
    list of JobList
        What the stage itself would run.
    """
    name, _, model = stage.partition("@")
    return LISTS[name](sections, model)


def waves(project: Path) -> list[list[str]]:
    """The stages of each wave.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml and params.yaml.

    Returns
    -------
    list of list of str
        Names as in dvc.yaml.
    """
    names = stage_names(project)
    return [[name for name in names if name.partition("@")[0] in wave] for wave in WAVES]


def before_waves(project: Path) -> list[str]:
    """The stages that DVC runs before any job can be listed: up to the windows, the folds and the code of models.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml and params.yaml.

    Returns
    -------
    list of str
        Names as in dvc.yaml.
    """
    names = stage_names(project)
    return names[: next((k for k, name in enumerate(names) if name.partition("@")[0] in LISTS), len(names))]


def is_blocked(stage: str, unfinished: Sequence[str]) -> bool:
    """Whether a stage reads from one that has not finished.

    Parameters
    ----------
    stage : str
        Name of the stage.
    unfinished : sequence of str
        Stages of earlier waves whose results DVC has not collected.

    Returns
    -------
    bool
        `train@dnn` reads from `tune@dnn` alone, the other stages from all models.
    """
    name, _, model = stage.partition("@")
    return any(
        other in NEEDS.get(name, ()) and (not model or model == other_model)
        for other, _, other_model in (text.partition("@") for text in unfinished)
    )


def out_of_date(project: Path, stages: Sequence[str]) -> list[str]:
    """The stages that DVC would run.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml.
    stages : sequence of str
        Names to ask about.

    Returns
    -------
    list of str
        In the order of `stages`.

    Raises
    ------
    StorageError
        Where DVC fails.
    """
    if not stages:
        return []
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json", *stages],
        cwd=project, env=stage_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        changed = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["it wrote nothing"]
        raise StorageError(f"dvc status failed: {lines[-1]}") from None
    names = {str(name).rpartition(":")[2] for name in changed}
    return [stage for stage in stages if stage in names]
