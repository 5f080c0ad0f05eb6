"""What seq2seq adds over the linear translators, and whether the data look as if a linear map were enough.

All translators have one baseline, so the difference of two in bits/spike is that of what they take from the source. A
network that is fitted better than a regression is a little above it in data that a linear map describes exactly: it
pools recordings, and has few dimensions. In the simulated regime linear seq2seq has 3 to 4 % more than the Poisson GLM
(docs/regimes.md). So the data look beyond linear only if the difference is shown to exceed MARGIN of what the best
linear translator takes from the source. The best one is chosen on the scored data, which favours it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import BEYOND_LINEAR
from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import StatisticsConfig
from spikebridge.config.declared_tests import TRANSLATING
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.translation_scores import MIN_BITS, source_score
from spikebridge.statistics import cluster_bootstrap

Array = NDArray[np.float64]
OURS = TRANSLATING[0]
LINEAR = ("poisson_glm", "ridge", "reduced_rank", "nemos_glm")
"""Translators whose rate or log rate is a linear map of lagged source counts."""
MARGIN = 0.1
"""Share of the best linear translator's source bits/spike that a better fit may explain."""
ALL = "all"


class Appearance(Enum):
    """What the data look like; the value is the entry of the table."""

    BEYOND_LINEAR = "beyond linear"
    LINEAR = "linear"
    UNDECIDED = "undecided"
    NOTHING = "nothing to translate"


def beyond_linear_table(
    translations: Mapping[str, Translation], resampling: Resampling | None, settings: StatisticsConfig
) -> pd.DataFrame:
    """Compare what seq2seq takes from the source with what each linear translator takes.

    Parameters
    ----------
    translations : mapping of str to Translation
        Of all models, on the same trials with the same baseline.
    resampling : Resampling, optional
        The draws of clusters that all translators share.
    settings : StatisticsConfig
        Of the intervals of single recordings, which resample their test blocks.

    Returns
    -------
    pandas.DataFrame
        One row for each recording ("all": all together) and linear translator, with the columns BEYOND_LINEAR. Without
        rows where seq2seq or the linear translators are absent.
    """
    linear = [m for m in LINEAR if m in translations and np.isfinite(translations[m].from_source).all()]
    rows: list[dict[str, Any]] = []
    if resampling is not None and OURS in translations and linear:
        compared = {m: translations[m] for m in (OURS, *linear)}
        rows += _rows(ALL, compared, resampling)
        table = translations[OURS].table
        for name, part in table.groupby("recording", sort=True):
            in_recording = {m: Translation(m, t.table.loc[part.index], t.rates_folder) for m, t in compared.items()}
            # the same draws in every recording and model, as for bits/spike
            by_block = settings.model_copy(update={"cluster": "block"})
            rows += _rows(str(name), in_recording, Resampling.of(part, by_block, np.random.default_rng(0)))
    return pd.DataFrame(rows, columns=list(BEYOND_LINEAR))


def beyond_linear_score(table: pd.DataFrame) -> dict[str, Any]:
    """Summarise the table for metrics.json.

    Parameters
    ----------
    table : pandas.DataFrame
        As `beyond_linear_table` makes it.

    Returns
    -------
    dict
        Of all recordings and the best linear translator: linear (its name), source_bits_per_spike (of both), value,
        ci_low and ci_high of the difference, margin, looks. Empty where the table has no rows.
    """
    best = table[(table["recording"] == ALL) & table["best"]]
    if not len(best):
        return {}
    row = best.iloc[0]
    return {
        "linear": row["linear"],
        "source_bits_per_spike": {OURS: row["source_bits_seq2seq"], row["linear"]: row["source_bits_linear"]},
        "value": row["difference"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "margin": MARGIN,
        "looks": row["looks"],
    }


def _rows(recording: str, compared: Mapping[str, Translation], resampling: Resampling) -> Iterator[dict[str, Any]]:
    scores = {m: source_score(t, resampling.clusters.index) for m, t in compared.items()}
    value = {m: float(score(resampling.ones)[0]) for m, score in scores.items()}
    draws = {m: score(resampling.weights) for m, score in scores.items()}
    best = max((m for m in compared if m != OURS), key=lambda m: value[m])
    for linear in (m for m in compared if m != OURS):
        interval, over_margin = (
            cluster_bootstrap.interval_from_samples(
                value[OURS] - factor * value[linear],
                draws[OURS] - factor * draws[linear],
                resampling.independent,
                resampling.alpha,
            )
            for factor in (1.0, 1.0 + MARGIN)
        )
        nothing = max(value[OURS], value[linear]) <= MIN_BITS
        yield {
            "recording": recording,
            "linear": linear,
            "best": linear == best,
            "source_bits_seq2seq": value[OURS],
            "source_bits_linear": value[linear],
            "difference": interval.value,
            "ci_low": interval.ci_low,
            "ci_high": interval.ci_high,
            "looks": (Appearance.NOTHING if nothing else _appearance(over_margin.ci_low, over_margin.ci_high)).value,
        }


def _appearance(low: float, high: float) -> Appearance:
    """Of the interval of the difference less the margin; NaN, where there are too few clusters, decides nothing."""
    if low > 0:
        return Appearance.BEYOND_LINEAR
    return Appearance.LINEAR if high < 0 else Appearance.UNDECIDED
