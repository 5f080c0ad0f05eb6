"""The stage analyze: every analysis of the settings in every fold, then the tables of all folds together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from spikebridge.runtime import parallel

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
    of_blocks = manifest.by == "block"  # the analyses score test blocks of recordings that they are fitted to
    wanted = settings.analyses if settings.model in sections.models and of_blocks else []
    run.write_about(settings.model, wanted, manifest.hash)
    if not wanted:
        return
    tunings = {m: TuningRun(tuned / m) for m in sections.models}
    known = [m for m, tuning in tunings.items() if tuning.best.is_file()]
    audited = optimism.models_of(known) if "optimism" in wanted else []
    folds = {m: tunings[m].read_settings().folds for m in dict.fromkeys([settings.model, *audited])}
    if audited:
        run.write_tables({INNER_SCORES: optimism.inner_scores({m: folds[m] for m in audited})})
    short = {m: _short(of_model, m, settings) for m, of_model in folds.items()}
    workers = parallel.workers_for(sections.compute, len(short[settings.model]))
    modules = [library for m in short for library in models.get_class(m).libraries]
    parallel.prepare(workers, [*modules, __name__])
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
    results = parallel.run_jobs(_analyze_fold, jobs, workers, on_epoch, modules)
    run.write_tables({name: pd.concat([r[name] for r in results], ignore_index=True) for name in results[0]})


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
