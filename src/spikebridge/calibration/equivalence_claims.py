"""How often "no worse", "equivalent" and "a difference" are claimed of models whose true difference is known.

The null hypothesis of a test of equivalence is a difference, so its level is that of models that differ by just the
margin, and its power that of equal models. Simulated at the level of predictions, as power (see `power_curves`): two
decoders whose true balanced accuracies differ by a given amount, scored within blocks; the differences between
recordings are given to the product's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.calibration.false_claims import clopper_pearson
from spikebridge.calibration.outcomes import ALPHA
from spikebridge.calibration.power_curves import COMPETITOR, PowerSetting, differences
from spikebridge.config import StatisticsConfig
from spikebridge.runtime.parallel import Report
from spikebridge.statistics import bayes_factor, equivalence, rope

MARGIN = StatisticsConfig().equivalence_margin
RECORDINGS = (4, 6, 8, 12, 20)
TRIALS = 110
STRONG = 3.0
"""Bayes factor that counts as evidence (Kass & Raftery 1995)."""
AT_MARGIN, ALIKE = "a is worse by the margin", "a and b are equally good"
DIFFERENCE = {AT_MARGIN: -MARGIN, ALIKE: 0.0}
NOT_WORSE = "no worse (gate, one-sided t)"
Claim = Callable[[NDArray[np.float64]], bool]
CLAIMS: Mapping[str, Claim] = {
    NOT_WORSE: lambda d: equivalence(d, MARGIN, ALPHA).not_worse,
    "equivalent (TOST)": lambda d: equivalence(d, MARGIN, ALPHA).equivalent,
    "equal or better (ROPE, above 0.95)": lambda d: 1 - rope(d, MARGIN).worse > 1 - ALPHA,
    "within the margin (ROPE, above 0.95)": lambda d: rope(d, MARGIN).equal > 1 - ALPHA,
    f"a difference (Bayes factor above {STRONG:g})": lambda d: bayes_factor(d) > STRONG,
    f"no difference (Bayes factor below 1/{STRONG:g})": lambda d: bayes_factor(d) < 1 / STRONG,
}
FALSE = {
    AT_MARGIN: (*(c for c in CLAIMS if "Bayes" not in c), f"no difference (Bayes factor below 1/{STRONG:g})"),
    ALIKE: (f"a difference (Bayes factor above {STRONG:g})",),
}
"""Claims that are false under each truth."""
COLUMNS = ["truth", "claim", "recordings", "trials", "studies", "rate", "ci_low", "ci_high", "false"]


@dataclass(frozen=True)
class ClaimsJob:
    """One entry of the table: the true difference, by name, and the simulated studies."""

    truth: str
    cell: PowerSetting


def jobs(spread: float, agreement: float, studies: int, seed: int) -> list[ClaimsJob]:
    """Every truth with every number of recordings. spread, agreement, studies: as for power."""
    return [
        ClaimsJob(truth, PowerSetting(COMPETITOR, effect, TRIALS, recordings, spread, agreement, studies, seed))
        for truth, effect in DIFFERENCE.items()
        for recordings in RECORDINGS
    ]


def run(job: ClaimsJob, report: Report) -> list[list]:
    """One row a claim, COLUMNS."""
    cell = job.cell
    rng = np.random.default_rng([cell.seed, list(DIFFERENCE).index(job.truth), cell.recordings])
    counts = dict.fromkeys(CLAIMS, 0)
    for _ in range(cell.studies):
        each = np.nanmean(differences(cell, rng), axis=1)
        for name, claim in CLAIMS.items():
            counts[name] += bool(claim(each))
    report(job)
    return [
        [job.truth, name, cell.recordings, cell.trials, cell.studies, n / cell.studies,
         *clopper_pearson(n, cell.studies), name in FALSE[job.truth]]
        for name, n in counts.items()
    ]  # fmt: skip


def table(parts: list[list[list]]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in parts for row in rows], columns=COLUMNS)
