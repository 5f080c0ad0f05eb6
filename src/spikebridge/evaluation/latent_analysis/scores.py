"""Scores of the latent analyses, with intervals: tables for the figures, and a summary for metrics.json."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.latent_analysis import LatentAnalysisRun
from spikebridge.config import StatisticsConfig
from spikebridge.errors import DataError
from spikebridge.evaluation.recovery import TrueLatents
from spikebridge.evaluation.resampling import Resampling
from spikebridge.metrics import clustered

ALL = "all"
SCORE = ["value", "ci_low", "ci_high"]
COLUMNS = {
    "direction": ["recording", "direction", "metric", *SCORE],
    "latent_consistency": ["recording", "compared", *SCORE],
    "held_out_units": ["recording", "readout", "n_trials", *SCORE],
    "attribution": ["recording", "fold", "unit", "latent", "weight"],
    "attribution_units": ["recording", "unit", "share", "share_integrated", "rate", "true_loading", "true_information"],
}
FILES = {"latent_consistency": "consistency"}
"""Tables with another name in the stage's folder, because evaluate has a table of that name."""
Parts = Mapping[str, clustered.Score]


@dataclass(frozen=True)
class IntervalSettings:
    """What intervals are made with. animals: recording -> animal."""

    settings: StatisticsConfig
    rng: np.random.Generator
    animals: Mapping[str, str]


def analysis_tables(
    folder: Path | None,
    settings: StatisticsConfig,
    rng: np.random.Generator,
    animals: Mapping[str, str],
    truths: Mapping[str, TrueLatents],
) -> dict[str, pd.DataFrame]:
    """File name without suffix -> table; those without rows whose analysis was not run; {} where there is no folder.

    Intervals of all recordings together resample clusters (statistics.cluster); those of one recording its test blocks.
    true_loading: norm of a unit's weights in the simulation; true_information: rate * norm^2, the Fisher information of
    its counts about the latents, the optimal weight of a unit in a translator. NaN where unknown.
    Raises DataError for a table that does not hold what it should.
    """
    if folder is None or not LatentAnalysisRun(folder).about.is_file():
        return {}
    raw = {name: LatentAnalysisRun(folder).read_table(FILES.get(name, name)) for name in COLUMNS}
    made = {name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()}
    try:
        for name, score in (("direction", _direction), ("held_out_units", _held_out), ("latent_consistency", _agree)):
            if len(raw[name]):
                rows = score(raw[name], IntervalSettings(settings, rng, animals))
                made[name] = pd.DataFrame(list(rows), columns=COLUMNS[name])
        if len(raw["attribution_units"]):
            made["attribution"] = raw["attribution"][COLUMNS["attribution"]]
            made["attribution_units"] = _units(raw["attribution_units"], truths)
    except KeyError as error:
        raise DataError(f"{folder}: a table of the stage analyze lacks the column {error}; run it again") from None
    return made


def analysis_scores(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The part "analysis" of metrics.json: the rows of all recordings together, nested by their keys."""
    content: dict[str, Any] = {}
    for name, keys in (
        ("direction", ["metric", "direction"]),
        ("latent_consistency", ["compared"]),
        ("held_out_units", ["readout", "n_trials"]),
    ):
        pooled = tables[name][tables[name]["recording"] == ALL]
        for row in pooled.to_dict("records"):
            place = content.setdefault(name, {})
            for key in keys[:-1]:
                place = place.setdefault(str(row[key]), {})
            place[str(row[keys[-1]])] = {key: row[key] for key in SCORE}
    units = tables["attribution_units"]
    if len(units):
        against = {f"spearman_with_{k}": spearman(units, k) for k in ("true_loading", "true_information")}
        integrated = {
            "integrated_spearman_with_true_information": spearman(units, "true_information", "share_integrated")
        }
        content["attribution"] = {"n_units": len(units), **against, **integrated}
    return content


def spearman(units: pd.DataFrame, truth: str, share: str = "share") -> dict[str, float]:
    """Recording -> rank correlation of a unit's share with its truth; nothing for recordings without one."""
    known = units.dropna(subset=[truth])
    return {
        str(name): float(rows[share].rank().corr(rows[truth].rank()))
        for name, rows in known.groupby("recording")
        if len(rows) > 2
    }


def scored(
    table: pd.DataFrame, how: IntervalSettings, scores: Callable[[pd.DataFrame, Resampling], Parts]
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """(recording or "all", name of a score, value and interval). All scores share the draws of clusters."""
    blocks = how.settings.model_copy(update={"cluster": "block"})
    for name, rows in table.groupby("recording", sort=True):
        by_block = Resampling.of(rows, blocks, np.random.default_rng(0))
        yield from ((str(name), key, by_block.interval(score)) for key, score in scores(rows, by_block).items())
    pooled = Resampling.of(table, how.settings, how.rng, how.animals)
    yield from ((ALL, key, pooled.interval(score)) for key, score in scores(table, pooled).items())


def _direction(table: pd.DataFrame, how: IntervalSettings) -> Iterator[dict[str, Any]]:
    """Both directions, and forward - reverse under the same draws of clusters."""
    table = table.assign(from_source=table["nats"] - table["nats_without_source"])
    measures = {"bits_per_spike": "nats", "source_bits_per_spike": "from_source"}
    keys = ["recording", "block", "fold", "trial"]
    both_directions = table[table["direction"] == "forward"].merge(
        table[table["direction"] == "reverse"], on=keys, suffixes=("_forward", "_reverse"), validate="one_to_one"
    )

    def scores(rows: pd.DataFrame, resampling: Resampling) -> Parts:
        made: dict[str, clustered.Score] = {}
        for metric, column in measures.items():
            both = [_bits(rows, f"{column}_{d}", f"spikes_{d}", resampling) for d in ("forward", "reverse")]
            made |= {f"{metric}|forward": both[0], f"{metric}|reverse": both[1]}
            made[f"{metric}|difference"] = difference(*both)
        return made

    for recording, key, score in scored(both_directions, how, scores):
        metric, _, direction = key.partition("|")
        yield {"recording": recording, "direction": direction, "metric": metric, **score}


def _held_out(table: pd.DataFrame, how: IntervalSettings) -> Iterator[dict[str, Any]]:
    """n_trials: a number, or "all"; recordings with fewer trials are not in that number's row of all recordings."""
    for (readout, n), rows in table.groupby(["readout", "n_trials"], sort=True):

        def scores(rows: pd.DataFrame, resampling: Resampling) -> Parts:
            return {"": _bits(rows, "nats", "spikes", resampling)}

        for recording, _, score in scored(rows, how, scores):
            yield {"recording": recording, "readout": readout, "n_trials": str(n) if n else ALL, **score}


def _agree(table: pd.DataFrame, how: IntervalSettings) -> Iterator[dict[str, Any]]:
    """R2 averaged over folds and recordings; a block is a recording's test block."""
    table = table.assign(block=table["recording"] + "/" + table["fold"].astype(str)).dropna(subset=["r2"])
    for compared, rows in table.groupby("compared", sort=True):

        def scores(rows: pd.DataFrame, resampling: Resampling) -> Parts:
            return {"": clustered.mean(rows["r2"].to_numpy(float), resampling.clusters.index)}

        for recording, _, score in scored(rows, how, scores):
            yield {"recording": recording, "compared": compared, **score}


def difference(a: clustered.Score, b: clustered.Score) -> clustered.Score:
    return lambda weights: a(weights) - b(weights)


def _bits(rows: pd.DataFrame, nats: str, spikes: str, resampling: Resampling) -> clustered.Score:
    bits = rows[nats].to_numpy(float) / np.log(2)
    return clustered.ratio(bits, rows[spikes].to_numpy(float), resampling.clusters.index)


def _units(table: pd.DataFrame, truths: Mapping[str, TrueLatents]) -> pd.DataFrame:
    """Shares averaged over folds."""
    mean = table.groupby(["recording", "unit"], as_index=False)[["share", "share_integrated", "rate"]].mean()
    loading = [
        truths[r].loadings.get(int(u), np.nan) if r in truths else np.nan
        for r, u in zip(mean["recording"], mean["unit"], strict=True)
    ]
    information = mean["rate"] * np.square(loading)
    return mean.assign(true_loading=loading, true_information=information)[COLUMNS["attribution_units"]]
