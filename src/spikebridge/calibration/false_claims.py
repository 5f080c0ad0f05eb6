"""The audit's table: how often each test of the product makes a false claim at 5 %, and whether it may."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from spikebridge.calibration.outcomes import ALPHA, KEYS

MOST = 0.07
"""A primary test holds where its interval includes alpha or lies below it, and its rate is at most this."""
ALL, BLOCKS, RECORDINGS = "all", "block", "recording"
HOLDS, CONSERVATIVE, FAILS, UNCLEAR, NEVER = "holds", "conservative", "fails", "unclear", "never decides"
COLUMNS = [
    "world", *KEYS, "clusters", "studies", "undecidable", "tests", "false_claims", "rate", "ci_low", "ci_high", "state"
]  # fmt: skip


def calibration(outcomes: pd.DataFrame, few: int) -> pd.DataFrame:
    """One row a test, world and kind of clusters; COLUMNS.

    outcomes: rows of `study.run`. few: studies of fewer recordings have test blocks for clusters. studies: in which the
    test was reported. undecidable: share of the reported tests that could not reach alpha. tests: those that could; the
    rate is that of false claims among them. Tests of one study (three models against majority) are not independent, so
    the binomial interval (`clopper_pearson`) counts a study once: it takes rate * studies false claims in as many
    studies, rounded up.
    """
    strata = {
        ALL: outcomes,
        BLOCKS: outcomes[outcomes["setting_recordings"] < few],
        RECORDINGS: outcomes[outcomes["setting_recordings"] >= few],
    }
    rows = [
        [world, *key, clusters, *_row(tests)]
        for clusters, part in strata.items()
        for (world, *key), tests in part.groupby(["world", *KEYS], sort=False)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = {"primary": 0, "descriptive": 1}
    table["rank"] = table["role"].map(order).fillna(2)
    return table.sort_values(["rank", "kind", "world", *KEYS[1:], "clusters"], kind="stable", ignore_index=True)[
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
    if low > ALPHA or rate > MOST:
        return FAILS if low > ALPHA else UNCLEAR
    return CONSERVATIVE if high < ALPHA else HOLDS


def clopper_pearson(hits: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Exact interval of a share: the binomial shares that would give so few or so many with alpha / 2 (1934)."""
    low = float(stats.beta.ppf(alpha / 2, hits, n - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - alpha / 2, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def failing(table: pd.DataFrame) -> pd.DataFrame:
    """The primary tests that do not hold, or are not shown to, over all studies."""
    return table[(table["role"] == "primary") & (table["clusters"] == ALL) & table["state"].isin([FAILS, UNCLEAR])]
