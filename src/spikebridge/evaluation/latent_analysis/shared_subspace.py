"""What each mode of the translation contributes, and how the shared subspace lies in each region, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.latent_analysis import LatentAnalysisRun
from spikebridge.errors import DataError
from spikebridge.evaluation.latent_analysis.scores import ALL, SCORE, IntervalSettings, Parts, difference, scored
from spikebridge.evaluation.resampling import Resampling
from spikebridge.metrics import clustered

WHOLE = 0
"""The number that stands for no removed mode."""
COLUMNS = {
    "ablation": ["recording", "removed", "share", "metric", *SCORE, "loss", "loss_low", "loss_high", "n_folds"],
    "alignment": ["recording", "region", "n_dimensions", "measure", *SCORE],
    "shared_variance": ["recording", "region", "part", *SCORE],
}
MEASURES = ("captured", "captured_by_components", "alignment", "random", "angle")
KEYS = ["recording", "fold", "block", "trial"]


def subspace_tables(folder: Path | None, how: IntervalSettings) -> dict[str, pd.DataFrame]:
    """File name without suffix -> table with COLUMNS; those without rows whose analysis was not run.

    ablation: a row a recording (or all), removed mode (WHOLE: none) and metric: source_bits_per_spike,
    balanced_accuracy or log_loss without that mode, and loss, what its removal costs (of log_loss: its rise), in the
    folds that have such a mode. share: of the mode, mean over folds. alignment: measure is captured,
    captured_by_components, alignment (their ratio), random or angle (degrees). shared_variance: share of each part.
    Intervals of all recordings together resample clusters (statistics.cluster); those of one recording its test blocks.
    Raises DataError for a table that lacks a column.
    """
    made = {name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()}
    if folder is None:
        return made
    try:
        for name, rows in (("ablation", _ablation), ("alignment", _alignment), ("shared_variance", _variance)):
            raw = LatentAnalysisRun(folder).read_table(name)
            if len(raw):
                made[name] = pd.DataFrame(list(rows(raw, how)), columns=COLUMNS[name])
    except KeyError as error:
        raise DataError(f"{folder}: a table of the stage analyze lacks the column {error}; run it again") from None
    return made


def subspace_scores(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The parts "ablation", "alignment" and "shared_variance" of metrics.json's analysis: all recordings together."""
    content: dict[str, Any] = {}
    for name, keys, values in (
        ("ablation", ["metric", "removed"], [*SCORE, "loss", "loss_low", "loss_high", "share"]),
        ("alignment", ["region", "measure", "n_dimensions"], SCORE),
        ("shared_variance", ["region", "part"], SCORE),
    ):
        for row in tables[name][tables[name]["recording"] == ALL].to_dict("records"):
            place = content.setdefault(name, {})
            for key in keys[:-1]:
                place = place.setdefault(str(row[key]), {})
            place[str(row[keys[-1]])] = {key: row[key] for key in values}
    return content


def _ablation(table: pd.DataFrame, how: IntervalSettings) -> Iterator[dict[str, Any]]:
    table = table.assign(from_source=table["nats"] - table["nats_without_source"])
    whole = table[table["removed"] == WHOLE]
    for removed, rows in table.groupby("removed", sort=True):
        pairs = rows.merge(whole, on=KEYS, suffixes=("", "_whole"), validate="one_to_one")
        about = {"removed": int(removed), "share": rows["share"].mean(), "n_folds": rows["fold"].nunique()}
        measures = {"source_bits_per_spike": pairs, "balanced_accuracy": pairs.dropna(subset=["label"])}
        measures["log_loss"] = measures["balanced_accuracy"]
        for metric, of_metric in measures.items():
            if of_metric.empty:
                continue

            def scores(rows: pd.DataFrame, resampling: Resampling, metric: str = metric) -> Parts:
                both = [_score(metric, rows, suffix, resampling) for suffix in ("", "_whole")]
                cost = difference(both[0], both[1]) if metric == "log_loss" else difference(both[1], both[0])
                return {"value": both[0], "loss": cost}

            by_recording: dict[str, dict[str, float]] = {}
            for recording, key, score in scored(of_metric, how, scores):
                names = SCORE if key == "value" else ["loss", "loss_low", "loss_high"]
                by_recording.setdefault(recording, {}).update(zip(names, score.values(), strict=True))
            yield from ({"recording": r, "metric": metric, **about, **values} for r, values in by_recording.items())


def _score(metric: str, rows: pd.DataFrame, suffix: str, resampling: Resampling) -> clustered.Score:
    index = resampling.clusters.index
    if metric == "balanced_accuracy":
        label, predicted = (rows[c].to_numpy(np.int64) for c in ("label", f"predicted{suffix}"))
        return clustered.balanced_accuracy(label, predicted, index, int(max(label.max(), predicted.max())) + 1)
    if metric == "log_loss":
        return clustered.mean(rows[f"log_loss{suffix}"].to_numpy(float), index)
    bits = rows[f"from_source{suffix}"].to_numpy(float) / np.log(2)
    return clustered.ratio(bits, rows["spikes"].to_numpy(float), index)


def _alignment(table: pd.DataFrame, how: IntervalSettings) -> Iterator[dict[str, Any]]:
    """Means over folds and recordings; a block is a recording's test block."""
    table = _with_block(table).assign(alignment=table["captured"] / table["captured_by_components"])
    for (region, n), rows in table.groupby(["region", "n_dimensions"], sort=True):

        def scores(rows: pd.DataFrame, resampling: Resampling) -> Parts:
            return {m: clustered.mean(rows[m].to_numpy(float), resampling.clusters.index) for m in MEASURES}

        for recording, measure, score in scored(rows, how, scores):
            yield {"recording": recording, "region": region, "n_dimensions": int(n), "measure": measure, **score}


def _variance(table: pd.DataFrame, how: IntervalSettings) -> Iterator[dict[str, Any]]:
    for (region, part), rows in _with_block(table).groupby(["region", "part"], sort=False):

        def scores(rows: pd.DataFrame, resampling: Resampling) -> Parts:
            return {"": clustered.mean(rows["share"].to_numpy(float), resampling.clusters.index)}

        for recording, _, score in scored(rows, how, scores):
            yield {"recording": recording, "region": region, "part": part, **score}


def _with_block(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(block=table["recording"] + "/" + table["fold"].astype(str))
