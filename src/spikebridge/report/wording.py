"""Numbers, intervals and names as the report writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

NOTHING = "–"
"""Stands where there is no number."""
MINUS = "−"
SMALLEST = 5e-5
"""Smaller sizes are written as 0; p values have their own form."""
DECISION_METRICS = {
    "balanced_accuracy_within_blocks": "balanced accuracy",
    "balanced_accuracy": "balanced accuracy, pooled",
    "accuracy": "accuracy",
    "auc": "area under ROC",
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
}
METRICS = DECISION_METRICS | {
    "bits_per_spike": "bits/spike",
    "source_bits_per_spike": "bits/spike beyond the baseline",
    "trial_contrast_bits_per_spike": "trial-shift contrast (bits/spike)",
    "communication_bits_per_spike": "communication gain (bits/spike)",
    "r2_from_latents": "R² from latents",
}


def is_known(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any) -> str:
    """A number with as many digits as a reader needs; a dash where there is none."""
    if not is_known(value):
        return NOTHING
    size = abs(value)
    if size < SMALLEST:
        return "0"
    if size >= 100 or float(value).is_integer():
        text = f"{value:.0f}"
    elif size >= 10:
        text = f"{value:.1f}"
    elif size >= 0.01:
        text = f"{value:.3f}"
    else:
        text = f"{value:.1g}" if size >= 1e-4 else f"{value:.4f}"
    return text.replace("-", MINUS)


def interval(score: Mapping[str, Any], value: str = "value", low: str = "ci_low", high: str = "ci_high") -> str:
    """ "0.407 [0.352, 0.457]"; the value alone where there is no interval."""
    text = number(score.get(value))
    if not is_known(score.get(low)) or not is_known(score.get(high)):
        return text
    return f"{text} [{number(score[low])}, {number(score[high])}]"


def p_value(p: Any, name: str = "p") -> str:
    """ "p = 0.19", "p < 0.001"; "no test" where there is none."""
    if not is_known(p):
        return "no test"
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.2g}"


def p_cell(p: Any) -> str:
    """A p value in a table."""
    return NOTHING if not is_known(p) else p_value(p).removeprefix("p = ").removeprefix("p ")


def spaced(name: Any) -> str:
    """A model's, metric's or column's name for people."""
    return str(name).replace("_", " ")


def metric(name: str) -> str:
    """What a metric is called."""
    return METRICS.get(name, spaced(name))


def listed(words: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    every = list(words)
    return " and ".join(every) if len(every) < 3 else f"{', '.join(every[:-1])} and {every[-1]}"


def counted(n: int, noun: str) -> str:
    """ "1 recording", "2 recordings"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def spread(values: Iterable[float], unit: str = "") -> str:
    """ "6.2 to 8.8 s"; one number where all are equal."""
    known = sorted(v for v in values if is_known(v))
    if not known:
        return NOTHING
    low, high = (f"{v:.3g}" for v in (known[0], known[-1]))
    return (low if low == high else f"{low} to {high}") + unit
