"""Whether the source predicts the target through a translator: the verdict in metrics.json."""

from __future__ import annotations

import math
from typing import Any

MIN_BITS = 0.002
"""Bits/spike. A source that adds no more than this predicts next to nothing, however narrow its interval."""
NOTHING = "nothing to translate"


def translation_verdict(
    source: dict[str, float], specific: dict[str, float], null_p: float | None, alpha: float
) -> dict[str, Any] | None:
    """{"translates": bool, "says": words}; None for a model that cannot tell the source's share from the rest.

    source, specific: value, ci_low and ci_high of source_bits_per_spike and of trial_contrast_bits_per_spike. null_p:
    of the model's primary translation null. It translates where each of the two is more than MIN_BITS, the interval
    of the second lies above zero (the first may owe its bits to drift, evaluation.specific) and the null is beaten.
    Rates that are the model's own baseline throughout (a reduced rank of zero) add exactly nothing.
    """
    if not math.isfinite(source["value"]):
        return None
    low = float(specific["ci_low"])
    shown = f"the source adds {_shown(source)} bits/spike, its rates beat the next trials' by {_shown(specific)}"
    reasons = []
    if min(source["value"], specific["value"]) <= MIN_BITS:
        reasons.append(f"at most {MIN_BITS:g} is next to nothing")
    if not math.isfinite(low):
        reasons.append("there are too few clusters for an interval")
    elif low <= 0:
        reasons.append("the interval reaches zero")
    if null_p is not None and not null_p <= alpha:
        reasons.append(f"trials in another order do as well (p = {null_p:.2g})")
    if reasons:
        return {"translates": False, "says": f"{NOTHING}: {shown}; {', and '.join(reasons)}"}
    return {"translates": True, "says": shown}


def _shown(score: dict[str, float]) -> str:
    known, interval = math.isfinite(score["ci_low"]), f" [{score['ci_low']:.4f}, {score['ci_high']:.4f}]"
    return f"{score['value']:.4f}{interval if known else ''}"
