"""What the best model must show before it becomes champion: one gate a file, read from what tune and evaluate wrote."""

from __future__ import annotations

from collections.abc import Mapping

from spikebridge.artifacts.json_files import read_json
from spikebridge.config import Config
from spikebridge.gates.above_majority import above_majority
from spikebridge.gates.best import best_model
from spikebridge.gates.files import read_table
from spikebridge.gates.gate import Gate
from spikebridge.gates.leakage import leakage
from spikebridge.gates.nulls import nulls
from spikebridge.gates.present_champion import Champion, Newcomer, present_champion
from spikebridge.gates.translation import Claim, claims, translation, translation_tag

__all__ = [
    "Champion", "Claim", "Gate", "Newcomer", "above_majority", "best_model", "check", "claims", "failed", "leakage",
    "nulls", "present_champion", "translation", "translation_tag",
]  # fmt: skip


def check(config: Config, new: Newcomer, champion: Champion | None = None) -> dict[str, Gate]:
    """Every gate for the version at hand, by name. champion: the present one, where the registry has one.

    Raises DataError for a file that cannot be read: what is missing is no passed gate.
    """
    evaluation, alpha = new.project / "reports" / "evaluation", config.statistics.alpha
    comparisons = read_table(evaluation / "comparisons.csv")
    found = claims(read_json(evaluation / "metrics.json"), comparisons, alpha)
    return {
        "leakage": leakage(read_json(evaluation / "leakage.json"), new.model),
        "above_majority": above_majority(comparisons, new.model, alpha),
        "nulls": nulls(read_table(evaluation / "nulls.csv"), new.model),
        "translation": translation(found, new.model),
        "present_champion": present_champion(config, new, champion),
    }


def failed(gates: Mapping[str, Gate]) -> list[str]:
    """Names of the gates that keep a version from becoming champion."""
    return [name for name, gate in gates.items() if gate.decisive and not gate.passed]
