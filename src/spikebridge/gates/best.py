"""Which model is registered: the best by what was seen inside the outer training sets alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikebridge import models
from spikebridge.artifacts.json_files import read_json
from spikebridge.config import Config
from spikebridge.config.declared_tests import BASELINE, DECIDING
from spikebridge.errors import DataError


def best_model(config: Config, project: Path) -> str:
    """The deciding model with the highest inner balanced accuracy, mean over outer folds; ties: lower inner log-loss.

    Only models of spikebridge.config.declared_tests are candidates: nothing was declared of the others, and some of
    the yardsticks cannot be served, since they need more than source counts. Where none of the declared models was
    run, any other that can will do. Inner scores come from inside each outer training set, so this choice has not
    seen what the model is scored on. The majority model stands only where there is no other: it is what the others
    must beat.

    Raises DataError when no deciding model has inner scores.
    """
    train = project / "runs" / "train"
    deciding = [m for m in config.models if (train / m / "predictions.parquet").is_file()]
    named = [m for m in deciding if m in DECIDING]
    candidates = named or [m for m in deciding if m != BASELINE and models.get_class(m).from_source]
    candidates = candidates or [m for m in deciding if m == BASELINE]
    if not candidates:
        raise DataError(f"{train}: expected predictions of at least one model of {list(config.models)}, found none")
    return min(candidates, key=lambda m: _rank(project / "runs" / "tune" / m / "best.json", m))


def _rank(path: Path, model: str) -> tuple[float, float, str]:
    folds = [fold.get("inner") or {} for fold in read_json(path).get("folds", [])]
    accuracy, loss = (_mean([f.get(name) for f in folds]) for name in ("balanced_accuracy", "log_loss"))
    if not np.isfinite(accuracy):
        raise DataError(f"{path}: expected an inner balanced_accuracy in every fold, found none")
    # Rounded, so that a difference in the last bits of a mean does not decide before the log-loss may
    return -round(accuracy, 9), loss if np.isfinite(loss) else np.inf, model


def _mean(values: list[float | None]) -> float:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else float("nan")
