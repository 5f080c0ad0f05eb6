"""Do other fits find the same latents? Another seed, and halves of the units.

A good likelihood can go with arbitrary latents; those that several fits agree on are less arbitrary (Dabholkar & Barak
2025). Two fits agree as far as each one's latents are a linear function of the other's, on windows that neither saw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.latent_analysis.refit import Refits, with_units
from spikebridge.metrics import linear_map
from spikebridge.models import Model
from spikebridge.types import Windows

Array = NDArray[np.float64]
MIN_UNITS = 4


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """consistency: recording, fold, compared (seeds, source_halves, target_halves), r2; see `agreement`."""
    enough = [w.recording for w in refits.data if min(w.source.shape[2], w.target.shape[2]) >= MIN_UNITS]
    pairs: dict[str, list[tuple[Model, str | None, int | None]]] = {
        "seeds": [(refits.forward, None, None), (refits.reseeded, None, None)]
    }
    if len(enough) == len(refits.data):
        pairs |= {f"{side}_halves": [_half(refits, side, k) for k in (0, 1)] for side in refits.settings.halves}
    rows = [
        {
            "recording": windows[1].recording,
            "fold": refits.fold.fold,
            "compared": name,
            "r2": agreement(*([_latents(refits, w, *fit) for w in windows] for fit in pair)),
        }
        for name, pair in pairs.items()
        for windows in refits.scored()
    ]
    return {"consistency": pd.DataFrame(rows, columns=["recording", "fold", "compared", "r2"])}


def agreement(first: Sequence[Array], second: Sequence[Array]) -> float:
    """R2 of the linear map from the latents of one fit to those of another, mean over both ways.

    first, second: each (latents of the training windows, of the test windows), (window, bin, latent) of the same
    windows. The map is fitted in training windows and scored on the test block: half of a short block would not hold
    every place that the other half visits. All latents together, so that one counts as much as it varies: 1 - residual
    / total sum of squares.
    """
    return float(np.mean([_one_way(*a, *b) for a, b in ((first, second), (second, first))]))


def _one_way(x: Array, x_test: Array, y: Array, y_test: Array) -> float:
    rest = np.square(y_test - linear_map(x, y)(x_test)).sum()
    total = np.square(y_test - y_test.mean(axis=(0, 1))).sum()
    return float(1 - rest / total) if total > 0 else float("nan")


def halves(refits: Refits, w: Windows, side: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the units in two random halves of one recording."""
    n = (w.source if side == "source" else w.target).shape[2]
    order = refits.rng(f"{side} halves", w.recording).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def _half(refits: Refits, side: str, k: int) -> tuple[Model, str | None, int | None]:
    model = refits.fit(f"{side} half {k}", lambda w: with_units(w, **{side: halves(refits, w, side)[k]}))
    return model, side, k


def _latents(refits: Refits, w: Windows, model: Model, side: str | None, k: int | None) -> Array:
    if side is not None and k is not None:
        w = with_units(w, **{side: halves(refits, w, side)[k]})
    latents = model.predict(w).latents
    assert latents is not None
    return latents.astype(np.float64)
