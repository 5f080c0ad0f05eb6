"""nulls.csv: the distribution of each model's score where predictions and truth are independent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation import NULLS
from spikebridge.artifacts.latents import FoldLatents
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.evaluation.nulls.decisions import decision_nulls
from spikebridge.evaluation.nulls.rows import ModelNull
from spikebridge.evaluation.nulls.translations import translation_nulls
from spikebridge.statistics.nulls import foreign_latents
from spikebridge.statistics.nulls.foreign_latents import FoldSides
from spikebridge.types import Windows

METRIC = "r2_from_latents"
RANGES = ["model", "null", "metric", "role", "passed", "p", "observed", "null_low", "null_median", "null_high"]


def null_tables(
    inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all nulls of all models but majority, whose predictions never differ within a block.

    Decisions: session permutation is primary where the number of recordings lets it reach alpha (n! >= 1 / alpha),
    otherwise the linear shift. Translations: trial shuffle. The others are descriptive: they have stronger assumptions
    or another null hypothesis; see spikebridge.statistics.nulls.

    Parameters
    ----------
    inputs : Inputs
        Results of all models.
    settings : StatisticsConfig
        alpha, n_resamples and condition.
    rng : numpy.random.Generator
        Source of random numbers; each kind of null has its own stream.

    Returns
    -------
    nulls : pandas.DataFrame
        nulls.csv, columns `artifacts.evaluation.NULLS`.
    ranges : pandas.DataFrame
        Observed score, and 5, 50 and 95 % quantiles of each null, for the figure.
    """
    deciding, translating, latents = rng.spawn(3)
    nulls = [
        *decision_nulls(inputs, settings, deciding),
        *translation_nulls(inputs, settings, translating),
        *latent_nulls(inputs, settings, latents),
    ]
    rows = [null.row(settings.alpha) for null in nulls]
    ranges = [
        row | {"null_low": null.result.quantile(0.05), "null_median": null.result.quantile(0.5)}
        for row, null in zip(rows, nulls, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(NULLS)), pd.DataFrame(ranges, columns=RANGES)


def latent_nulls(inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator) -> Iterator[ModelNull]:
    """Own against foreign latents, of every model that has latents of at least two recordings."""
    for model, latents in inputs.latents.items():
        if len(latents) < 2:
            continue
        recordings = [_sides(inputs.windows[r], latents[r]) for r in sorted(latents)]
        result = foreign_latents.foreign_latents(foreign_latents.score_matrix(recordings), rng, settings.n_resamples)
        yield ModelNull(foreign_latents.NAME, model, METRIC, result, False, foreign_latents.ASSUMPTIONS)


def _sides(w: Windows, folds: Mapping[int, FoldLatents]) -> dict[int, FoldSides]:
    sides = {}
    for fold, part in folds.items():
        rows = rows_of(w, part.trial)
        train, test = ((order := np.flatnonzero(side))[np.argsort(w.start_s[rows[order]], kind="stable")]
                       for side in (~part.held_out, part.held_out))  # fmt: skip
        sides[fold] = FoldSides(part.latents[train], w.target[rows[train]], part.latents[test], w.target[rows[test]])
    return sides
