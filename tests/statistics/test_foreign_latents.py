"""Own latents against those of other recordings."""

from __future__ import annotations

import numpy as np
import pytest
from processes import not_above, walk

from spikebridge.statistics.nulls import foreign_latents
from spikebridge.statistics.nulls.foreign_latents import FoldSides

Rng = np.random.Generator
BINS, UNITS, LATENTS = 4, 5, 2


def recording(rng: Rng, trials: int, link: float, folds: int = 2) -> dict[int, FoldSides]:
    """Latents and counts that drift over trials, and have a time course; `link`: weight of latents in the counts."""
    course = np.linspace(0, 1, BINS)[None, :, None]
    slow = np.stack([walk(rng, trials, 8) for _ in range(LATENTS)], axis=-1)
    z = slow[:, None] + course + 0.3 * rng.normal(size=(trials, BINS, LATENTS))
    own = np.stack([walk(rng, trials, 8) for _ in range(LATENTS)], axis=-1)[:, None]
    log = 0.5 * course + 0.4 * (link * z + (1 - link) * own) @ rng.normal(size=(LATENTS, UNITS))
    y = rng.poisson(np.exp(log)).astype(np.uint8)
    block = np.arange(trials) * folds // trials
    return {f: FoldSides(z[block != f], y[block != f], z[block == f], y[block == f]) for f in range(folds)}


def test_scores_by_brute_force(rng: Rng) -> None:
    """The ridge as least squares on data with rows added; pairs cut to the shorter."""
    recordings = [recording(rng, n, 0.5) for n in (14, 10)]
    matrix = foreign_latents.score_matrix(recordings)
    for i, j in np.ndindex(2, 2):
        rest = total = 0.0
        for f in (0, 1):
            a, b = recordings[i][f], recordings[j][f]
            n, m = (
                min(len(x), len(y)) for x, y in ((a.train_counts, b.train_latents), (a.test_counts, b.test_latents))
            )
            z, y = b.train_latents[:n].reshape(-1, LATENTS), np.sqrt(a.train_counts[:n].reshape(-1, UNITS), dtype=float)
            gram = (z - z.mean(0)).T @ (z - z.mean(0))
            added = np.sqrt(foreign_latents.RIDGE * np.trace(gram) / LATENTS) * np.eye(LATENTS)
            rows = np.vstack([z - z.mean(0), added]), np.vstack([y - y.mean(0), np.zeros((LATENTS, UNITS))])
            weights = np.linalg.lstsq(*rows, rcond=None)[0]
            wanted = np.sqrt(a.test_counts[:m].reshape(-1, UNITS), dtype=float) - y.mean(0)
            rest += np.sum((wanted - (b.test_latents[:m].reshape(-1, LATENTS) - z.mean(0)) @ weights) ** 2)
            total += np.sum(wanted**2)
        assert matrix[i, j] == pytest.approx(1 - rest / total)


def test_recordings_without_a_common_fold_have_no_score(rng: Rng) -> None:
    a, b = recording(rng, 12, 1.0), recording(rng, 12, 1.0)
    scores = foreign_latents.score_matrix([{0: a[0]}, {1: b[1]}])
    assert np.isnan(scores[0, 1])
    assert np.isfinite(np.diag(scores)).all()
    assert foreign_latents.foreign_latents(scores, rng).p == 1  # what is not known counts against us


def test_level_without_a_link_under_drift(rng: Rng) -> None:
    studies, hits = 150, 0
    for _ in range(studies):
        scores = foreign_latents.score_matrix([recording(rng, 30, 0.0) for _ in range(5)])
        hits += foreign_latents.foreign_latents(scores, rng).p <= 0.05
    assert not_above(hits, studies)


def test_power(rng: Rng) -> None:
    rejections = 0
    for _ in range(15):
        scores = foreign_latents.score_matrix([recording(rng, 30, 0.8) for _ in range(5)])
        rejections += foreign_latents.foreign_latents(scores, rng).p <= 0.05
    assert rejections >= 13
