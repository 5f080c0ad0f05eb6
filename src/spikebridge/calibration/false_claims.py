"""How often each test makes a false claim at 5 %, whether it may, and the test's name for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from spikebridge.calibration.outcomes import ALPHA, KEYS

MAX_RATE = 0.07
"""A primary test holds its level where its interval includes alpha or lies below it and its rate is at most this."""
ALL, BLOCKS, RECORDINGS = "all", "block", "recording"
HOLDS, CONSERVATIVE, FAILS, UNCLEAR, NEVER = "holds", "conservative", "fails", "unclear", "never decides"
SCENARIO_TITLES = {
    "nothing": "no relation",
    "equal": "three equally good models",
    "unseen_coupled": "unseen recordings, choices unrelated",
    "unseen_nothing": "unseen recordings, no relation",
    "crossed": "crossed recordings",
}
METRIC = {
    "balanced_accuracy_within_blocks": "balanced accuracy within blocks",
    "balanced_accuracy": "balanced accuracy, pooled",
    "source_bits_per_spike": "bits/spike of the source",
    "trial_contrast_bits_per_spike": "trial-shift contrast",
    "bits_per_spike": "bits/spike",
    "communication_bits_per_spike": "bits/spike over the target's past",
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
}
FAMILY = {
    "above_majority": "models against majority",
    "seq2seq_against_competitors": "seq2seq against competitors",
    "translation": "seq2seq against ridge",
    "translation_from_source": "source against none",
    "ladder": "what latents add to the source's counts",
    "translation_ladder": "what the source adds to the target's past",
}
AGAINST = {"nothing": "model against majority", "model": "model against model"}
COLUMNS = [
    "scenario", *KEYS, "clusters", "studies", "undecidable", "tests", "false_claims", "rate", "ci_low", "ci_high",
    "state",
]  # fmt: skip


def false_claim_rates(outcomes: pd.DataFrame, min_recordings: int) -> pd.DataFrame:
    """One row a test, scenario and kind of clusters; COLUMNS.

    outcomes: rows of `study.run`. min_recordings: studies of fewer recordings have test blocks for clusters. studies:
    in which the test was reported. undecidable: share of the reported tests that could not reach alpha. tests: those
    that could; the rate is that of false claims among them. Tests of one study (three models against majority) are not
    independent, so the binomial interval counts a study once: it takes rate * studies false claims in as many studies,
    rounded up.
    """
    strata = {
        ALL: outcomes,
        BLOCKS: outcomes[outcomes["setting_recordings"] < min_recordings],
        RECORDINGS: outcomes[outcomes["setting_recordings"] >= min_recordings],
    }
    rows = [
        [scenario, *key, clusters, *_row(tests)]
        for clusters, part in strata.items()
        for (scenario, *key), tests in part.groupby(["scenario", *KEYS], sort=False)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = {"primary": 0, "descriptive": 1}
    table["rank"] = table["role"].map(order).fillna(2)
    return table.sort_values(["rank", "kind", "scenario", *KEYS[1:], "clusters"], kind="stable", ignore_index=True)[
        COLUMNS
    ]


def _row(tests: pd.DataFrame) -> list:
    studies = tests["study"].nunique()
    could = tests[tests["decidable"].astype(bool)]
    undecidable = 1 - len(could) / len(tests)
    if could.empty:
        return [studies, undecidable, 0, 0, np.nan, np.nan, np.nan, NEVER]
    claims, n = int(could["claimed"].sum()), could["study"].nunique()
    rate = claims / len(could)
    low, high = clopper_pearson(int(np.ceil(rate * n - 1e-9)), n)
    return [studies, undecidable, len(could), claims, rate, low, high, state(rate, low, high)]


def state(rate: float, low: float, high: float) -> str:
    """holds, conservative (surely below alpha), fails (surely above), or unclear: too high, in too few studies."""
    if low > ALPHA or rate > MAX_RATE:
        return FAILS if low > ALPHA else UNCLEAR
    return CONSERVATIVE if high < ALPHA else HOLDS


def clopper_pearson(hits: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Exact binomial interval of the share hits / n (Clopper & Pearson 1934)."""
    interval = stats.binomtest(hits, n).proportion_ci(1 - alpha, method="exact")
    return float(interval.low), float(interval.high)


def failing(table: pd.DataFrame) -> pd.DataFrame:
    """The primary tests that do not hold, or are not shown to, over all studies."""
    return table[(table["role"] == "primary") & (table["clusters"] == ALL) & table["state"].isin([FAILS, UNCLEAR])]


def plain(name: str) -> str:
    """A name without underscores."""
    return name.replace("_", " ")


def test_name(row: Mapping[str, Any]) -> str:
    """Name of a test for people, in a line. row: one of `false_claim_rates`."""
    test = plain(str(row["test"])).replace("mcnemar", "McNemar")
    metric = METRIC.get(row["metric"], plain(str(row["metric"])))
    if row["kind"] == "null":
        return f"null: {test} ({metric})"
    if row["kind"] == "nested models":
        return f"gain: {test} ({metric})"
    if row["kind"] == "time-resolved":
        return f"any time: {test} ({metric})"
    if row["kind"] == "verdict":
        return "verdict: the source predicts the target"
    if row["kind"] == "interval":
        return f"interval above chance: {metric}"
    who = FAMILY.get(row["family"]) or (AGAINST[row["against"]] if row["family"] == "pairs" else plain(row["family"]))
    return f"{test}: {who} ({metric})"
