"""Decoding rows of ladder.csv: every nested model of a decision with its gain over its reference.

Claims about latents are tested in separate families, declared with the models (see
spikebridge.nested_models.decoding.decoders): their Holm corrections do not change the primary families, and no gate
depends on their verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.nested_models import DecodingModels, NestedModelRun
from spikebridge.artifacts.out_of_fold import Decisions
from spikebridge.artifacts.training import TrainingRun
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation import leakage
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.resampling import Resampling, mean_of_clusters
from spikebridge.evaluation.scores import WITHIN, within_blocks
from spikebridge.metrics import clustered, decision
from spikebridge.statistics import holm, sign_flip, verdict_columns, verdict_of
from spikebridge.types.verdicts import Verdict

Array = NDArray[np.float64]
DECISION = "decision"
LOWER_IS_BETTER = ("log_loss",)
COLUMNS = [
    "kind", "step", "metric", "value", "ci_low", "ci_high", "reference", "gain", "gain_low", "gain_high", "p", "p_holm",
    "verdict", "verdict_code", "n", "n_effective", "n_clusters", "smallest_attainable_p", "family", "role",
]  # fmt: skip
"""Of ladder.csv. kind: decision or translation. value: score of the step; gain: difference to its reference."""


def read_decoding(run: NestedModelRun, inputs: Inputs) -> tuple[DecodingModels, Inputs, dict[str, Any]]:
    """The nested models of a decision, their results in the place of those of models, and the leakage report.

    Raises DataError for a file that is missing or does not hold what it should, LeakageError as for models.
    """
    models = run.read_decoding()
    return models, *read_results({name: run.decoding(name) for name in models.fitted}, inputs, "ladder")


def read_results(runs: Mapping[str, TrainingRun], inputs: Inputs, kind: str) -> tuple[Inputs, dict[str, Any]]:
    """Out-of-fold results in the place of those of models, and the leakage report.

    kind: prefix of each name in the report. Raises as `read_decoding`.
    """
    steps = replace(
        inputs,
        decisions={name: run.read_decisions(name, inputs.classes) for name, run in runs.items()},
        training_intervals={name: run.read_training_intervals() for name, run in runs.items()},
        translations={},
        latents={},
    )
    named = {"decisions": steps.decisions, "training_intervals": steps.training_intervals}
    apart: Any = {key: {f"{kind}/{name}": v for name, v in each.items()} for key, each in named.items()}
    return steps, leakage.check_results(replace(steps, **apart))


def decoding_table(
    models: DecodingModels, steps: Inputs, resampling: Resampling, settings: StatisticsConfig,
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """One row a step and metric, in the order of the steps; a step that is left out has one row with the reason.

    Values and gains come with cluster-bootstrap intervals under the same draws; a gain above zero is an improvement,
    whatever the metric. The test is a one-sided sign flip over clusters of the gain in balanced accuracy within test
    blocks; only steps with a family have p_holm and a verdict, all others are descriptive. Trials of a matched
    step count by their weight, in its reference too. n_effective: (sum w)^2 / sum w^2 of these weights.
    """
    rows: list[dict[str, Any]] = []
    for model in models.models:
        named = {"kind": DECISION, "step": model.name, "reference": model.reference, "family": model.family}
        named["role"] = "ladder" if model.family else "descriptive"
        if model.missing:
            rows.append({**named, "metric": WITHIN, **Verdict.LEFT_OUT.columns(reason=model.missing)})
        else:
            scores = _rows(model.name, model.reference, steps, resampling, settings, rng)
            rows += [{**named, **row} for row in scores]
    table = pd.DataFrame(rows, columns=COLUMNS)
    for _, family in table[table["family"].ne("") & table["smallest_attainable_p"].notna()].groupby("family"):
        table.loc[family.index, "p_holm"] = holm(family["p"].to_numpy(np.float64))
        for k in family.index:
            of = table.loc[k]
            verdict = verdict_of(of["p_holm"], of["smallest_attainable_p"], len(family), settings.alpha)
            kind = resampling.clusters.kind
            columns = verdict_columns(verdict, of["step"], kind, len(family), settings.alpha)
            table.loc[k, list(columns)] = list(columns.values())
    return table


def nested_model_scores(table: pd.DataFrame) -> dict[str, Any]:
    """The part "ladder" of metrics.json: kind -> step -> metric -> value, interval, gain and test."""
    content: dict[str, Any] = {}
    for row in table.dropna(subset=["value"]).to_dict("records"):
        place = content.setdefault(str(row["kind"]), {}).setdefault(str(row["step"]), {})
        place[str(row["metric"])] = {key: row[key] for key in ("value", "ci_low", "ci_high")}
        if row["reference"]:
            gain = {"value": row["gain"], "ci_low": row["gain_low"], "ci_high": row["gain_high"]}
            test = {key: row[key] for key in ("p", "p_holm", "verdict", "verdict_code") if pd.notna(row["p"])}
            place[str(row["metric"])] |= {"reference": row["reference"], "gain": gain, **test}
    return content


def _rows(
    name: str, reference: str, steps: Inputs, resampling: Resampling, settings: StatisticsConfig,
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    d, k = steps.decisions[name], len(steps.classes)
    weight = d.table["weight"].to_numpy(np.float64) if "weight" in d.table else np.ones(len(d.table))
    scores = _scores(d, resampling, k, weight)
    over = _scores(steps.decisions[reference], resampling, k, weight) if reference else None
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    of_step = {"n_clusters": len(resampling.clusters), "n": len(weight), "n_effective": effective}
    for metric, score in scores.items():
        row = {"metric": metric, **of_step, **resampling.interval(score), **Verdict.DESCRIPTIVE.columns()}
        if over is None:
            yield row
            continue
        if metric != WITHIN:
            sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
            yield {**row, "family": "", **_of_gain(resampling.interval(_gain(score, over[metric], sign)))}
            continue
        both = (within_blocks(x, resampling.clusters, k, weight) for x in (d, steps.decisions[reference]))
        difference = np.subtract(*both)
        test = sign_flip(difference, rng, "greater", settings.n_resamples)
        test_columns = {"p": test.p, "n_clusters": test.n, "smallest_attainable_p": test.smallest}
        yield {**row, **_of_gain(resampling.interval(mean_of_clusters(difference))), **test_columns}


def _scores(d: Decisions, resampling: Resampling, n_classes: int, weight: Array) -> dict[str, clustered.Score]:
    c = resampling.clusters.index
    loss = decision.log_loss_per_trial(d.label, d.probabilities)
    return {
        WITHIN: mean_of_clusters(within_blocks(d, resampling.clusters, n_classes, weight)),
        "auc": clustered.auc(d.label, d.evidence, c, weight),
        "log_loss": clustered.ratio(weight * loss, weight, c),
    }


def _gain(score: clustered.Score, reference: clustered.Score, sign: float) -> clustered.Score:
    return lambda weights: sign * (score(weights) - reference(weights))


def _of_gain(interval: Mapping[str, float]) -> dict[str, float]:
    return {"gain": interval["value"], "gain_low": interval["ci_low"], "gain_high": interval["ci_high"]}
