"""nulls.csv: what each model's score would be if its predictions had nothing to do with the trials."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.nulls.decisions import decision_nulls
from spikebridge.evaluation.nulls.latents import latent_nulls
from spikebridge.evaluation.nulls.rows import NullRow, row_of
from spikebridge.evaluation.nulls.translations import translation_nulls

__all__ = ["NullRow", "null_table", "null_tables"]
RANGES = ["model", "null", "metric", "role", "passed", "p", "observed", "null_low", "null_median", "null_high"]


def null_table(inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator) -> pd.DataFrame:
    """All nulls of all models but majority, whose predictions never differ within a block; columns of NullRow.

    Decisions: session permutation is primary where the number of recordings lets it reach alpha (n! >= 1 / alpha),
    otherwise the linear shift. Translations: trial shuffle. The others are descriptive: each of them assumes more, or
    asks something else; see spikebridge.statistics.nulls.
    """
    return null_tables(inputs, settings, rng)[0]


def null_tables(
    inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(nulls.csv, the table for its figure). The second: observed score, and 5, 50 and 95 % quantiles of each null."""
    deciding, translating, latents = rng.spawn(3)
    found = [
        *decision_nulls(inputs, settings, deciding),
        *translation_nulls(inputs, settings, translating),
        *latent_nulls(inputs, settings, latents),
    ]
    rows = [asdict(row_of(one, settings.alpha)) for one in found]
    ranges = [
        row | {"null_low": one.result.quantile(0.05), "null_median": one.result.quantile(0.5)}
        for row, one in zip(rows, found, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(NullRow.__dataclass_fields__)), pd.DataFrame(ranges, columns=RANGES)
