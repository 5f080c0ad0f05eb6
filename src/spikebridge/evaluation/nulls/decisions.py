"""Nulls of decisions: out-of-fold predictions scored against labels that are independent of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Decisions
from spikebridge.config import StatisticsConfig
from spikebridge.config.declared_tests import BASELINE
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.nulls.rows import ModelNull
from spikebridge.evaluation.scores import WITHIN
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.statistics.nulls import (
    NullResult,
    block_permutation,
    circular_shift,
    linear_shift,
    pseudosession,
    session_permutation,
)

Labels = NDArray[np.int64]
Drawn = NDArray[np.integer]
Array = NDArray[np.float64]
MAX_DRAWS = 2_000


@dataclass(frozen=True)
class RecordingDecisions:
    """One recording's out-of-fold predictions in the order of time. All (trial,); block numbered from 0."""

    recording: str
    label: Labels
    predicted: Labels
    block: Labels


@dataclass(frozen=True)
class _Drawn:
    """labels: of each recording. null: name -> (draw, trial) of each recording, one byte a label (sessions are long).

    blocks: number of blocks that block_permutation permutes, of each recording. strange: recordings (by place) whose
    labels the pseudosessions do not look like.
    """

    labels: Sequence[Labels]
    null: Mapping[str, Sequence[Drawn]]
    blocks: Sequence[int]
    strange: Sequence[int]

    @staticmethod
    def of(labels: Sequence[Labels], k: int, draws: int, rng: np.random.Generator) -> _Drawn:
        pseudo, block, circular = rng.spawn(3)
        small: type[np.integer] = np.int8 if k < 127 else np.int64
        length = [block_permutation.block_length(label, k) for label in labels]
        sessions = [pseudosession.fit(x, k).draw(len(x), draws, pseudo).astype(small) for x in labels]
        dealt = [
            block_permutation.permute_blocks(x, n, draws, block).astype(small)
            for x, n in zip(labels, length, strict=True)
        ]
        turned = [circular_shift.rotate(x, draws, circular).astype(small) for x in labels]
        return _Drawn(
            labels,
            {pseudosession.NAME: sessions, block_permutation.NAME: dealt, circular_shift.NAME: turned},
            [len(x) // n for x, n in zip(labels, length, strict=True)],
            [i for i, (x, each) in enumerate(zip(labels, sessions, strict=True)) if pseudosession.strange(x, each, k)],
        )


def decision_nulls(inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator) -> Iterator[ModelNull]:
    """All nulls of every deciding model but the baseline. Labels are drawn alike for every model."""
    k, draws = len(inputs.classes), min(settings.n_resamples, MAX_DRAWS)
    permuting, drawing = rng.spawn(2)
    seed = drawing.integers(2**63)
    drawn: _Drawn | None = None
    for d in inputs.decisions.values():
        if d.model == BASELINE:
            continue
        sessions = sessions_of(d)
        labels = [s.label for s in sessions]
        if drawn is None or not _equal(labels, drawn.labels):
            drawn = _Drawn.of(labels, k, draws, np.random.default_rng(seed))
        yield from _model_nulls(d, sessions, drawn, k, settings, permuting)


def _model_nulls(
    d: Decisions,
    sessions: Sequence[RecordingDecisions],
    drawn: _Drawn,
    k: int,
    settings: StatisticsConfig,
    rng: np.random.Generator,
) -> Iterator[ModelNull]:
    permuted = session_permutation.session_permutation(_matrix(sessions, k), rng, settings.n_resamples)
    shifted = linear_shift.linear_shift(_shift_scores(sessions, k, settings.alpha))
    decides = permuted.smallest <= settings.alpha
    yield _model_null(session_permutation, d, permuted, decides)
    yield _model_null(linear_shift, d, shifted, not decides)

    observed = float(_mean_score(sessions, [label[None] for label in drawn.labels], k)[0])
    null = {name: _mean_score(sessions, each, k) for name, each in drawn.null.items()}
    strange = ", ".join(sessions[i].recording for i in drawn.strange)
    doubt = f"; NOT MET: labels unlike the drawn ones in {strange}" if strange else ""
    pseudo = pseudosession.pseudosession(observed, null[pseudosession.NAME])
    dealt = block_permutation.block_permutation(observed, null[block_permutation.NAME], drawn.blocks)
    trials = [len(label) for label in drawn.labels]
    turned = circular_shift.circular_shift(observed, null[circular_shift.NAME], trials)
    yield _model_null(pseudosession, d, pseudo, doubt=doubt)
    yield _model_null(block_permutation, d, dealt)
    yield _model_null(circular_shift, d, turned)


def _model_null(
    null: ModuleType, d: Decisions, result: NullResult, primary: bool = False, doubt: str = ""
) -> ModelNull:
    return ModelNull(null.NAME, d.model, WITHIN, result, primary, null.ASSUMPTIONS + doubt)


def _equal(a: Sequence[Labels], b: Sequence[Labels]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def sessions_of(d: Decisions) -> list[RecordingDecisions]:
    sessions = []
    for recording, rows in d.table.groupby("recording", sort=True):
        at = rows.index.to_numpy()
        block = np.asarray(pd.factorize(rows["block"])[0], dtype=np.int64)
        sessions.append(RecordingDecisions(str(recording), d.label[at], d.predicted[at], block))
    return sessions


def _mean_score(sessions: Sequence[RecordingDecisions], labels: Sequence[Drawn], k: int) -> Array:
    """(draw,): mean over recordings of the score of their predictions against labels, each (draw, trial)."""
    return np.asarray(np.mean([score_draws(s, each, k) for s, each in zip(sessions, labels, strict=True)], axis=0))


def score_draws(s: RecordingDecisions, labels: Drawn, k: int) -> Array:
    """(draw,): as _score of each row of labels (draw, trial), all at once; 1 / k where no block holds every class."""
    home = np.eye(int(s.block.max()) + 1, dtype=np.float32)[s.block]
    recall = np.zeros((len(labels), home.shape[1]))
    for c in range(k):
        is_class = (labels == c).astype(np.float32)
        right = is_class @ (home * (s.predicted == c)[:, None])
        with np.errstate(invalid="ignore", divide="ignore"):
            recall += np.asarray(right, np.float64) / (is_class @ home) / k
    known = np.isfinite(recall)
    n = known.sum(axis=1)
    return np.asarray(np.where(n > 0, np.where(known, recall, 0.0).sum(axis=1) / np.maximum(n, 1), 1 / k))


def _score(label: Labels, predicted: Labels, block: Labels, n_classes: int) -> float:
    """Mean balanced accuracy over the blocks that hold every class; NaN where none does."""
    scores = balanced_accuracy_within_blocks(label, predicted, block, n_classes)
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def _matrix(sessions: Sequence[RecordingDecisions], n_classes: int) -> Array:
    """Score of every recording's predictions against every recording's labels, cut to the shorter.

    A pair without a block of every class scores 1 / n_classes, the score of an uninformed model.
    """
    scores = np.full((len(sessions), len(sessions)), 1 / n_classes)
    for i, own in enumerate(sessions):
        for j, other in enumerate(sessions):
            n = min(len(own.label), len(other.label))
            score = _score(other.label[:n], own.predicted[:n], own.block[:n], n_classes)
            if np.isfinite(score):
                scores[i, j] = score
    return scores


def _shift_scores(sessions: Sequence[RecordingDecisions], n_classes: int, alpha: float) -> Array:
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
