"""Tables for the figures: every number that a figure shows is in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import ROC, ROC_TABLE
from spikebridge.artifacts.windows import load_quality, load_report
from spikebridge.evaluation.inputs import Inputs
from spikebridge.metrics import calibration_curve, roc_curve
from spikebridge.types import Comparison

QUALITY = [
    "recording", "unit", "name", "region", "role", "n_spikes", "rate_hz", "isi_violations_ratio",
    "isi_violations_count", "presence_ratio", "amplitude_cutoff", "sorter_label", "rate_change", "kept", "criterion",
    "reason", "reasons", "not_judged",
]  # fmt: skip
ALL = "all"
EVERY_CLASS = "the decision made"
"""What counts as recognised where there are more than two decisions."""
LIMITS = ["recording", "column", "low", "high", "note"]
FILTERS = ["recording", "filter", "on", "units", "judged", "dropped", "note"]


def score_tables(inputs: Inputs, metrics: Mapping[str, Any], comparisons: list[Comparison]) -> dict[str, pd.DataFrame]:
    """File name without suffix -> table, from predictions and scores alone."""
    return {
        "scores": _scores(metrics),
        "forest": pd.DataFrame([c.row() for c in comparisons if c.role == "primary"], columns=list(Comparison.COLUMNS)),
        "confusion": _confusion(inputs),
        "decisions": _decisions(inputs),
        "calibration": _calibration(inputs),
        ROC_TABLE: _roc(inputs),
        "learning_curves": _learning_curves(inputs),
        "bits_per_spike": _bits(metrics),
    }


def _scores(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """model, metric, value, ci_low, ci_high: metrics.json as a long table."""
    rows = [
        {"model": model, "metric": metric, **score}
        for part in ("models", "translation")
        for model, scores in metrics[part].items()
        for metric, score in scores.items()
        if isinstance(score, dict) and "value" in score
    ]
    return pd.DataFrame(rows, columns=["model", "metric", "value", "ci_low", "ci_high"])


def _confusion(inputs: Inputs) -> pd.DataFrame:
    """model, label, predicted, n, share (of the trials with that label)."""
    rows = []
    k = len(inputs.classes)
    for model, d in inputs.decisions.items():
        n = np.bincount(d.label * k + d.predicted, minlength=k * k).reshape(k, k)
        for i, label in enumerate(inputs.classes):
            for j, predicted in enumerate(inputs.classes):
                share = n[i, j] / n[i].sum() if n[i].sum() else np.nan
                rows.append({"model": model, "label": label, "predicted": predicted, "n": n[i, j], "share": share})
    return pd.DataFrame(rows, columns=["model", "label", "predicted", "n", "share"])


def _decisions(inputs: Inputs) -> pd.DataFrame:
    """model, recording, trial, label, predicted: one row per held-out trial and model, which `dvc plots` counts."""
    columns = ["model", "recording", "trial", "label", "predicted"]
    classes = np.asarray(inputs.classes, dtype=object)
    parts = [
        d.table[["recording", "trial"]].assign(model=model, label=classes[d.label], predicted=classes[d.predicted])
        for model, d in inputs.decisions.items()
    ]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _calibration(inputs: Inputs) -> pd.DataFrame:
    """model, of (class of the probability, or "most likely class"), and the columns of calibration_curve."""
    of = inputs.classes[1] if len(inputs.classes) == 2 else "most likely class"
    curves = [
        calibration_curve(d.label, d.probabilities).assign(model=model, of=of) for model, d in inputs.decisions.items()
    ]
    columns = ["model", "of", "bin", "n", "predicted", "observed", "low", "high"]
    return pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)


def _roc(inputs: Inputs) -> pd.DataFrame:
    """Curves of every model that decides, in each recording and in all together ("all").

    Of the evidence, as the area under the curve in scores.csv is. More than two classes: every trial counts once for
    each class (micro-average).
    """
    tables = [pd.DataFrame(columns=list(ROC))]
    two = len(inputs.classes) == 2
    for model, d in inputs.decisions.items():
        recording = d.table["recording"].astype(str).to_numpy()
        positive = d.label[:, None] == np.arange(len(inputs.classes))
        for name in (ALL, *sorted(set(recording))):
            rows = np.ones(len(recording), bool) if name == ALL else recording == name
            columns = slice(1, None) if two else slice(None)
            evidence = np.asarray(d.evidence[rows, columns], np.float64)
            curve = roc_curve(positive[rows, columns].ravel(), evidence.ravel())
            if curve is not None:
                shares = {"false_share": curve.false_share, "true_share": curve.true_share, "area": curve.area}
                of = inputs.classes[1] if two else EVERY_CLASS
                about = {"model": model, "recording": name, "of": of, "n": int(rows.sum())}
                tables.append(pd.DataFrame({**shares, **about})[list(ROC)])
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _learning_curves(inputs: Inputs) -> pd.DataFrame:
    """model, fold, epoch and whatever the models recorded per epoch (train_loss, valid_loss, ...)."""
    curves = [t.assign(model=m, fold=t["fold"].astype(str)) for m, t in inputs.history.items() if len(t)]
    first = ["model", "fold", "epoch"]
    if not curves:
        return pd.DataFrame(columns=[*first, "train_loss", "valid_loss"])
    table = pd.concat(curves, ignore_index=True)
    return table[[*first, *(c for c in table.columns if c not in first)]]


def _bits(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """model, recording ("all" for all together), value, ci_low, ci_high."""
    rows = []
    for model, scores in metrics["translation"].items():
        rows += [{"model": model, "recording": r, **score} for r, score in scores["per_recording"].items()]
        rows.append({"model": model, "recording": "all", **scores["bits_per_spike"]})
    return pd.DataFrame(rows, columns=["model", "recording", "value", "ci_low", "ci_high"])


def quality_tables(windows_folder: Path) -> dict[str, pd.DataFrame]:
    """quality: one row a unit, of all recordings. quality_limits: the limits that were set, by recording and column.

    note: why nothing could be judged by that limit, else empty. quality_filters: how many units each filter could
    judge, how many it drops, and what that rests on or why it judged none, by recording.
    All without rows where preprocess wrote no quality tables.
    """
    tables = load_quality(windows_folder)
    parts = [table.assign(recording=name) for name, table in tables.items()]
    report = load_report(windows_folder)["recordings"]
    rows = [
        [name, column, *ends, about.get("notes", {}).get(column, "")]
        for name in tables
        for about in [report.get(name, {}).get("quality", {})]
        for column, ends in about.get("limits", {}).items()
    ]
    filters = [
        {"recording": name, **filter_row}
        for name in tables
        for filter_row in report.get(name, {}).get("quality", {}).get("filters", [])
    ]
    quality = pd.concat(parts, ignore_index=True)[QUALITY] if parts else pd.DataFrame(columns=QUALITY)
    return {
        "quality": quality,
        "quality_limits": pd.DataFrame(rows, columns=LIMITS),
        "quality_filters": pd.DataFrame(filters, columns=FILTERS),
    }
