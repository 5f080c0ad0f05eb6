"""What an evaluation claimed, row by row, and whether the claim is false in the world that made its data.

A claim is a rejection at alpha: p at most alpha, or an interval without zero where a row has no p. Of a model against
one that knows nothing (majority, a translator without its source) only "knows more" is a claim; that a noisy model has
the worse log loss is true. Between two models either side is one, unless the test has a declared direction.
False claims are counted where the null is true:

- nothing: a model against one that knows nothing, every null, and two models under the primary score, which is 1/2 for
  both. Other scores of two models differ in truth: one fits more noise than the other. Of the ladder, what claims that
  latents or the source add something; time and the target's own past do.
- equal: the two models that learned from equal thirds, whatever the score.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.calibration.scenario import World
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING

ALPHA = 0.05
WITHOUT_SOURCE = "without_source"
ADDS = ("source_region", "target_region", "translated_latents", "linear_source", DECIDING[0])
"""Steps of the ladder whose gain is a false claim where there is nothing to find."""
CHANCE = {
    "models": {"balanced_accuracy": 0.5, "balanced_accuracy_within_blocks": 0.5, "auc": 0.5},
    "translation": {"bits_per_spike": 0.0, "source_bits_per_spike": 0.0, "trial_contrast_bits_per_spike": 0.0},
}
"""Scores of metrics.json whose interval people hold against what knowing nothing scores."""
KNOWS_NOTHING = (BASELINE, WITHOUT_SOURCE)
UNBIASED = "balanced_accuracy_within_blocks"
LOWER_IS_BETTER = {"log_loss", "brier"}
OTHER_NULL = ("tost", "equivalence", "no_worse", "non_inferiority", "rope", "bayes")
"""Tests whose null is a difference: a world without one says nothing of their level."""
KEYS = ["kind", "family", "test", "metric", "against", "role"]
COLUMNS = [*KEYS, "model_a", "model_b", "p", "n_clusters", "decidable", "claimed"]


def of_study(folder: Path, world: World) -> pd.DataFrame:
    """One row a test of an evaluation's folder whose null is true in `world`; COLUMNS.

    kind: comparison, family (Holm), null, verdict, ladder, course, or interval (of a score of metrics.json). against:
    nothing or model. decidable: False where the smallest attainable p exceeds alpha, so that the row never claims
    anything. claimed: whether the row makes a false claim.
    """
    comparisons = pd.read_csv(folder / "comparisons.csv", keep_default_na=False, na_values=[""])
    nulls = pd.read_csv(folder / "nulls.csv", keep_default_na=False, na_values=[""])
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    found = [_comparisons(comparisons, world), _families(comparisons, world)]
    if world == "nothing":
        found += [_nulls(nulls), _verdicts(metrics["translation"]), _intervals(metrics)]
        found += _ladder(folder / "ladder.csv") + _course(folder / "tables" / "decision_course.csv")
    return pd.concat([f for f in found if len(f)], ignore_index=True)[COLUMNS]


def _null_holds(table: pd.DataFrame, world: World) -> pd.Series:
    """Whether the null of every comparison is true in the world."""
    nothing = _against_nothing(table)
    same = table["test"].str.lower().str.contains("|".join(OTHER_NULL))
    if world == "nothing":
        return (nothing | (table["metric"] == UNBIASED)) & ~same
    equal = {*DECIDING}, {*TRANSLATING}
    pairs = table[["model_a", "model_b"]]
    return pd.Series(
        [any({a, b} <= models for models in equal) for a, b in pairs.itertuples(index=False)], index=table.index
    ) & ~(nothing | same)


def _against_nothing(table: pd.DataFrame) -> pd.Series:
    return table[["model_a", "model_b"]].isin(KNOWS_NOTHING).any(axis=1)


def _comparisons(table: pd.DataFrame, world: World) -> pd.DataFrame:
    table = table[_null_holds(table, world)].reset_index(drop=True)
    nothing = _against_nothing(table)
    has_p = table["p"].notna()
    interval = table["ci_low"].notna() & table["ci_high"].notna()
    table = table[has_p | interval].reset_index(drop=True)
    nothing, has_p = nothing[has_p | interval].reset_index(drop=True), table["p"].notna()
    rejected = np.where(has_p, table["p"] <= ALPHA, (table["ci_low"] > 0) | (table["ci_high"] < 0))
    better = np.sign(table["estimate"]) * np.where(table["metric"].isin(LOWER_IS_BETTER), -1, 1)
    towards = np.where(table["model_a"].isin(KNOWS_NOTHING), -better, better) > 0
    return table.assign(
        kind="comparison",
        family=table["family"].where(table["role"] == "primary", "pairs"),
        against=np.where(nothing, "nothing", "model"),
        decidable=~(table["smallest_attainable_p"] > ALPHA),
        claimed=rejected & (towards | ~nothing),
    )


def _families(table: pd.DataFrame, world: World) -> pd.DataFrame:
    held = table[_null_holds(table, world) & table["p_holm"].notna()]
    return _after_holm(held.assign(against=np.where(_against_nothing(held), "nothing", "model")))


def _after_holm(held: pd.DataFrame) -> pd.DataFrame:
    """Whether any test of a family claims something after Holm: what a verdict rests on."""
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


def _nulls(table: pd.DataFrame) -> pd.DataFrame:
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
         bool(entry["verdict"]["translates"])]
        for model, entry in translation.items()
        if entry.get("verdict")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _ladder(path: Path) -> list[pd.DataFrame]:
    """Every test of a gain in ladder.csv, and whether a family of it claims something after Holm."""
    if not path.is_file():
        return []
    table = pd.read_csv(path, keep_default_na=False, na_values=["", "nan"])
    table = table[table["step"].isin(ADDS) & table["p"].notna()].fillna({"family": ""})
    gains = table.assign(
        kind="ladder",
        test=table["step"],
        against="nothing",
        model_a=table["step"],
        model_b=table["reference"],
        decidable=~(table["smallest_attainable_p"] > ALPHA),
        claimed=table["p"] <= ALPHA,
    )
    return [gains[COLUMNS], _after_holm(gains[gains["family"].ne("")].assign(metric="gain"))]


def _course(path: Path) -> list[pd.DataFrame]:
    """Whether any part of the window is said to tell the decision, from the source or from latents."""
    if not path.is_file():
        return []
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    rows = [
        {
            "kind": "course",
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


def _intervals(metrics: dict[str, dict]) -> pd.DataFrame:
    """Whether the interval of a model's score lies above what knowing nothing scores."""
    rows = [
        ["interval", "intervals", "cluster_bootstrap", metric, "nothing", "descriptive", model, "", np.nan,
         metrics["n_clusters"], True, score["ci_low"] > chance]
        for part, metrics_of in CHANCE.items()
        for model, scores in metrics[part].items()
        if model != BASELINE
        for metric, chance in metrics_of.items()
        if (score := scores.get(metric)) and score["ci_low"] is not None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
