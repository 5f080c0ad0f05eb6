"""nulls.csv: what each model's score would be if its predictions had nothing to do with the trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Decisions, Inputs, Translation
from spikebridge.evaluation.scores import WITHIN
from spikebridge.metrics import floored
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.statistics.nulls import NullResult, linear_shift, session_permutation, trial_shuffle

Labels = NDArray[np.int64]
SHUFFLES = 2_000


@dataclass(frozen=True)
class NullRow:
    """One row of nulls.csv. passed: p is at most alpha, so the score is not what the null would give.

    role: "primary" for the null that the gate rests on, "descriptive" for the other.
    """

    null: str
    model: str
    metric: str
    observed: float
    null_mean: float
    null_high: float
    p: float
    smallest_attainable_p: float
    n_null: int
    passed: bool
    role: str
    assumptions: str


@dataclass(frozen=True)
class _Session:
    """One recording's out-of-fold predictions in the order of time. All (trial,); block numbered from 0."""

    label: Labels
    predicted: Labels
    block: Labels


def null_table(inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator) -> pd.DataFrame:
    """All nulls of all models but majority, whose predictions never differ within a block.

    Decisions: session permutation is primary where the number of recordings lets it reach alpha (n! >= 1 / alpha),
    otherwise the linear shift. Translations: trial shuffle.
    """
    deciders = [d for d in inputs.decisions.values() if d.model != "majority"]
    rows = [row for d in deciders for row in _decision(inputs, d, settings, rng)]
    rows += [_translation(inputs, t, settings, rng) for t in inputs.translations.values()]
    return pd.DataFrame([asdict(row) for row in rows], columns=list(NullRow.__dataclass_fields__))


def _decision(inputs: Inputs, d: Decisions, settings: StatisticsConfig, rng: np.random.Generator) -> Iterator[NullRow]:
    sessions, k = _sessions(d), len(inputs.classes)
    permuted = session_permutation.session_permutation(_matrix(sessions, k), rng, settings.resamples)
    shifted = linear_shift.linear_shift(_shift_scores(sessions, k, settings.alpha))
    permutation_decides = permuted.smallest <= settings.alpha
    for module, result, primary in (
        (session_permutation, permuted, permutation_decides),
        (linear_shift, shifted, not permutation_decides),
    ):
        yield _row(module.NAME, module.ASSUMPTIONS, d.model, WITHIN, result, settings.alpha, primary)


def _translation(inputs: Inputs, t: Translation, settings: StatisticsConfig, rng: np.random.Generator) -> NullRow:
    blocks = [
        _pairings(inputs, t, str(recording), rows["trial"].to_numpy())
        for (recording, _), rows in t.table.groupby(["recording", "fold"], sort=True)
    ]
    draws = min(settings.resamples, SHUFFLES)
    result = trial_shuffle.trial_shuffle(blocks, float(t.nats.sum()), float(t.spikes.sum()), rng, draws)
    module = trial_shuffle
    return _row(module.NAME, module.ASSUMPTIONS, t.model, "bits_per_spike", result, settings.alpha, True)


def _row(
    name: str, assumptions: str, model: str, metric: str, result: NullResult, alpha: float, primary: bool
) -> NullRow:
    return NullRow(
        null=name,
        model=model,
        metric=metric,
        observed=result.observed,
        null_mean=result.null_mean,
        null_high=result.null_high,
        p=result.p,
        smallest_attainable_p=result.smallest,
        n_null=len(result.null),
        passed=bool(result.p <= alpha),
        role="primary" if primary else "descriptive",
        assumptions=assumptions,
    )


def _sessions(d: Decisions) -> list[_Session]:
    found = []
    for _, rows in d.table.groupby("recording", sort=True):
        at = rows.index.to_numpy()
        block = np.asarray(pd.factorize(rows["block"])[0], dtype=np.int64)
        found.append(_Session(d.label[at], d.predicted[at], block))
    return found


def _score(label: Labels, predicted: Labels, block: Labels, n_classes: int) -> float:
    """Mean balanced accuracy over the blocks that hold every class; NaN where none does."""
    scores = balanced_accuracy_within_blocks(label, predicted, block, n_classes)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def _matrix(sessions: list[_Session], n_classes: int) -> NDArray[np.float64]:
    """Score of every recording's predictions against every recording's labels, cut to the shorter.

    A pair without a block of every class scores 1 / n_classes, what knowing nothing scores.
    """
    scores = np.full((len(sessions), len(sessions)), 1 / n_classes)
    for i, mine in enumerate(sessions):
        for j, other in enumerate(sessions):
            n = min(len(mine.label), len(other.label))
            score = _score(other.label[:n], mine.predicted[:n], mine.block[:n], n_classes)
            if np.isfinite(score):
                scores[i, j] = score
    return scores


def _shift_scores(sessions: list[_Session], n_classes: int, alpha: float) -> NDArray[np.float64]:
    """Mean score over recordings of the shifts -n .. n, of the trials that every shift leaves."""
    n = linear_shift.largest_shift(min(len(s.label) for s in sessions), alpha)
    scores = np.full((2 * n + 1, len(sessions)), np.nan)
    for column, s in enumerate(sessions):
        middle = slice(n, len(s.label) - n)
        for shift in range(-n, n + 1):
            label = s.label[n + shift : len(s.label) - n + shift]
            scores[shift + n, column] = _score(label, s.predicted[middle], s.block[middle], n_classes)
    filled = np.where(np.isfinite(scores), scores, 1 / n_classes)
    return np.asarray(np.where(np.isfinite(scores).any(axis=1), filled.mean(axis=1), np.nan))


def _pairings(inputs: Inputs, t: Translation, recording: str, trials: Labels) -> NDArray[np.float64]:
    """(trial, trial): entry [a, b] = sum_{t,u} y_b log(rate_a) - rate_a, of the trials of one block."""
    windows, (known, rates) = inputs.windows[recording], t.rates[recording]
    order = np.argsort(known)
    predicted = floored(rates[order[np.searchsorted(known, trials, sorter=order)]]).reshape(len(trials), -1)
    order = np.argsort(windows.trial, kind="stable")
    at = order[np.searchsorted(windows.trial, trials, sorter=order)]
    counts = windows.target[at].reshape(len(trials), -1).astype(np.float64)
    return np.asarray(np.log(predicted) @ counts.T - predicted.sum(axis=1)[:, None])
