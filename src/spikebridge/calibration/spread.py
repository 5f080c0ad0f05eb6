"""How much a decoder's accuracy differs between recordings, and how often two decoders err together.

Measured in the studies of three equal decoders; the power curves are drawn from it.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config.declared_tests import DECIDING
from spikebridge.metrics.decision import balanced_accuracy

MEAN, SPREAD, AGREEMENT = "mean_score", "spread_variance", "agreement"


def of_study(train: Path) -> dict[str, float]:
    """mean_score: balanced accuracy, over recordings and models. spread_variance: of a recording's true one.

    The variance between recordings less that of counting trials (p q / 4 (1/n0 + 1/n1) for each); it may be negative in
    one study, its mean over studies is not biased. agreement: tetrachoric correlation of two models' being right, from
    the correlation phi of the two by sin(pi / 2 phi), which holds for shares near one half.
    """
    tables = {m: pd.read_parquet(train / m / "predictions.parquet") for m in DECIDING}
    scores, noise, together = [], [], []
    for table in tables.values():
        each = [_score(rows) for _, rows in table.groupby("recording", sort=True)]
        scores.append([s for s, _ in each])
        noise.append([v for _, v in each])
    for a, b in combinations(tables.values(), 2):
        both = a.merge(b, on=["recording", "trial"], suffixes=("", "_b"))
        right = both["label"] == both["predicted"], both["label"] == both["predicted_b"]
        together.append(np.corrcoef(*(r.to_numpy(float) for r in right))[0, 1])
    between = np.var(scores, axis=1, ddof=1) - np.mean(noise, axis=1)
    agreement = np.sin(np.pi / 2 * np.nanmean(together))
    return {MEAN: float(np.mean(scores)), SPREAD: float(between.mean()), AGREEMENT: float(agreement)}


def overall(outcomes: pd.DataFrame) -> tuple[float, float]:
    """(spread, agreement) over all studies that measured them."""
    each = outcomes.dropna(subset=[SPREAD]).drop_duplicates(["world", "study"])
    return float(np.sqrt(max(each[SPREAD].mean(), 1e-6))), float(each[AGREEMENT].mean())


def _score(rows: pd.DataFrame) -> tuple[float, float]:
    """Balanced accuracy of one recording, and its variance from counting trials."""
    classes = np.unique(rows["label"])
    label, predicted = (np.searchsorted(classes, rows[c]).astype(np.int64) for c in ("label", "predicted"))
    recall, n = _recalls(label, predicted)
    return balanced_accuracy(label, predicted), float(
        (recall * (1 - recall) / np.maximum(n - 1, 1)).sum() / len(n) ** 2
    )


def _recalls(label: NDArray[np.int64], predicted: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    n = np.bincount(label)
    return np.bincount(label, weights=label == predicted) / n, n
