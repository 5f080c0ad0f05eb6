"""What the audit's tests and worlds are called, for figures and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORLD = {"nothing": "no model knows anything", "equal": "three equally good models"}
METRIC = {
    "balanced_accuracy_within_blocks": "balanced accuracy within blocks",
    "balanced_accuracy": "balanced accuracy, pooled",
    "source_bits_per_spike": "bits/spike from the source",
    "trial_contrast_bits_per_spike": "own trial's rates against the next trials'",
    "bits_per_spike": "bits/spike",
    "communication_bits_per_spike": "bits/spike over the target's past",
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
}
FAMILY = {
    "above_majority": "models against majority",
    "seq2seq_against_competitors": "seq2seq against competitors",
    "translation": "seq2seq against ridge",
    "translation_from_source": "source against none",
    "ladder": "what latents add to the source's counts",
    "translation_ladder": "what the source adds to the target's past",
}
AGAINST = {"nothing": "model against majority", "model": "model against model"}


def plain(name: str) -> str:
    return name.replace("_", " ")


def test_name(row: Mapping[str, Any]) -> str:
    """What was tested, in a line."""
    test = plain(str(row["test"])).replace("mcnemar", "McNemar")
    metric = METRIC.get(row["metric"], plain(str(row["metric"])))
    if row["kind"] == "null":
        return f"null: {test} ({metric})"
    if row["kind"] == "ladder":
        return f"gain: {test} ({metric})"
    if row["kind"] == "course":
        return f"any time: {test} ({metric})"
    if row["kind"] == "verdict":
        return "verdict: the source translates"
    if row["kind"] == "interval":
        return f"interval above chance: {metric}"
    who = FAMILY.get(row["family"]) or (AGAINST[row["against"]] if row["family"] == "pairs" else plain(row["family"]))
    return f"{test}: {who} ({metric})"
