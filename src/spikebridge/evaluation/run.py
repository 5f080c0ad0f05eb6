"""The stage evaluate, in order: leakage, scores, comparisons, nulls, recovery, tables for the figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.config import Config
from spikebridge.evaluation import leakage
from spikebridge.evaluation.comparisons import compare, detectable_effects
from spikebridge.evaluation.count_coupling import coupling_tables, estimate_coupling
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.latent_analysis.optimism_tables import optimism_scores, optimism_table
from spikebridge.evaluation.latent_analysis.scores import IntervalSettings, analysis_scores, analysis_tables
from spikebridge.evaluation.latent_trajectories import latent_trajectory_table
from spikebridge.evaluation.nested_models.communication import communication_gain, gain_scores
from spikebridge.evaluation.nested_models.decoding import decision_ladder, ladder_scores, read_decoding
from spikebridge.evaluation.nested_models.encoding import read_encoding, translation_ladder_table
from spikebridge.evaluation.nested_models.time_resolved import course_scores, course_table, read_parts
from spikebridge.evaluation.nulls import null_tables
from spikebridge.evaluation.raster import raster_table
from spikebridge.evaluation.recovery import consistency_table, oracle, read_truth, recovery, shares
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.scores import metrics
from spikebridge.evaluation.tables import quality_tables, score_tables
from spikebridge.evaluation.translation_scores import TRIAL_SHIFT, translation_verdict
from spikebridge.text.plain_text import write_csv
from spikebridge.types import Comparison

# One stream of random numbers for each part, so that a change in one leaves the others as they were.
DECISIONS, TRANSLATIONS, SIGNS, NULLS, ANALYSIS, LADDER, CLIMB, OPTIMISM, COURSE = range(9)


def evaluate(
    config: Config,
    windows_folder: Path,
    splits_path: Path,
    train_folder: Path,
    data_path: Path,
    out_folder: Path,
    analysis_folder: Path | None = None,
    ladder_folder: Path | None = None,
) -> dict[str, Any]:
    """Score and compare the models of the configuration; write everything that design.md lists to out_folder.

    windows_folder, splits_path, train_folder: what preprocess, split and train@model wrote. data_path: the raw
    recordings; only its folder `truth` is read, where it exists, to score recovery. analysis_folder: what analyze
    wrote. ladder_folder: what ladder wrote.
    Writes metrics.json, comparisons.csv, nulls.csv, ladder.csv, leakage.json, recovery.json (with truth), tables/*.csv.
    Returns the content of metrics.json. Deterministic in config.seed.
    Raises LeakageError before anything is scored, DataError where a file is missing or does not hold what it should.
    """
    inputs = read(config, windows_folder, splits_path, train_folder)
    report = leakage.check(inputs)
    settings = config.statistics
    deciding = _resampling(inputs.decisions.values(), inputs, config, DECISIONS)
    translating = _resampling(inputs.translations.values(), inputs, config, TRANSLATIONS)
    scores = metrics(inputs, deciding, translating, settings)
    rows = compare(inputs, deciding, translating, settings, _rng(config, SIGNS))
    scores["power"] = detectable_effects(rows, scores["cluster"], settings.alpha)
    truths, coupling = (
        read_truth(data_path, inputs.recordings, config.data.target),
        estimate_coupling(inputs, config.seed),
    )

    tables = score_tables(inputs, scores, rows)
    tables |= {"raster": raster_table(inputs, config.trials), "latents": latent_trajectory_table(inputs, config.trials)}
    tables |= quality_tables(windows_folder)
    known = {n: t.lag_s for n, t in truths.items()}, {n: float(t.dimension) for n, t in truths.items()}
    tables |= {"consistency": consistency_table(inputs), **coupling_tables(coupling, *known)}
    analysed = analysis_tables(analysis_folder, settings, _rng(config, ANALYSIS), inputs.animals, truths)
    tables |= analysed
    if analysed:
        scores["analysis"] = analysis_scores(analysed)
        how = IntervalSettings(settings, _rng(config, OPTIMISM), inputs.animals)
        tables["optimism"] = optimism_table(analysis_folder, scores, how)
        if len(tables["optimism"]):
            scores["analysis"]["optimism"] = optimism_scores(tables["optimism"])
    nulls, tables["nulls"] = null_tables(inputs, settings, _rng(config, NULLS))
    decides = nulls[(nulls["metric"] == "bits_per_spike") & (nulls["role"] == "primary")]
    for model, entry in scores["translation"].items():
        p = decides.loc[decides["model"] == model, "p"]
        entry["verdict"] = translation_verdict(
            entry["source_bits_per_spike"], entry[TRIAL_SHIFT], float(p.max()) if len(p) else None, settings.alpha
        )
    if ladder_folder is not None:
        tables["ladder"], report["ladder"], timed = _ladder(ladder_folder, inputs, config)
        if timed is not None:
            tables["decision_course"], report["decision_course"] = timed
            scores["decision_course"] = course_scores(tables["decision_course"])
        if NestedModelRun(ladder_folder).about_encoding.is_file():
            climbed, gains, report["ladder_translation"] = _translation_ladder(ladder_folder, inputs, config)
            if len(gains):
                tables["communication_gain"], scores["communication_gain"] = gains, gain_scores(gains, climbed)
            tables["ladder"] = pd.concat([tables["ladder"], climbed], ignore_index=True)
        scores["ladder"] = ladder_scores(tables["ladder"])
    out_folder.mkdir(parents=True, exist_ok=True)
    if truths:
        found = recovery(inputs, truths, coupling)
        best = oracle(inputs, data_path, config.data.target)
        if best and "translation" in scores:
            found["oracle"] = best | {"share": shares(best, scores["translation"])}
        write_json(out_folder / "recovery.json", found)
        tables["recovery"] = _recovery_table(found)
    write_json(out_folder / "leakage.json", report)
    write_json(out_folder / "metrics.json", scores)
    comparisons = pd.DataFrame([vars(row) for row in rows], columns=list(Comparison.__dataclass_fields__))
    write_csv(comparisons, out_folder / "comparisons.csv")
    write_csv(nulls, out_folder / "nulls.csv")
    if "ladder" in tables:
        write_csv(tables["ladder"], out_folder / "ladder.csv")
    (out_folder / "tables").mkdir(exist_ok=True)
    for name, table in tables.items():
        write_csv(table, out_folder / "tables" / f"{name}.csv")
    return scores


Checked = tuple[pd.DataFrame, dict[str, Any]]
"""A table, and what the leakage check says of it."""


def _ladder(folder: Path, inputs: Inputs, config: Config) -> tuple[pd.DataFrame, dict[str, Any], Checked | None]:
    """ladder.csv and decision_course.csv, if there is one. The draws of clusters are those of the models."""
    run = NestedModelRun(folder)
    models, steps, report = read_decoding(run, inputs)
    resampling = _resampling(steps.decisions.values(), inputs, _over_recordings(config), DECISIONS)
    assert resampling is not None  # the first step is always there
    timed = None
    if models.parts:
        parts, results, of_course = read_parts(models, run, inputs)
        rng = _rng(config, COURSE)
        timed = course_table(parts, results, resampling, config.statistics, config.trials, rng), of_course
    return decision_ladder(models, steps, resampling, config.statistics, _rng(config, LADDER)), report, timed


def _translation_ladder(
    folder: Path, inputs: Inputs, config: Config
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Rows of ladder.csv, the communication gain, and the leakage report; with the translators' draws of clusters."""
    found, report = read_encoding(NestedModelRun(folder), inputs)
    resampling = _resampling(found.steps.values(), inputs, _over_recordings(config), TRANSLATIONS)
    rows = translation_ladder_table(found, resampling, config.statistics, _rng(config, CLIMB))
    gains = communication_gain(found, resampling, config.statistics)
    return rows, gains, report


def _over_recordings(config: Config) -> Config:
    """Steps are compared with each other: over recordings, however few; see evaluation.comparisons for why."""
    if config.statistics.cluster != "auto":
        return config
    return config.model_copy(update={"statistics": config.statistics.model_copy(update={"cluster": "recording"})})


def _rng(config: Config, part: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, part])


def _resampling(found: Iterable[Any], inputs: Inputs, config: Config, part: int) -> Resampling | None:
    """One draw of clusters for all models; after the leakage check they have the same trials in the same order."""
    table = next((f.table for f in found), None)
    if table is None:
        return None
    return Resampling.of(table, config.statistics, _rng(config, part), inputs.animals)


def _recovery_table(found: Mapping[str, Any]) -> pd.DataFrame:
    """model, recording, latent, r2."""
    rows = [
        {"model": model, "recording": recording, "latent": latent, "r2": value}
        for model, scores in found["models"].items()
        for recording, per in scores["recordings"].items()
        for latent, value in per["r2"].items()
    ]
    return pd.DataFrame(rows, columns=["model", "recording", "latent", "r2"])


def write_json(path: Path, content: Any) -> None:
    """Sorted keys, floats in full, null for what is not a number."""
    text = json.dumps(_plain(content), indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
