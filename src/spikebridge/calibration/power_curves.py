"""Power of the primary test of a decision, over effect size, trials and recordings.

Simulated at the level of predictions, because it takes thousands of studies: every recording has a true accuracy,
beta-distributed around the mean, and trials are correct with that probability; they are cut into test blocks as the
split does, and scored by the product's score (within blocks), clusters, sign flip and Holm. The variation between
recordings and the agreement of models are measured in the studies (`outcomes.mean_accuracy_spread`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from spikebridge.calibration.false_claims import clopper_pearson
from spikebridge.calibration.outcomes import ALPHA
from spikebridge.config.declared_tests import DECIDING
from spikebridge.evaluation.comparisons import BLOCK_NULL_SCALE
from spikebridge.evaluation.resampling import MIN_RECORDINGS
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.runtime.parallel import Report
from spikebridge.statistics import sign_flip

EFFECTS = (0.02, 0.05, 0.10)
TRIALS = (60, 110, 220)
RECORDINGS = (4, 6, 8, 12, 20)
MAJORITY, COMPETITOR = "majority", "competitor"
STUDIES = 400
BLOCKS = 5
BASE = 0.65
"""Balanced accuracy of the competitor: about that of a decoder on the default data."""
SHARE = 0.6
COLUMNS = ["against", "effect", "trials", "recordings", "tests", "clusters", "studies", "power", "ci_low", "ci_high"]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PowerSetting:
    """One entry of the table. spread: SD of a model's true accuracy between recordings.

    agreement: correlation of the correctness of two models, between trials and between recordings.
    """

    against: str
    effect: float
    trials: int
    recordings: int
    spread: float
    agreement: float
    studies: int
    seed: int


def run(cell: PowerSetting, report: Report) -> list:
    """One row of the table, COLUMNS. Power: of the first step of Holm."""
    key = [cell.seed, round(1000 * cell.effect), cell.trials, cell.recordings, cell.against == MAJORITY]
    rng = np.random.default_rng(key)
    tests = len(DECIDING) if cell.against == MAJORITY else len(DECIDING) - 1
    by_block = cell.recordings < MIN_RECORDINGS and cell.against == MAJORITY
    null_scale = BLOCK_NULL_SCALE if by_block else 1.0
    rejected = 0
    for _ in range(cell.studies):
        difference = differences(cell, rng)
        each = difference.ravel() if by_block else np.nanmean(difference, axis=1)
        rejected += sign_flip(each, rng, "greater", 1_000, null_scale).p * tests <= ALPHA
    report(cell)
    clusters = "block" if by_block else "recording"
    interval = clopper_pearson(rejected, cell.studies)
    return [
        cell.against, cell.effect, cell.trials, cell.recordings, tests, clusters, cell.studies, rejected / cell.studies,
        *interval,
    ]  # fmt: skip


def cells(spread: float, agreement: float, studies: int, seed: int) -> list[PowerSetting]:
    """Every entry of the table."""
    return [
        PowerSetting(against, effect, trials, recordings, spread, agreement, studies, seed)
        for against in (MAJORITY, COMPETITOR)
        for effect in EFFECTS
        for trials in TRIALS
        for recordings in RECORDINGS
    ]


def table(rows: list[list]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def differences(cell: PowerSetting, rng: np.random.Generator) -> Array:
    """(recording, block): score of a model less that of the other, in one simulated study."""
    label = (rng.random((cell.recordings, cell.trials)) < SHARE).astype(np.int64)
    base = 0.5 if cell.against == MAJORITY else BASE
    model, reference = (_within(label, right, cell) for right in _right((base + cell.effect, base), cell, rng))
    return model - 0.5 if cell.against == MAJORITY else model - reference  # 1/2: a constant prediction within a block


def _right(means: tuple[float, float], cell: PowerSetting, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """(recording, trial) of two models, whether each is right: beta-binomial, correlated through a Gaussian copula."""
    by_recording, by_trial = (
        _pair((cell.recordings, 1), cell.agreement, rng),
        _pair((cell.recordings, cell.trials), cell.agreement, rng),
    )
    correct = []
    for mean, of_recording, of_trial in zip(means, by_recording, by_trial, strict=True):
        size = mean * (1 - mean) / max(cell.spread, 1e-3) ** 2 - 1
        share = stats.beta.ppf(stats.norm.cdf(of_recording), mean * size, (1 - mean) * size)
        correct.append(np.asarray(stats.norm.cdf(of_trial) < share))
    return correct


def _pair(shape: tuple[int, int], correlation: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two arrays of standard normal numbers with this correlation."""
    first, second = rng.normal(size=shape), rng.normal(size=shape)
    return first, correlation * first + np.sqrt(1 - correlation**2) * second


def _within(label: NDArray[np.int64], right: NDArray[np.bool_], cell: PowerSetting) -> Array:
    """(recording, block), balanced accuracy; NaN where a block lacks a class."""
    block = np.arange(cell.trials) * BLOCKS // cell.trials + BLOCKS * np.arange(cell.recordings)[:, None]
    predicted = np.where(right, label, 1 - label)
    each = balanced_accuracy_within_blocks(label.ravel(), predicted.ravel(), block.ravel(), 2)
    return np.asarray(each.reshape(cell.recordings, BLOCKS))
