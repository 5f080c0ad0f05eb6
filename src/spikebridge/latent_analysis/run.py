"""The stage analyze: every analysis of the settings in every fold, then the tables of all folds together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from spikebridge import models
from spikebridge.artifacts.latent_analysis import INNER_SCORES, LatentAnalysisRun
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.tuning import TunedFold, TuningRun
from spikebridge.artifacts.windows import load_windows
from spikebridge.baseline import Baselines
from spikebridge.config import AnalysisConfig, BaselineConfig, ComputeConfig, Sections
from spikebridge.latent_analysis import (
    ablation,
    alignment,
    attribution,
    consistency,
    direction,
    held_out_units,
    optimism,
)
from spikebridge.latent_analysis.refit import Refits
from spikebridge.runtime import job_lists, parallel
from spikebridge.runtime.job_lists import JobList
from spikebridge.types import Splits

ANALYSES = {
    "direction": direction.tables,
    "consistency": consistency.tables,
    "held_out_units": held_out_units.tables,
    "attribution": attribution.tables,
    "optimism": optimism.tables,
    "ablation": ablation.tables,
    "alignment": alignment.tables,
}


@dataclass(frozen=True)
class AnalysisSections(Sections):
    """The sections of params.yaml that the stage analyze uses.

    Parameters
    ----------
    seed : int
        Of every random stream.
    models : mapping
        The names of all models.
    baseline, analysis, compute : Section
        The sections of these names.
    """

    seed: int
    models: Mapping[str, object]
    baseline: BaselineConfig
    analysis: AnalysisConfig
    compute: ComputeConfig


@dataclass(frozen=True)
class AnalysisFold:
    """One outer fold of all analyses: everything that a worker needs. tuned: model -> its settings in this fold."""

    seed: int
    baseline: BaselineConfig
    settings: AnalysisConfig
    fold: int
    windows: Path
    splits: Path
    device: str
    tuned: Mapping[str, TunedFold]


def analyze(
    sections: AnalysisSections, windows: Path, splits: Path, tuned: Path, out: Path, on_epoch: parallel.Report
) -> None:
    """Refit the tuned translator in several ways in every outer fold, and write what its latents mean.

    Parameters
    ----------
    sections : AnalysisSections
        The settings of the stage. Where the model of the analysis is not among the models, no analysis is asked for,
        or whole recordings are held out, about.json names no analysis and there is no table.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    tuned : Path
        Folder with <model>/best.json of the stage tune.
    out : Path
        New folder for the results; see spikebridge.artifacts.latent_analysis.
    on_epoch : Callable
        Called in this process with one dict an epoch of every fit.
    """
    settings = sections.analysis
    out.mkdir(parents=True)
    run = LatentAnalysisRun(out)
    manifest = load_splits(splits)
    wanted = _wanted(sections, manifest)
    run.write_about(settings.model, wanted, manifest.hash)
    if not wanted:
        return
    tunings = _tunings(sections, tuned)
    if audited := _audited(sections, tuned):
        run.write_tables({INNER_SCORES: optimism.inner_scores({m: tunings[m] for m in audited})})
    workers = parallel.workers_for(sections.compute, len(_short(tunings[settings.model], settings.model, settings)))
    parallel.prepare(workers, _modules(tunings))
    listed = analysis_jobs(sections, windows, splits, tuned)
    results = job_lists.results(listed, workers, on_epoch)
    run.write_tables({name: pd.concat([r[name] for r in results], ignore_index=True) for name in results[0]})


def analysis_jobs(sections: AnalysisSections, windows: Path, splits: Path, tuned: Path) -> JobList:
    """List the folds of all analyses; nothing is run.

    Parameters
    ----------
    sections : AnalysisSections
        The settings of the stage.
    windows, splits : Path
        Folder of the windows, and the split manifest.
    tuned : Path
        Folder with <model>/best.json of the stage tune.

    Returns
    -------
    JobList
        Each returns the tables of one fold. Empty where `analyze` writes no table.
    """
    settings = sections.analysis
    if not _wanted(sections, load_splits(splits)):
        return JobList("analyze", _analyze_fold, [], [])
    short = {m: _short(folds, m, settings) for m, folds in _tunings(sections, tuned).items()}
    modules = _modules(short)
    device = parallel.device(sections.compute, modules)
    jobs = [
        AnalysisFold(
            sections.seed,
            sections.baseline,
            settings,
            int(fold.fold),
            windows,
            splits,
            device,
            {m: short[m][k] for m in short},
        )
        for k, fold in enumerate(short[settings.model])
    ]
    return JobList("analyze", _analyze_fold, jobs, [f"fold {job.fold}" for job in jobs], modules, list(short))


def _wanted(sections: AnalysisSections, manifest: Splits) -> list[str]:
    """The analyses that are made: they score test blocks of recordings that they are fitted to."""
    settings = sections.analysis
    return list(settings.analyses) if settings.model in sections.models and manifest.by == "block" else []


def _audited(sections: AnalysisSections, tuned: Path) -> list[str]:
    """The models whose optimism is measured."""
    if "optimism" not in sections.analysis.analyses:
        return []
    return optimism.models_of([m for m in sections.models if TuningRun(tuned / m).best.is_file()])


def _tunings(sections: AnalysisSections, tuned: Path) -> dict[str, Sequence[TunedFold]]:
    """What was chosen in each fold, of all models that are fitted."""
    names = dict.fromkeys([sections.analysis.model, *_audited(sections, tuned)])
    return {m: TuningRun(tuned / m).read_settings().folds for m in names}


def _modules(names: Iterable[str]) -> list[str]:
    return [*(library for m in names for library in models.get_class(m).libraries), __name__]


def _short(folds: Sequence[TunedFold], model: str, settings: AnalysisConfig) -> list[TunedFold]:
    """The folds that are analysed, with settings for a short fit."""
    return [
        replace(fold, params=optimism.shorten(fold.params, model, settings.n_members, settings.max_epochs))
        for fold in folds[: settings.n_folds]
    ]


def _analyze_fold(job: AnalysisFold, report: parallel.Report) -> dict[str, pd.DataFrame]:
    manifest = load_splits(job.splits)
    fold = next(f for f in manifest.folds if f.fold == job.fold)
    data = load_windows(job.windows)
    refits = Refits(
        job.seed, job.settings, data, manifest, fold, job.device, report, job.tuned, Baselines(job.baseline)
    )
    tables: dict[str, pd.DataFrame] = {}
    for name in job.settings.analyses:
        tables |= ANALYSES[name](refits)
    return tables
