"""Folds that learn from each other's test blocks: what a shuffle that does not refit misses."""

from __future__ import annotations

import numpy as np

from spikebridge.statistics.nulls import trial_shuffle
from spikebridge.statistics.nulls.trial_shuffle import NULL_SCALE


def test_trial_shuffle_holds_its_level_where_folds_learn_from_each_other(rng: np.random.Generator) -> None:
    """A linear translator that knows nothing, cross-validated over five blocks: without widening twice the level."""
    studies = 300
    p: dict[float, list[float]] = {1.0: [], NULL_SCALE: []}
    for _ in range(studies):
        x, y = rng.normal(size=(5, 12, 8)), rng.normal(size=(5, 12, 6))
        products = np.einsum("kti,ktj->kij", x, y)
        pairs = [a @ (products.sum(axis=0) - own) @ b.T for a, b, own in zip(x, y, products, strict=True)]
        observed = float(sum(np.trace(block) for block in pairs))
        null = trial_shuffle.trial_shuffle(pairs, observed, 1 / np.log(2), rng, 200).null
        for wide, p_values in p.items():
            draws = null.mean() + (null - null.mean()) * wide / NULL_SCALE
            p_values.append((1 + np.sum(draws >= observed)) / 201)
    level = {wide: float(np.mean(np.array(p_values) <= 0.05)) for wide, p_values in p.items()}
    assert level[1.0] > 0.09 and level[NULL_SCALE] < 0.08, level
