"""The claims of an evaluation, row by row, and whether each is false in the scenario that made its data.

A claim is a rejection at alpha: p at most alpha, or an interval without zero where a row has no p. Of a model against
an uninformed one (majority, a translator without its source) only a higher score is a claim; that a noisy model has the
worse log loss is true. Between two models either direction is a claim, unless the test has a declared direction.
False claims are counted where the null hypothesis is true:

- nothing, unseen_nothing, crossed: a model against an uninformed one, every null, and two models under the primary
  score, which is 1/2 for both. Other scores of two models differ in truth: one fits more noise than the other. The
  declared test of two translators counts all the same: there is nothing to be better at. Of the nested models, the
  claims that latents or the source add something; time and the target's own past do add something. Crossed recordings
  (see `crossed`) have their target's trials: what the target region adds is no false claim there.
- unseen_coupled: the same of decisions alone, for the source does predict the target.
- equal: the two models that were trained on equal thirds, whatever the score.

For the power curves: how much a decoder's accuracy varies between recordings, and how often two decoders err together,
measured in the studies of three equal decoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import TIME_RESOLVED_TABLE
from spikebridge.artifacts.training import TrainingRun
from spikebridge.calibration.scenarios import CROSSED, Scenario
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.evaluation.comparisons import NO_SOURCE
from spikebridge.metrics import balanced_accuracy
from spikebridge.types.verdicts import TranslationVerdict

ALPHA = 0.05
OF_SOURCE = ("source_region", "translated_latents", "linear_source", DECIDING[0])
"""Nested models whose gain is a false claim where the source predicts nothing."""
CHANCE = {
    "models": {"balanced_accuracy": 0.5, "balanced_accuracy_within_blocks": 0.5, "auc": 0.5},
    "translation": {"bits_per_spike": 0.0, "source_bits_per_spike": 0.0, "trial_contrast_bits_per_spike": 0.0},
}
"""Scores of metrics.json whose interval readers compare with the score of an uninformed model."""
UNINFORMED = (BASELINE, NO_SOURCE)
UNBIASED = "balanced_accuracy_within_blocks"
LOWER_IS_BETTER = {"log_loss", "brier"}
EQUIVALENCE_TESTS = ("tost", "equivalence", "no_worse", "non_inferiority", "rope", "bayes")
"""Tests whose null hypothesis is a difference: a scenario without one does not show their level."""
KEYS = ["kind", "family", "test", "metric", "against", "role"]
MEAN, SPREAD, AGREEMENT = "mean_score", "spread_variance", "agreement"
"""Columns of what the accuracy of equal decoders does from recording to recording; see `accuracy_of_study`."""
COLUMNS = [*KEYS, "model_a", "model_b", "p", "n_clusters", "decidable", "claimed"]


@dataclass(frozen=True)
class TrueNulls:
    """What is true of a study.

    Parameters
    ----------
    decisions : bool
        The source is independent of the decision.
    translation : bool
        The source is independent of the target.
    equal : bool
        The models of each declared list are equally good.
    gains : tuple of str
        Nested models that add nothing.
    """

    decisions: bool = False
    translation: bool = False
    equal: bool = False
    gains: tuple[str, ...] = ()

    def metrics(self) -> tuple[str, ...]:
        """Scores, as in CHANCE, that are those of an uninformed model."""
        parts = [name for name, true in (("models", self.decisions), ("translation", self.translation)) if true]
        return tuple(metric for part in parts for metric in CHANCE[part])


Kind = Scenario | Literal["crossed"]
NULLS: Mapping[Kind, TrueNulls] = {
    "nothing": TrueNulls(decisions=True, translation=True, gains=(*OF_SOURCE, "target_region")),
    "equal": TrueNulls(equal=True),
    "unseen_coupled": TrueNulls(decisions=True),
    "unseen_nothing": TrueNulls(decisions=True, translation=True),
    CROSSED: TrueNulls(decisions=True, translation=True, gains=OF_SOURCE),
}
"""Scenario, or crossed recordings -> what is true there."""


def claims_of_study(folder: Path, scenario: Kind) -> pd.DataFrame:
    """One row a test of an evaluation's folder whose null is true in `scenario`; COLUMNS.

    kind: comparison, family (Holm), null, verdict, nested models, time-resolved, or interval (of a score of
    metrics.json). against: nothing or model. decidable: False where the smallest attainable p exceeds alpha, so that
    the row never claims anything. claimed: whether the row makes a false claim.
    """
    evaluation, nulls = EvaluationRun(folder), NULLS[scenario]
    metrics = evaluation.read_metrics()
    parts = [claims_of_comparisons(evaluation.read_comparisons(), nulls)]
    parts += [_nulls(evaluation.read_nulls(), nulls), _intervals(metrics, nulls)]
    if nulls.translation:
        parts.append(_verdicts(metrics["translation"]))
    parts += _nested_models(evaluation.read_nested_models(), nulls.gains)
    if nulls.decisions:
        parts += _time_resolved(evaluation.read_table(TIME_RESOLVED_TABLE))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)[COLUMNS]


def claims_of_comparisons(table: pd.DataFrame, nulls: TrueNulls) -> pd.DataFrame:
    """COLUMNS of the rows of comparisons.csv whose null is true, and of their families after Holm."""
    parts = [_comparisons(table, nulls), _families(table, nulls)]
    return pd.concat([part[COLUMNS] for part in parts], ignore_index=True)


def _null_holds(table: pd.DataFrame, nulls: TrueNulls) -> pd.Series:
    """Whether the null of every comparison is true."""
    nothing = _against_nothing(table)
    same = table["test"].str.lower().str.contains("|".join(EQUIVALENCE_TESTS))
    if nulls.equal:
        equal = {*DECIDING}, {*TRANSLATING}
        pairs = table[["model_a", "model_b"]].itertuples(index=False)
        return pd.Series([any({a, b} <= of for of in equal) for a, b in pairs], index=table.index) & ~(nothing | same)
    of_target = table["metric"].isin(CHANCE["translation"])
    translations = of_target & (nothing | (table["role"] == "primary"))
    decisions = (nothing & ~of_target) | (table["metric"] == UNBIASED)
    return ((translations & nulls.translation) | (decisions & nulls.decisions)) & ~same


def _against_nothing(table: pd.DataFrame) -> pd.Series:
    return table[["model_a", "model_b"]].isin(UNINFORMED).any(axis=1)


def _comparisons(table: pd.DataFrame, nulls: TrueNulls) -> pd.DataFrame:
    table = table[_null_holds(table, nulls)].reset_index(drop=True)
    nothing = _against_nothing(table)
    has_p = table["p"].notna()
    interval = table["ci_low"].notna() & table["ci_high"].notna()
    table = table[has_p | interval].reset_index(drop=True)
    nothing, has_p = nothing[has_p | interval].reset_index(drop=True), table["p"].notna()
    rejected = np.where(has_p, table["p"] <= ALPHA, (table["ci_low"] > 0) | (table["ci_high"] < 0))
    better = np.sign(table["estimate"]) * np.where(table["metric"].isin(LOWER_IS_BETTER), -1, 1)
    towards = np.where(table["model_a"].isin(UNINFORMED), -better, better) > 0
    return table.assign(
        kind="comparison",
        family=table["family"].where(table["role"] == "primary", "pairs"),
        against=np.where(nothing, "nothing", "model"),
        decidable=~(table["smallest_attainable_p"] > ALPHA),
        claimed=rejected & (towards | ~nothing),
    )


def _families(table: pd.DataFrame, nulls: TrueNulls) -> pd.DataFrame:
    held = table[_null_holds(table, nulls) & table["p_holm"].notna()]
    return _after_holm(held.assign(against=np.where(_against_nothing(held), "nothing", "model")))


def _after_holm(held: pd.DataFrame) -> pd.DataFrame:
    """Whether any test of a family rejects after Holm: the basis of its verdicts."""
    rows = []
    for (family, metric, role), tests in held.groupby(["family", "metric", "role"], sort=False):
        rows.append(
            {
                "kind": "family",
                "family": family,
                "test": "any test after Holm",
                "metric": metric,
                "against": "nothing" if (tests["against"] == "nothing").all() else "model",
                "role": role,
                "model_a": "",
                "model_b": "",
                "p": tests["p_holm"].min(),
                "n_clusters": int(tests["n_clusters"].max()),
                "decidable": bool((tests["smallest_attainable_p"] * len(tests)).min() <= ALPHA),
                "claimed": bool((tests["p_holm"] <= ALPHA).any()),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _nulls(table: pd.DataFrame, nulls: TrueNulls) -> pd.DataFrame:
    """Every null of a score that is true, and where both kinds are, of the other scores too."""
    if not (nulls.decisions and nulls.translation):
        table = table[table["metric"].isin(nulls.metrics())]
    return table.assign(
        kind="null",
        family="nulls",
        test=table["null"],
        against="nothing",
        model_a=table["model"],
        model_b="",
        n_clusters=0,
        decidable=~(table["smallest_attainable_p"] > ALPHA),
        claimed=table["p"] <= ALPHA,
    )[COLUMNS]


def _verdicts(translation: dict[str, dict]) -> pd.DataFrame:
    rows = [
        ["verdict", "verdicts", "translates", "source_bits_per_spike", "nothing", "primary", model, "", np.nan, 0, True,
         TranslationVerdict.of(entry["verdict"]) is TranslationVerdict.TRANSLATES]
        for model, entry in translation.items()
        if entry.get("verdict")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _nested_models(table: pd.DataFrame | None, adds: tuple[str, ...]) -> list[pd.DataFrame]:
    """Every test of a gain in ladder.csv of the steps that add nothing, and whether a family rejects after Holm."""
    if table is None or not adds:
        return []
    table = table[table["step"].isin(adds) & table["p"].notna()].fillna({"family": ""})
    gains = table.assign(
        kind="nested models",
        test=table["step"],
        against="nothing",
        model_a=table["step"],
        model_b=table["reference"],
        decidable=~(table["smallest_attainable_p"] > ALPHA),
        claimed=table["p"] <= ALPHA,
    )
    return [gains[COLUMNS], _after_holm(gains[gains["family"].ne("")].assign(metric="gain"))]


def _time_resolved(table: pd.DataFrame | None) -> list[pd.DataFrame]:
    """Whether any part of the window is claimed to predict the decision, from the source or from latents."""
    if table is None:
        return []
    rows = [
        {
            "kind": "time-resolved",
            "family": "decision_course",
            "test": f"max statistic, {of}",
            "metric": parts["metric"].iloc[0],
            "against": "nothing",
            "role": parts["role"].iloc[0],
            "model_a": of,
            "model_b": "",
            "p": parts["p_max"].min(),
            "n_clusters": int(parts["n_clusters"].iloc[0]),
            "decidable": bool(parts["smallest_attainable_p"].iloc[0] <= ALPHA),
            "claimed": bool((parts["p_max"] <= ALPHA).any()),
        }
        for of, parts in table.groupby("of", sort=False)
    ]
    return [pd.DataFrame(rows, columns=COLUMNS)]


def _intervals(metrics: dict[str, Any], nulls: TrueNulls) -> pd.DataFrame:
    """Whether the interval of a model's score lies above the score of an uninformed model."""
    rows = [
        ["interval", "intervals", "cluster_bootstrap", metric, "nothing", "descriptive", model, "", np.nan,
         metrics["n_clusters"], True, score["ci_low"] > chance]
        for part, metrics_of in CHANCE.items()
        for model, scores in metrics[part].items()
        if model != BASELINE
        for metric, chance in metrics_of.items()
        if metric in nulls.metrics() and (score := scores.get(metric)) and score["ci_low"] is not None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def accuracy_of_study(train: Path) -> dict[str, float]:
    """Mean, variance between recordings, and agreement of the decoders of one study.

    mean_score: balanced accuracy, over recordings and models. spread_variance: variance of the true balanced accuracy
    between recordings: the observed one less that of counting trials (p q / 4 (1/n0 + 1/n1) for each). It may be
    negative in one study; its mean over studies is not biased. agreement: tetrachoric correlation of the correctness of
    two models, from their correlation phi by sin(pi / 2 phi), which holds for shares near one half.
    """
    tables = {m: TrainingRun(train / m).read_predictions() for m in DECIDING}
    scores, noise, together = [], [], []
    for table in tables.values():
        each = [_score(rows) for _, rows in table.groupby("recording", sort=True)]
        scores.append([s for s, _ in each])
        noise.append([v for _, v in each])
    for a, b in combinations(tables.values(), 2):
        both = a.merge(b, on=["recording", "trial"], suffixes=("", "_b"))
        right = both["label"] == both["predicted"], both["label"] == both["predicted_b"]
        together.append(np.corrcoef(*(r.to_numpy(float) for r in right))[0, 1])
    between = np.var(scores, axis=1, ddof=1) - np.mean(noise, axis=1)
    agreement = np.sin(np.pi / 2 * np.nanmean(together))
    return {MEAN: float(np.mean(scores)), SPREAD: float(between.mean()), AGREEMENT: float(agreement)}


def mean_accuracy_spread(outcomes: pd.DataFrame) -> tuple[float, float]:
    """(spread, agreement) over all studies that measured them."""
    each = outcomes.dropna(subset=[SPREAD]).drop_duplicates(["scenario", "study"])
    return float(np.sqrt(max(each[SPREAD].mean(), 1e-6))), float(each[AGREEMENT].mean())


def _score(rows: pd.DataFrame) -> tuple[float, float]:
    """Balanced accuracy of one recording, and its variance from counting trials."""
    classes = np.unique(rows["label"])
    label, predicted = (np.searchsorted(classes, rows[c]).astype(np.int64) for c in ("label", "predicted"))
    recall, n = _recalls(label, predicted)
    return balanced_accuracy(label, predicted), float(
        (recall * (1 - recall) / np.maximum(n - 1, 1)).sum() / len(n) ** 2
    )


def _recalls(label: NDArray[np.int64], predicted: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    n = np.bincount(label)
    return np.bincount(label, weights=label == predicted) / n, n
