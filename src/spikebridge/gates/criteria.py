"""The conditions that the best model must meet before it becomes champion, one function each.

What may be claimed of a translation is decided here once, for the gate, the model card and the tags. A model that only
decides makes no claim about translation: for it this gate is information. A translator is registered with its latents
and rates, and whoever loads them takes them for shared between the regions. So a translator without a shown translation
stays a candidate, however well it decides. A person who wants it for its decisions alone can promote it; its card still
says "translation: not shown".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import models
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.artifacts.tuning import TUNING_FOLDER, TuningRun
from spikebridge.config.declared_tests import BASELINE, DECIDING
from spikebridge.errors import DataError
from spikebridge.types.verdicts import TranslationVerdict

MAJORITY_FAMILY, TRANSLATION_FAMILY = "above_majority", "translation_from_source"
"""Families of declared tests in comparisons.csv."""


class GateOutcome(StrEnum):
    """The outcome of a gate. The value stands in tags and in registration.json."""

    PASSED = "passed"
    FAILED = "failed"
    INFORMATION = "for information"


class ClaimStatus(StrEnum):
    """What a version claims about translation. The value stands in its tags."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    NOT_CLAIMED = "not claimed"


@dataclass(frozen=True)
class Gate:
    """The answer of one gate.

    Parameters
    ----------
    passed : bool
        Whether the condition holds.
    reason : str
        Why it holds, or why not.
    decisive : bool
        Whether a version that fails the gate stays a candidate.
    """

    passed: bool
    reason: str
    decisive: bool = True

    @property
    def outcome(self) -> GateOutcome:
        """PASSED or FAILED; INFORMATION for a gate that is not decisive."""
        if self.decisive:
            return GateOutcome.PASSED if self.passed else GateOutcome.FAILED
        return GateOutcome.INFORMATION

    @classmethod
    def of(cls, outcome: GateOutcome, reason: str) -> Gate:
        """The gate with this outcome.

        Parameters
        ----------
        outcome : GateOutcome
            The outcome that was recorded.
        reason : str
            Why the condition holds, or why not.

        Returns
        -------
        Gate
            Its `outcome` is the given one.
        """
        return cls(outcome is not GateOutcome.FAILED, reason, decisive=outcome is not GateOutcome.INFORMATION)


@dataclass(frozen=True)
class Claim:
    """Whether a translation may be claimed of a translator.

    Parameters
    ----------
    holds : bool
        Whether it may be claimed.
    reason : str
        The tests that support or refuse the claim.
    """

    holds: bool
    reason: str

    @property
    def status(self) -> ClaimStatus:
        """SHOWN or NOT_SHOWN."""
        return ClaimStatus.SHOWN if self.holds else ClaimStatus.NOT_SHOWN

    @property
    def text(self) -> str:
        """The status and the reason in one line."""
        return f"{self.status}: {self.reason}"


def best_model(names: list[str], project: Path) -> str:
    """The deciding model with the highest inner balanced accuracy; ties go to the lower inner log-loss.

    Candidates are the models of the declared tests (config.declared_tests); some of the others cannot be served, since
    they need more than source counts. If none of them was run, any other model that reads source counts alone is a
    candidate, and the majority model only if there is no other: it is what the others must beat. Inner scores come from
    inside each outer training set, so the choice does not use the trials on which the model is scored.

    Parameters
    ----------
    names : list of str
        The models of params.yaml.
    project : Path
        The folder that holds runs/.

    Returns
    -------
    str
        The name of the model.

    Raises
    ------
    DataError
        If no deciding model has inner scores.
    """
    train = project / TRAINING_FOLDER
    deciding = [m for m in names if TrainingRun(train / m).predictions.is_file()]
    declared = [m for m in deciding if m in DECIDING]
    candidates = declared or [m for m in deciding if m != BASELINE and models.get_class(m).from_source]
    candidates = candidates or [m for m in deciding if m == BASELINE]
    if not candidates:
        raise DataError(f"{train}: expected predictions of at least one model of {names}, found none")
    return min(candidates, key=lambda m: _rank(TuningRun(project / TUNING_FOLDER / m), m))


def _rank(tuned: TuningRun, model: str) -> tuple[float, float, str]:
    folds = [fold.inner for fold in tuned.read_settings().folds]
    accuracy, loss = (_mean([f.get(name) for f in folds]) for name in ("balanced_accuracy", "log_loss"))
    if not np.isfinite(accuracy):
        raise DataError(f"{tuned.best}: expected an inner balanced_accuracy in every fold, found none")
    # Rounded, so that a difference in the last bits of a mean does not decide before the log-loss may
    return -round(accuracy, 9), loss if np.isfinite(loss) else np.inf, model


def _mean(values: list[float | None]) -> float:
    numbers = [v for v in values if v is not None]
    return float(np.mean(numbers)) if numbers else float("nan")


def leakage(report: Mapping[str, Any], model: str) -> Gate:
    """The leakage check passed, it looked at this model, and every gap is as long as the data ask; report:
    leakage.json."""
    if short := report.get("gap_too_short_s"):
        gaps = ", ".join(f"{name} {report['gap_s'][name]:g} of {needed:g} s" for name, needed in sorted(short.items()))
        return Gate(False, f"split.gap_s is shorter than what the rates remember: {gaps}")
    if report.get("passed") is not True:
        return Gate(False, "the leakage check of evaluate did not pass")
    if model not in report.get("models", []):
        return Gate(False, f"the leakage check of evaluate did not look at {model}")
    return Gate(True, f"{len(report.get('checks', []))} checks on {report.get('trials', '?')} trials")


def above_majority(comparisons: pd.DataFrame, model: str, alpha: float) -> Gate:
    """Every primary test of the model against the majority model reaches alpha, Holm-corrected, in the right
    direction."""
    if model == BASELINE:
        return Gate(False, f"{BASELINE} is the baseline itself")
    rows = _primary(comparisons, MAJORITY_FAMILY, model)
    rows = rows[rows["model_b"] == BASELINE]
    if rows.empty:
        return Gate(False, f"no primary comparison of {model} with {BASELINE}")
    passed, row = _decided(rows, alpha)
    difference = f"{model} - {BASELINE} = {row['estimate']:.3f} {row['metric']}"
    test = f"Holm p = {row['p_holm']:.3g} ({row['test']})"
    return Gate(passed, f"{difference}, {test}" + ("" if passed else f"; {row['verdict']}"))


def nulls(table: pd.DataFrame, model: str) -> Gate:
    """The model passed every primary null: its score is not there in data without the effect."""
    rows = table[(table["model"] == model) & (table["role"] == "primary")]
    if rows.empty:
        return Gate(False, f"no primary null of {model}")
    failed = rows[~rows["passed"].map(_is_true)]
    names = ", ".join(sorted(set((rows if failed.empty else failed)["null"].astype(str))))
    return Gate(failed.empty, names if failed.empty else f"not passed: {names}")


def claims(metrics: Mapping[str, Any], comparisons: pd.DataFrame, alpha: float) -> dict[str, Claim]:
    """What may be claimed of each translator.

    A translation may be claimed if evaluate's verdict is that the model translates and its primary test of the source's
    share reaches alpha, Holm-corrected.

    Parameters
    ----------
    metrics : mapping
        metrics.json.
    comparisons : DataFrame
        comparisons.csv.
    alpha : float
        The level of the tests.

    Returns
    -------
    dict
        Name of the translator -> its claim.
    """
    translators = metrics.get("translation", {}).items()
    return {model: _claim(entry.get("verdict"), comparisons, model, alpha) for model, entry in translators}


def _claim(verdict: Mapping[str, Any] | None, comparisons: pd.DataFrame, model: str, alpha: float) -> Claim:
    rows = _primary(comparisons, TRANSLATION_FAMILY, model)
    if not verdict:
        return Claim(False, "it has no score for what the source adds to its baseline")
    if rows.empty:
        return Claim(False, f"{verdict['text']}; no primary test was declared for it")
    passed, row = _decided(rows, alpha)
    reason = f"{verdict['text']}; Holm p = {row['p_holm']:.3g} ({row['test']})"
    translates = TranslationVerdict.of(verdict) is TranslationVerdict.TRANSLATES
    return Claim(translates and passed, reason if passed else f"{reason}, {row['verdict']}")


def translation(claimed: Mapping[str, Claim], model: str) -> Gate:
    """A translation may be claimed of the model; a model that does not translate claims none. claimed: from
    `claims`."""
    if model not in claimed:
        others = ", ".join(f"{name} {claim.status}" for name, claim in claimed.items())
        reason = f"{model} does not translate, and claims nothing about it" + (f" ({others})" if others else "")
        return Gate(True, reason, decisive=False)
    return Gate(claimed[model].holds, claimed[model].reason)


def translation_status(gate: Gate) -> ClaimStatus:
    """What the version claims about translation.

    Parameters
    ----------
    gate : Gate
        The answer of the gate `translation`.

    Returns
    -------
    ClaimStatus
        NOT_CLAIMED for a model that does not translate.
    """
    if not gate.decisive:
        return ClaimStatus.NOT_CLAIMED
    return ClaimStatus.SHOWN if gate.passed else ClaimStatus.NOT_SHOWN


def _primary(comparisons: pd.DataFrame, family: str, model: str) -> pd.DataFrame:
    """The primary tests of a family whose first model is `model`."""
    of_family = (comparisons["family"] == family) & (comparisons["role"] == "primary")
    return comparisons[of_family & (comparisons["model_a"] == model)]


def _decided(rows: pd.DataFrame, alpha: float) -> tuple[bool, pd.Series]:
    """Whether every test reaches alpha in the right direction, and the row that decides: the largest p."""
    failed = rows[~((rows["p_holm"] <= alpha) & (rows["estimate"] > 0))]
    return failed.empty, (rows if failed.empty else failed).sort_values("p_holm").iloc[-1]


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1"}
