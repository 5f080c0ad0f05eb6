"""Nulls of latents: do they belong to their own recording?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from spikebridge.artifacts.latents import FoldLatents
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.nulls.rows import Found
from spikebridge.evaluation.recovery import rows_of
from spikebridge.statistics.nulls import foreign_latents
from spikebridge.statistics.nulls.foreign_latents import FoldSides
from spikebridge.types import Windows

METRIC = "r2_from_latents"


def latent_nulls(inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator) -> Iterator[Found]:
    """Own against foreign latents, of every model that has latents of at least two recordings."""
    for model, latents in inputs.latents.items():
        if len(latents) < 2:
            continue
        recordings = [_sides(inputs.windows[r], latents[r]) for r in sorted(latents)]
        result = foreign_latents.foreign_latents(foreign_latents.score_matrix(recordings), rng, settings.n_resamples)
        yield Found(foreign_latents.NAME, model, METRIC, result, False, foreign_latents.ASSUMPTIONS)


def _sides(w: Windows, folds: Mapping[int, FoldLatents]) -> dict[int, FoldSides]:
    found = {}
    for fold, part in folds.items():
        rows = rows_of(w, part.trial)
        train, test = ((order := np.flatnonzero(side))[np.argsort(w.start_s[rows[order]], kind="stable")]
                       for side in (~part.held_out, part.held_out))  # fmt: skip
        found[fold] = FoldSides(part.latents[train], w.target[rows[train]], part.latents[test], w.target[rows[test]])
    return found
