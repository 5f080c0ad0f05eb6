"""Does the source predict more of the target than the target of the source? The same model, fitted both ways."""

from __future__ import annotations

import pandas as pd

from spikebridge.latent_analysis.refit import Refits, reversed_direction

DIRECTIONS = {"forward": lambda w: w, "reverse": reversed_direction}


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """direction: a row a direction and test window; direction, and the columns of Refits.information_rows.

    The settings are those tuned for the forward direction, so the reverse one has at most a slight disadvantage.
    """
    parts = []
    for name, change in DIRECTIONS.items():
        model = refits.forward if name == "forward" else refits.fit(name, change)
        for train, test in refits.scored():
            predicted, base = model.predict(change(test)), change(train).target.mean(axis=(0, 1))
            parts.append(
                refits.information_rows(change(test), predicted.rates, base, predicted.baseline).assign(direction=name)
            )
    return {"direction": pd.concat(parts, ignore_index=True)}
