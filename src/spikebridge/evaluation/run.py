"""The stage evaluate, in order: leakage check, scores, comparisons, nulls, recovery, tables for the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import (
    BASELINES_TABLE,
    BEYOND_LINEAR_TABLE,
    FEW_LABELS_TABLE,
    LATENT_POSITIONS_TABLE,
    NESTED_MODELS_TABLE,
    OPTIMISM_FOLDS_TABLE,
    PSTH_TABLE,
    TIME_RESOLVED_TABLE,
    UNIT_SCORES_TABLE,
)
from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.config import AnalysisConfig, DataConfig, Sections, StatisticsConfig, TrialsConfig
from spikebridge.evaluation import leakage
from spikebridge.evaluation.beyond_linear import beyond_linear_score, beyond_linear_table
from spikebridge.evaluation.comparisons import compare, detectable_effects
from spikebridge.evaluation.count_coupling import Coupling, coupling_tables, estimate_coupling
from spikebridge.evaluation.few_labels import few_label_table
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.latent_analysis.optimism_folds import optimism_folds
from spikebridge.evaluation.latent_analysis.optimism_tables import optimism_scores, optimism_table
from spikebridge.evaluation.latent_analysis.scores import IntervalSettings, analysis_scores, analysis_tables
from spikebridge.evaluation.latent_analysis.shared_subspace import subspace_scores, subspace_tables
from spikebridge.evaluation.latent_positions import latent_position_table
from spikebridge.evaluation.latent_trajectories import latent_trajectory_tables
from spikebridge.evaluation.nested_models.communication import communication_gain, gain_scores
from spikebridge.evaluation.nested_models.decoding import decoding_table, nested_model_scores, read_decoding
from spikebridge.evaluation.nested_models.encoding import encoding_table, read_encoding
from spikebridge.evaluation.nested_models.time_resolved import read_parts, time_resolved_scores, time_resolved_table
from spikebridge.evaluation.nulls import null_tables
from spikebridge.evaluation.one_baseline import baseline_table, check_one_baseline
from spikebridge.evaluation.psth import psth_table
from spikebridge.evaluation.raster import raster_table
from spikebridge.evaluation.recovery import (
    TrueLatents,
    consistency_table,
    oracle,
    recovery,
    recovery_table,
    shares_of_oracle,
    true_latents,
)
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.scores import metrics
from spikebridge.evaluation.states.run import state_scores, state_tables, states_of
from spikebridge.evaluation.states.values import Draws
from spikebridge.evaluation.summary import summary
from spikebridge.evaluation.tables import quality_tables, score_tables
from spikebridge.evaluation.translation_scores import TRIAL_SHIFT, translation_verdict
from spikebridge.evaluation.unit_scores import unit_score_table
from spikebridge.preprocess.states import StateBins

# Keys of random streams, one for each part, so that a change in one leaves the others; renumbering changes results.
DECISIONS, TRANSLATIONS, SIGNS, NULLS, ANALYSIS, DECODING, ENCODING, OPTIMISM, TIME_RESOLVED, SUBSPACE = range(10)
STATES = 10


@dataclass(frozen=True)
class EvaluationSections(Sections):
    """The sections of params.yaml that the stage evaluate uses.

    Parameters
    ----------
    seed : int
        Of every random stream.
    models : mapping
        The names of the models that are scored.
    data, trials, statistics, analysis : Section
        The sections of these names; of analysis the states, and the translator that is tested in them.
    """

    seed: int
    models: Mapping[str, object]
    data: DataConfig
    trials: TrialsConfig
    statistics: StatisticsConfig
    analysis: AnalysisConfig


def evaluate(
    sections: EvaluationSections,
    windows_folder: Path,
    splits_path: Path,
    train_folder: Path,
    data_path: Path,
    out_folder: Path,
    analysis_folder: Path | None = None,
    nested_models_folder: Path | None = None,
    ingested_folder: Path | None = None,
) -> dict[str, Any]:
    """Score and compare the models, after the leakage check.

    Writes the files of `spikebridge.artifacts.evaluation`. Deterministic in sections.seed.

    Parameters
    ----------
    sections : EvaluationSections
        The settings of the stage.
    windows_folder, splits_path, train_folder : pathlib.Path
        Results of the stages preprocess, split and train@model.
    data_path : pathlib.Path
        Folder of the raw recordings; only its folder `truth` is read, where it exists.
    out_folder : pathlib.Path
        Folder to write to.
    analysis_folder, nested_models_folder, ingested_folder : pathlib.Path, optional
        Results of the stages analyze, nested_models and ingest; of the last only what `analysis.states` needs is read.

    Returns
    -------
    dict
        The content of metrics.json.

    Raises
    ------
    LeakageError
        Before anything is scored, where a model was trained on what it is scored on.
    DataError
        Where a file is missing or does not hold what it should.
    """
    settings = sections.statistics
    inputs = read(sections.models, windows_folder, splits_path, train_folder, settings.cluster == "animal")
    report = leakage.check(inputs)
    states = states_of(sections.analysis, sections.trials, inputs, ingested_folder)
    check_one_baseline(inputs.translations)
    deciding = _resampling(inputs.decisions.values(), inputs, sections, DECISIONS)
    translating = _resampling(inputs.translations.values(), inputs, sections, TRANSLATIONS)
    scores = metrics(inputs, deciding, translating, settings)
    rows = compare(inputs, deciding, translating, settings, _rng(sections, SIGNS))
    scores["power"] = detectable_effects(rows, scores["cluster"], settings.alpha)
    truths = true_latents(data_path, inputs.recordings, sections.data.target)
    coupling = estimate_coupling(inputs, sections.seed)

    tables = score_tables(inputs, scores, rows) | quality_tables(windows_folder)
    tables |= _held_out_courses(inputs, sections)
    if len(of_baseline := baseline_table(inputs.translations, train_folder)):
        tables[BASELINES_TABLE] = of_baseline
    if len(over_linear := beyond_linear_table(inputs.translations, translating, settings)):
        tables[BEYOND_LINEAR_TABLE], scores["beyond_linear"] = over_linear, beyond_linear_score(over_linear)
    if len(of_labels := few_label_table(sections.models, train_folder, inputs)):
        tables[FEW_LABELS_TABLE] = of_labels
    true = [{name: float(getattr(truth, key)) for name, truth in truths.items()} for key in ("lag_s", "dimension")]
    tables |= {"consistency": consistency_table(inputs), **coupling_tables(coupling, *true)}
    tables |= _latent_analysis(analysis_folder, scores, inputs, truths, sections)
    nulls, tables["nulls"] = null_tables(inputs, settings, _rng(sections, NULLS))
    _add_translation_verdicts(scores["translation"], nulls, settings.alpha)
    if nested_models_folder is not None:
        tables |= _nested_models(nested_models_folder, scores, report, inputs, sections)
    if states:
        tables |= _states(states, scores, inputs, coupling, sections, nested_models_folder)
    run = EvaluationRun(out_folder)
    run.folder.mkdir(parents=True, exist_ok=True)
    if truths:
        recovered = recovery(inputs, truths, coupling)
        best = oracle(inputs, data_path, sections.data.target)
        if best and "translation" in scores:
            recovered["oracle"] = best | {"share": shares_of_oracle(best, scores["translation"])}
        run.write_recovery(recovered)
        tables["recovery"] = recovery_table(recovered)
    run.write_leakage(report)
    run.write_metrics(scores)
    run.write_summary(summary(scores, rows, sections.analysis.model))
    run.write_comparisons(rows)
    run.write_nulls(nulls)
    run.write_tables(tables)
    return scores


def _held_out_courses(inputs: Inputs, sections: EvaluationSections) -> dict[str, pd.DataFrame]:
    """Tables of held-out trials: one trial, PSTHs, single units, and latents by time and by position."""
    units = unit_score_table(inputs, sections.statistics)
    return {
        "raster": raster_table(inputs, sections.trials),
        UNIT_SCORES_TABLE: units,
        PSTH_TABLE: psth_table(inputs, sections.trials, units),
        LATENT_POSITIONS_TABLE: latent_position_table(inputs),
        **latent_trajectory_tables(inputs, sections.trials),
    }


def _latent_analysis(
    folder: Path | None,
    scores: dict[str, Any],
    inputs: Inputs,
    truths: Mapping[str, TrueLatents],
    sections: EvaluationSections,
) -> dict[str, pd.DataFrame]:
    """Tables of the latent analyses; their summary is added to scores."""
    settings = sections.statistics
    tables = analysis_tables(folder, settings, _rng(sections, ANALYSIS), inputs.animals, truths)
    if tables:
        shared = subspace_tables(folder, IntervalSettings(settings, _rng(sections, SUBSPACE), inputs.animals))
        scores["analysis"] = analysis_scores(tables) | subspace_scores(shared)
        tables |= shared
        intervals = IntervalSettings(settings, _rng(sections, OPTIMISM), inputs.animals)
        tables["optimism"] = optimism_table(folder, scores, intervals)
        if len(tables["optimism"]):
            scores["analysis"]["optimism"] = optimism_scores(tables["optimism"])
        again = IntervalSettings(settings, _rng(sections, OPTIMISM), inputs.animals)
        tables[OPTIMISM_FOLDS_TABLE] = optimism_folds(
            folder, inputs.decisions, inputs.translations, len(inputs.classes), again
        )
    return tables


def _states(
    states: Mapping[str, Mapping[str, StateBins]],
    scores: dict[str, Any],
    inputs: Inputs,
    coupling: Coupling,
    sections: EvaluationSections,
    nested_models_folder: Path | None,
) -> dict[str, pd.DataFrame]:
    """Tables of the states; their summary is added to scores."""
    draws = Draws(sections.statistics, (sections.seed, STATES), inputs.animals)
    translator = sections.analysis.model
    tables = state_tables(inputs, states, translator, coupling.lag.lag_s, draws, nested_models_folder)
    scores["states"] = state_scores(tables, translator)
    return tables


def _add_translation_verdicts(translations: dict[str, Any], nulls: pd.DataFrame, alpha: float) -> None:
    """Add the verdict of each model's translation to its entry of metrics.json."""
    primary = nulls[(nulls["metric"] == "bits_per_spike") & (nulls["role"] == "primary")]
    for model, entry in translations.items():
        p = primary.loc[primary["model"] == model, "p"]
        null_p = float(p.max()) if len(p) else None
        entry["verdict"] = translation_verdict(entry["source_bits_per_spike"], entry[TRIAL_SHIFT], null_p, alpha)


def _nested_models(
    nested_models_folder: Path,
    scores: dict[str, Any],
    report: dict[str, Any],
    inputs: Inputs,
    sections: EvaluationSections,
) -> dict[str, pd.DataFrame]:
    """Tables of the nested models; their scores are added to scores, their leakage checks to report."""
    tables: dict[str, pd.DataFrame] = {}
    tables[NESTED_MODELS_TABLE], report["ladder"], timed = _decoding(nested_models_folder, inputs, sections)
    if timed is not None:
        tables[TIME_RESOLVED_TABLE], report["decision_course"] = timed
        scores["decision_course"] = time_resolved_scores(tables[TIME_RESOLVED_TABLE])
    if NestedModelRun(nested_models_folder).about_encoding.is_file():
        encoding, gains, report["ladder_translation"] = _encoding(nested_models_folder, inputs, sections)
        if len(gains):
            tables["communication_gain"], scores["communication_gain"] = gains, gain_scores(gains, encoding)
        tables[NESTED_MODELS_TABLE] = pd.concat([tables[NESTED_MODELS_TABLE], encoding], ignore_index=True)
    scores["ladder"] = nested_model_scores(tables[NESTED_MODELS_TABLE])
    return tables


Checked = tuple[pd.DataFrame, dict[str, Any]]
"""A table, and the report of the leakage check on it."""


def _decoding(
    folder: Path, inputs: Inputs, sections: EvaluationSections
) -> tuple[pd.DataFrame, dict[str, Any], Checked | None]:
    """ladder.csv and decision_course.csv, if there is one. The draws of clusters are those of the models."""
    run = NestedModelRun(folder)
    models, steps, report = read_decoding(run, inputs)
    resampling = _resampling(steps.decisions.values(), inputs, _over_recordings(sections), DECISIONS)
    assert resampling is not None  # the first step is always there
    timed = None
    if models.parts:
        parts, results, of_course = read_parts(models, run, inputs)
        rng = _rng(sections, TIME_RESOLVED)
        timed = time_resolved_table(parts, results, resampling, sections.statistics, sections.trials, rng), of_course
    return decoding_table(models, steps, resampling, sections.statistics, _rng(sections, DECODING)), report, timed


def _encoding(
    folder: Path, inputs: Inputs, sections: EvaluationSections
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Rows of ladder.csv, the communication gain, and the leakage report; with the translators' draws of clusters."""
    encoding, report = read_encoding(NestedModelRun(folder), inputs)
    resampling = _resampling(encoding.steps.values(), inputs, _over_recordings(sections), TRANSLATIONS)
    rows = encoding_table(encoding, resampling, sections.statistics, _rng(sections, ENCODING))
    gains = communication_gain(encoding, resampling, sections.statistics)
    return rows, gains, report


def _over_recordings(sections: EvaluationSections) -> EvaluationSections:
    """Nested models are compared with each other over recordings, however few; see comparisons for the reason."""
    if sections.statistics.cluster != "auto":
        return sections
    return replace(sections, statistics=sections.statistics.model_copy(update={"cluster": "recording"}))


def _rng(sections: EvaluationSections, part: int) -> np.random.Generator:
    return np.random.default_rng([sections.seed, part])


def _resampling(results: Iterable[Any], inputs: Inputs, sections: EvaluationSections, part: int) -> Resampling | None:
    """One draw of clusters for all models; after the leakage check they have the same trials in the same order."""
    table = next((result.table for result in results), None)
    if table is None:
        return None
    return Resampling.of(table, sections.statistics, _rng(sections, part), inputs.animals)
