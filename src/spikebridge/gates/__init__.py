"""What the best model must show before it becomes champion, read from what tune and evaluate wrote."""

from __future__ import annotations

from collections.abc import Mapping

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.config import StatisticsConfig
from spikebridge.gates.criteria import (
    Claim,
    ClaimStatus,
    Gate,
    GateOutcome,
    above_majority,
    best_model,
    claims,
    leakage,
    nulls,
    translation,
    translation_status,
)
from spikebridge.gates.present_champion import Champion, Newcomer, present_champion

__all__ = [
    "Champion",
    "Claim",
    "ClaimStatus",
    "Gate",
    "GateOutcome",
    "Newcomer",
    "best_model",
    "check",
    "claims",
    "failed",
    "translation_status",
]


def check(settings: StatisticsConfig, new: Newcomer, champion: Champion | None = None) -> dict[str, Gate]:
    """The answer of every gate for a new version. A new gate is one more entry here.

    Parameters
    ----------
    settings : StatisticsConfig
        alpha, cluster and equivalence_margin are used.
    new : Newcomer
        The version.
    champion : Champion, optional
        The present champion; None if the registry has none.

    Returns
    -------
    dict
        Name of the gate -> its answer.

    Raises
    ------
    DataError
        If a file of evaluate cannot be read: a gate without its file has not passed.
    """
    evaluation, alpha = EvaluationRun(new.project / EVALUATION_FOLDER), settings.alpha
    comparisons = evaluation.read_comparisons()
    claimed = claims(evaluation.read_metrics(), comparisons, alpha)
    return {
        "leakage": leakage(evaluation.read_leakage(), new.model),
        "above_majority": above_majority(comparisons, new.model, alpha),
        "nulls": nulls(evaluation.read_nulls(), new.model),
        "translation": translation(claimed, new.model),
        "present_champion": present_champion(settings, new, champion),
    }


def failed(gates: Mapping[str, Gate]) -> list[str]:
    """Names of the gates that keep a version from becoming champion.

    Parameters
    ----------
    gates : mapping
        From `check`.

    Returns
    -------
    list of str
        Empty if every decisive gate passed.
    """
    return [name for name, gate in gates.items() if gate.decisive and not gate.passed]
