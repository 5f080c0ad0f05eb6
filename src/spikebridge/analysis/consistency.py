"""Do other fits find the same latents? Another seed, and halves of the units.

A good likelihood can go with arbitrary latents; those that several fits agree on are less arbitrary (Dabholkar & Barak
2025). Two fits agree as far as each one's latents are a linear function of the other's, on windows that neither saw.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.analysis.refit import Refits, with_units
from spikebridge.metrics import consistency
from spikebridge.models import Model
from spikebridge.types import Windows

FEWEST_UNITS = 4


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """consistency: recording, fold, compared (seeds, source_halves, target_halves), r2.

    r2: of all latents together, so that a latent counts as much as it varies, mean over both ways; the map is fitted on
    the even test trials and scored on the odd ones.
    """
    enough = [w.recording for w in refits.data if min(w.source.shape[2], w.target.shape[2]) >= FEWEST_UNITS]
    pairs: dict[str, list[tuple[Model, str | None, int | None]]] = {
        "seeds": [(refits.forward, None, None), (refits.fit("seed"), None, None)]
    }
    if len(enough) == len(refits.data):
        pairs |= {f"{side}_halves": [_half(refits, side, k) for k in (0, 1)] for side in refits.config.analysis.halves}
    rows = [
        {
            "recording": test.recording,
            "fold": refits.fold.fold,
            "compared": name,
            "r2": consistency([_latents(refits, test, *one) for one in pair], by_variance=True),
        }
        for name, pair in pairs.items()
        for _, test in refits.scored()
    ]
    return {"consistency": pd.DataFrame(rows, columns=["recording", "fold", "compared", "r2"])}


def halves(refits: Refits, w: Windows, side: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the units in two random halves of one recording."""
    n = (w.source if side == "source" else w.target).shape[2]
    order = refits.rng(f"{side} halves", w.recording).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def _half(refits: Refits, side: str, k: int) -> tuple[Model, str | None, int | None]:
    model = refits.fit(f"{side} half {k}", lambda w: with_units(w, **{side: halves(refits, w, side)[k]}))
    return model, side, k


def _latents(refits: Refits, test: Windows, model: Model, side: str | None, k: int | None) -> NDArray[np.float64]:
    if side is not None and k is not None:
        test = with_units(test, **{side: halves(refits, test, side)[k]})
    latents = model.predict(test).latents
    assert latents is not None
    return latents.astype(np.float64)
