"""The gate: a model that offers latents and target rates has shown that the source tells something of the target.

What may be said of a translation is decided here, once, for the gate, the card and the tags. A model that only decides
makes no claim about translation, whatever the other models found: for it this gate is information. A translator is
registered with its latents and rates, and whoever loads them takes them for shared between the regions. So where there
is nothing to translate it stays a candidate, however well it decides: a person who wants it for its decisions alone
can promote it, and the card goes on saying "translation: not shown".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spikebridge.gates.gate import Gate

FAMILY = "translation_from_source"
SHOWN, NOT_SHOWN, NOT_CLAIMED = "shown", "not shown", "not claimed"


@dataclass(frozen=True)
class Claim:
    """Whether a translator may be said to translate, and what supports or denies it."""

    holds: bool
    reason: str

    @property
    def word(self) -> str:
        return SHOWN if self.holds else NOT_SHOWN

    @property
    def says(self) -> str:
        return f"{self.word}: {self.reason}"


def claims(metrics: Mapping[str, Any], comparisons: pd.DataFrame, alpha: float) -> dict[str, Claim]:
    """Translator -> what may be claimed of it.

    It holds where evaluate's verdict is that it translates and its primary test of the source's share, Holm-corrected,
    reaches alpha. metrics: metrics.json. comparisons: comparisons.csv.
    """
    return {
        model: _claim(entry.get("verdict"), comparisons, model, alpha)
        for model, entry in metrics.get("translation", {}).items()
    }


def _claim(verdict: Mapping[str, Any] | None, comparisons: pd.DataFrame, model: str, alpha: float) -> Claim:
    rows = comparisons[(comparisons["family"] == FAMILY) & (comparisons["role"] == "primary")]
    rows = rows[rows["model_a"] == model]
    if not verdict:
        return Claim(False, "it cannot tell the source's share from the rest")
    if rows.empty:
        return Claim(False, f"{verdict['says']}; no primary test was declared for it")
    failed = rows[~((rows["p_holm"] <= alpha) & (rows["estimate"] > 0))]
    row = (rows if failed.empty else failed).sort_values("p_holm").iloc[-1]
    said = f"{verdict['says']}; Holm p = {row['p_holm']:.3g} ({row['test']})"
    if not failed.empty:
        said += f", {row['verdict']}"
    return Claim(bool(verdict["translates"]) and failed.empty, said)


def translation(found: Mapping[str, Claim], model: str) -> Gate:
    """The gate of `model`; found: from `claims`."""
    if model not in found:
        others = ", ".join(f"{name} {claim.word}" for name, claim in found.items())
        said = f"{model} does not translate, and claims nothing about it" + (f" ({others})" if others else "")
        return Gate(True, said, decisive=False)
    return Gate(found[model].holds, found[model].reason)


def translation_tag(gate: Gate) -> str:
    """What the version's tag "translation" says."""
    word = NOT_CLAIMED if not gate.decisive else SHOWN if gate.passed else NOT_SHOWN
    return f"{word}: {gate.reason}"
