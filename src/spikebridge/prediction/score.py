"""Scores of a saved model on new recordings whose decisions are known, beside its scores at registration.

Windows that the model was fitted on are scored apart from new ones: their scores are in-sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.training import Decisions
from spikebridge.config import StatisticsConfig
from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.scores import decision_scores
from spikebridge.prediction.predict import RecordingPrediction
from spikebridge.prediction.recordings import FITTED, NEW
from spikebridge.tracking.served_model import ServedModel

SCORES = ("balanced_accuracy", "auc", "log_loss")
POOLED, AT_REGISTRATION = "all", "at registration"
IN_SAMPLE, MAYBE_IN_SAMPLE, HELD_OUT = "in-sample", "perhaps in-sample", "new"
COLUMNS = ("recording", "windows", "n_trials", *(f"{name}{end}" for name in SCORES for end in ("", "_low", "_high")))
"""Of the table. windows: new, in-sample, or perhaps in-sample. <score>_low, <score>_high: the interval."""
TRIALS_OF_A_BLOCK, MAX_BLOCKS = 5, 10
"""Consecutive trials are drawn together, because neighbouring trials are not independent."""


def score_predictions(
    predicted: Sequence[RecordingPrediction], model: ServedModel, settings: StatisticsConfig | None = None
) -> pd.DataFrame:
    """Balanced accuracy, AUC and log loss of each recording, which is one day, with intervals.

    Parameters
    ----------
    predicted : sequence of RecordingPrediction
        See `predict_recordings`.
    model : ServedModel
        The model, with its scores at registration.
    settings : StatisticsConfig, optional
        Resamples and level of the intervals.

    Returns
    -------
    DataFrame
        Columns COLUMNS. One row a recording and kind of windows; where there are several recordings, one row POOLED for
        each kind; last, where the model is registered, the row AT_REGISTRATION. Intervals resample blocks of
        consecutive trials, or recordings where at least six are pooled; NaN where there are fewer than two.

    Raises
    ------
    DataError
        Where the model does not decide, where no trial has a label, or where a label is none of its classes.
    """
    settings = settings or StatisticsConfig()
    trials = pd.concat([_labelled(p, model) for p in predicted], ignore_index=True)
    if not len(trials):
        names = listed([p.recording.windows.recording for p in predicted], 5)
        raise DataError(f"{names}: no trial has a label to score by; spikebridge predict needs none")
    rows = []
    for kind in (HELD_OUT, MAYBE_IN_SAMPLE, IN_SAMPLE):
        of_kind = trials[trials["windows"] == kind]
        parts = list(of_kind.groupby("recording", sort=True))
        rows += [_row(str(name), kind, part, "block", model, settings) for name, part in parts]
        if len(parts) > 1:
            rows.append(_row(POOLED, kind, of_kind, "auto", model, settings))
    rows += _at_registration(model.metadata)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _labelled(predicted: RecordingPrediction, model: ServedModel) -> pd.DataFrame:
    """One row a labelled trial: recording, block, windows, label, decided and probabilities as numbers."""
    if predicted.decided is None or predicted.predictions.probabilities is None:
        raise DataError(f"{model.name} only translates: it makes no decision that can be scored")
    new = predicted.recording
    name = new.windows.recording
    rows = np.flatnonzero(new.truth != "")
    if unknown := sorted(set(new.truth[rows].tolist()) - set(model.classes)):
        raise DataError(
            f"{name}: trials.label has {listed(unknown, 5)}, which the model does not know; its classes are "
            f"{', '.join(model.classes)}"
        )
    number = {c: k for k, c in enumerate(model.classes)}
    kinds = {FITTED: IN_SAMPLE, NEW: HELD_OUT}
    table = pd.DataFrame(
        {
            "recording": name,
            "trial": new.windows.trial[rows],
            "time_s": new.windows.decision_s[rows],
            "windows": [kinds.get(f, MAYBE_IN_SAMPLE) for f in new.fitted[rows].tolist()],
            "label": [number[c] for c in new.truth[rows].tolist()],
            "decided": predicted.decided[rows],
        }
    )
    table["block"] = table.groupby("windows")["trial"].transform(lambda part: _blocks(len(part)))
    table["block"] = name + "/" + table["block"].astype(int).astype(str)
    for k in range(len(model.classes)):
        table[k] = predicted.predictions.probabilities[rows, k]
    return table


def _blocks(n: int) -> list[int]:
    """(trial,): the number of its block of consecutive trials."""
    n_blocks = int(np.clip(n // TRIALS_OF_A_BLOCK, 1, MAX_BLOCKS))
    return [k for k, part in enumerate(np.array_split(np.arange(n), n_blocks)) for _ in part]


def _row(
    name: str, kind: str, table: pd.DataFrame, cluster: str, model: ServedModel, settings: StatisticsConfig
) -> dict[str, Any]:
    classes = range(len(model.classes))
    p = table[list(classes)].to_numpy(np.float64)
    even = [1.0] * len(model.classes)
    shares = np.array([model.class_shares.get(recording, even) for recording in table["recording"]])
    evidence = p / np.maximum(shares, np.finfo(np.float64).tiny)  # a class that no training trial had has p = 0
    evidence /= evidence.sum(axis=1, keepdims=True)
    label, decided = (table[column].to_numpy(np.int64) for column in ("label", "decided"))
    decisions = Decisions(model.name, table, label, decided, p, evidence)
    rule = settings.model_copy(update={"cluster": cluster})
    resampling = Resampling.of(table, rule, np.random.default_rng(0))
    scores = decision_scores(decisions, resampling.clusters, len(model.classes))
    row: dict[str, Any] = {"recording": name, "windows": kind, "n_trials": len(table)}
    for key in SCORES:
        interval = resampling.interval(scores[key])
        row |= {key: interval["value"], f"{key}_low": interval["ci_low"], f"{key}_high": interval["ci_high"]}
    return row


def _at_registration(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The held-out scores that the model had when it was registered; nothing for a model that is not."""
    outer = metadata.get("outer", {})
    if "balanced_accuracy" not in outer:
        return
    row: dict[str, Any] = {"recording": AT_REGISTRATION, "windows": "held out"}
    row["n_trials"] = int(outer.get("n_trials", 0))
    for key in SCORES:
        row |= {f"{key}{end}": outer.get(f"{key}{key_end}", np.nan) for end, key_end in ENDS}
    yield row


ENDS = (("", ""), ("_low", "_ci_low"), ("_high", "_ci_high"))
