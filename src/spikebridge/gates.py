"""What the best model must show before it becomes champion. Read from the files of tune and evaluate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import models
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.mission import BASELINE, DECIDING

FAMILY = "above_majority"


@dataclass(frozen=True)
class Gate:
    """One condition: whether it holds, and why (not)."""

    passed: bool
    reason: str


def best_model(config: Config, project: Path) -> str:
    """The deciding model with the highest inner balanced accuracy, mean over outer folds; ties: lower inner log-loss.

    Only models of spikebridge.mission are candidates: nothing was declared of the others, and some of the yardsticks
    cannot be served, since they need more than source counts. Where none of the mission's was run, any other that can
    will do. Inner scores come from inside each outer training set, so this choice has not seen what the model is
    scored on. The majority model stands only where there is no other: it is what the others must beat.
    Raises DataError when no deciding model has inner scores.
    """
    train = project / "runs" / "train"
    deciding = [m for m in config.models if (train / m / "predictions.parquet").is_file()]
    named = [m for m in deciding if m in DECIDING]
    candidates = named or [m for m in deciding if m != BASELINE and models.kind(m).from_source]
    candidates = candidates or [m for m in deciding if m == BASELINE]
    if not candidates:
        raise DataError(f"{train}: expected predictions of at least one model of {list(config.models)}, found none")
    return min(candidates, key=lambda m: _rank(project / "runs" / "tune" / m / "best.json", m))


def _rank(path: Path, model: str) -> tuple[float, float, str]:
    folds = [fold.get("inner") or {} for fold in _json(path).get("folds", [])]
    accuracy, loss = (_mean([f.get(name) for f in folds]) for name in ("balanced_accuracy", "log_loss"))
    if not np.isfinite(accuracy):
        raise DataError(f"{path}: expected an inner balanced_accuracy in every fold, found none")
    # Rounded, so that a difference in the last bits of a mean does not decide before the log-loss may
    return -round(accuracy, 9), loss if np.isfinite(loss) else np.inf, model


def _mean(values: list[float | None]) -> float:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else float("nan")


def check(config: Config, project: Path, model: str) -> dict[str, Gate]:
    """Every gate for `model`: leakage, above_majority, nulls. Raises DataError for a file that cannot be read."""
    evaluation = project / "reports" / "evaluation"
    return {
        "leakage": leakage(_json(evaluation / "leakage.json")),
        "above_majority": above_majority(_table(evaluation / "comparisons.csv"), model, config.statistics.alpha),
        "nulls": nulls(_table(evaluation / "nulls.csv"), model),
    }


def leakage(report: dict[str, Any]) -> Gate:
    """The check of evaluate found no model that saw what it is scored on, and every gap is as long as the data ask."""
    if short := report.get("gap_too_short_s"):
        said = ", ".join(f"{name} {report['gap_s'][name]:g} of {needed:g} s" for name, needed in sorted(short.items()))
        return Gate(False, f"split.gap_s is shorter than what the rates remember: {said}")
    if report.get("passed") is True:
        return Gate(True, f"{len(report.get('checks', []))} checks on {report.get('trials', '?')} trials")
    return Gate(False, "the leakage check of evaluate did not pass")


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


def nulls(table: pd.DataFrame, model: str) -> Gate:
    """Every primary null of the model was passed: what it finds is not there in data without the effect."""
    rows = table[(table["model"] == model) & (table["role"] == "primary")]
    if rows.empty:
        return Gate(False, f"no primary null of {model}")
    failed = rows[~rows["passed"].map(_truth)]
    names = ", ".join(sorted(set((rows if failed.empty else failed)["null"].astype(str))))
    return Gate(failed.empty, names if failed.empty else f"not passed: {names}")


def _truth(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1"}


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from None
