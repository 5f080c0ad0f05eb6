"""What a test decided, and whether a translator has anything to translate, in words."""

from __future__ import annotations

import math
from typing import Any

from spikebridge.statistics import clusters_needed

LEAST_BITS = 0.002  # bits/spike; below, the source tells next to nothing, however narrow the interval
NOTHING = "nothing to translate"


def decided(better: str, p_holm: float, smallest: float, tests: int, kind: str, alpha: float) -> str:
    """Of one test in a Holm family: too few clusters to decide is not the same as no difference.

    better: name of what the test holds for better. smallest: the smallest p that the test can give. tests: those of the
    family. kind: what the clusters are.
    """
    if p_holm <= alpha:
        return f"{better} better"
    if smallest * tests > alpha:
        return f"too few {kind}s to decide (needs {clusters_needed(alpha, tests)})"
    return "no difference shown"


def translation_verdict(source: dict[str, float], null_p: float | None, alpha: float) -> dict[str, Any] | None:
    """{"translates": bool, "says": words}; None for a model that cannot tell the source's share from the rest.

    source: value, ci_low and ci_high of source_bits_per_spike. null_p: of the model's translation null.
    It translates where the source adds more than LEAST_BITS, the interval lies above zero and the null is beaten.
    Rates that are the model's own baseline throughout (a reduced rank of zero) add exactly nothing.
    """
    value, low, high = (float(source[key]) for key in ("value", "ci_low", "ci_high"))
    if not math.isfinite(value):
        return None
    known = math.isfinite(low)
    shown = f"the source adds {value:.4f}{f' [{low:.4f}, {high:.4f}]' if known else ''} bits/spike"
    reasons = []
    if value <= LEAST_BITS:
        reasons.append(f"at most {LEAST_BITS:g} is next to nothing")
    if not known:
        reasons.append("there are too few clusters for an interval")
    elif low <= 0:
        reasons.append("the interval reaches zero")
    if null_p is not None and not null_p <= alpha:
        reasons.append(f"trials in another order do as well (p = {null_p:.2g})")
    if reasons:
        return {"translates": False, "says": f"{NOTHING}: {shown}; {', and '.join(reasons)}"}
    return {"translates": True, "says": shown}
