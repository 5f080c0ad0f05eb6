"""The gate: better than always saying the commonest decision."""

from __future__ import annotations

import pandas as pd

from spikebridge.config.declared_tests import BASELINE
from spikebridge.gates.gate import Gate

FAMILY = "above_majority"


def above_majority(comparisons: pd.DataFrame, model: str, alpha: float) -> Gate:
    """Every primary test of the model against majority, Holm-corrected, reaches alpha, in the right direction."""
    if model == BASELINE:
        return Gate(False, f"{BASELINE} is the baseline itself")
    primary = comparisons[(comparisons["family"] == FAMILY) & (comparisons["role"] == "primary")]
    rows = primary[(primary["model_a"] == model) & (primary["model_b"] == BASELINE)]
    if rows.empty:
        return Gate(False, f"no primary comparison of {model} with {BASELINE}")
    failed = rows[~((rows["p_holm"] <= alpha) & (rows["estimate"] > 0))]
    row = (rows if failed.empty else failed).sort_values("p_holm").iloc[-1]
    said = f"{model} - {BASELINE} = {row['estimate']:.3f} {row['metric']}, Holm p = {row['p_holm']:.3g} ({row['test']})"
    said += "" if failed.empty else f"; {row['verdict']}"
    return Gate(failed.empty, said)
