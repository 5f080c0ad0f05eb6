"""summary.json: the numbers that answer the question of a study, few enough for one line of a screen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spikebridge.evaluation.comparisons import ABOVE_MAJORITY
from spikebridge.types import Comparison

PLACES = 4
"""Decimal places; metrics.json has the numbers in full."""


def summary(scores: Mapping[str, Any], comparisons: Sequence[Comparison], translator: str) -> dict[str, float]:
    """The translator's scores beside the best of the other models.

    Parameters
    ----------
    scores : mapping
        The content of metrics.json.
    comparisons : sequence of Comparison
        Every test.
    translator : str
        The model that `analysis.model` names.

    Returns
    -------
    dict
        bacc, bacc_lo, bacc_hi: balanced accuracy of its decisions, with interval; peer: the best one of the other
        models; p_holm: of the declared test that it decides better than the majority model; bits, bits_lo, bits_hi:
        bits/spike of its translation; peer_bits: the best one of the other translators. What was not computed is left
        out.
    """
    deciding = {name: entry["balanced_accuracy"] for name, entry in scores["models"].items()}
    translating = {name: entry["bits_per_spike"] for name, entry in scores["translation"].items()}
    declared = ABOVE_MAJORITY, translator, "primary"
    rows = [c.row() for c in comparisons if (c.family, c.model_a, c.role) == declared]
    values = {
        **_interval(deciding.get(translator, {}), "bacc"),
        "peer": _best(deciding, translator),
        "p_holm": rows[0]["p_holm"] if rows else None,
        **_interval(translating.get(translator, {}), "bits"),
        "peer_bits": _best(translating, translator),
    }
    return {name: round(float(v), PLACES) for name, v in values.items() if v is not None and math.isfinite(v)}


def _interval(score: Mapping[str, float], name: str) -> dict[str, float | None]:
    return {name: score.get("value"), f"{name}_lo": score.get("ci_low"), f"{name}_hi": score.get("ci_high")}


def _best(scores: Mapping[str, Mapping[str, float]], translator: str) -> float | None:
    """The largest value of the other models; None where there is no other."""
    return max((score["value"] for name, score in scores.items() if name != translator), default=None)
