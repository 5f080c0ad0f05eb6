"""Decisions in held-out recordings with none, some and all of their labels: checked, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.artifacts.few_labels import read_few_labels
from spikebridge.errors import LeakageError
from spikebridge.evaluation.inputs import Inputs
from spikebridge.metrics import balanced_accuracy
from spikebridge.types.intervals import TOLERANCE_S

COLUMNS = ["model", "recording", "fit", "labels", "n_labels", "n_trials", "balanced_accuracy"]
ALL = "all recordings"


def few_label_table(models: Iterable[str], train_folder: Path, inputs: Inputs) -> pd.DataFrame:
    """Balanced accuracy of every model that adapts, in each held-out recording and as the mean over them.

    Parameters
    ----------
    models : iterable of str
        Names of the models.
    train_folder : pathlib.Path
        Results of the stage train.
    inputs : Inputs
        Windows and manifest.

    Returns
    -------
    DataFrame
        One row a model, recording, fit ("adapted" or "from scratch") and number of labels ("0", "10", ..., "all").
        n_labels: how many they were, the mean over the trials. The mean over recordings has those that have as many
        labels. No rows where no recording is held out as a whole.

    Raises
    ------
    LeakageError
        Where the rows are of other folds, a test trial lacks a prediction or has two, or a label was used that is
        nearer to the predicted block than the gap.
    """
    rows: list[dict[str, object]] = []
    for model in models:
        table = read_few_labels(train_folder / model)
        if table is None:
            continue
        if problems := list(_problems(model, table, inputs)):
            raise LeakageError("; ".join(problems[:5]))
        for (fit, labels), part in table.groupby(["fit", "labels"], sort=False):
            keys = {"model": model, "fit": fit, "labels": labels}
            each = [{**keys, "recording": name, **_scores(own)} for name, own in part.groupby("recording", sort=True)]
            mean = {key: float(np.mean([row[key] for row in each])) for key in ("n_labels", "balanced_accuracy")}
            rows += [*each, {**keys, "recording": ALL, "n_trials": len(part), **mean}]
    made = pd.DataFrame(rows, columns=COLUMNS)
    order = made["labels"].map(lambda text: np.inf if text == "all" else float(text))
    return made.assign(order=order).sort_values(["model", "order", "recording"], kind="stable")[COLUMNS]


def _scores(own: pd.DataFrame) -> dict[str, float]:
    label, predicted = pd.factorize(pd.concat([own["label"], own["predicted"]]).astype(str))[0].reshape(2, -1)
    return {
        "n_labels": float(own["n_labels"].mean()),
        "n_trials": len(own),
        "balanced_accuracy": balanced_accuracy(label, predicted),
    }


def _problems(model: str, table: pd.DataFrame, inputs: Inputs) -> Iterator[str]:
    """What must not be scored, in words."""
    if set(table["split_hash"].astype(str)) != {inputs.splits.hash}:
        yield f"{model} few_labels: made with another split manifest; run the stage train@{model} again"
        return
    near = table["distance_s"] < table["recording"].map(dict(inputs.splits.gap_s)) - TOLERANCE_S
    if near.any():
        row = table[near].iloc[0]
        yield (
            f"{model} few_labels: recording {row['recording']}, trial {row['trial']}: a label was used that is "
            f"{row['distance_s']:.3f} s away, nearer than the gap of {inputs.splits.gap_s[row['recording']]:.3f} s"
        )
    tested = {
        (fold.fold, name): sorted(inputs.windows[name].trial[rows].tolist())
        for fold in inputs.splits.folds
        for name, rows in fold.test.items()
    }
    for (fit, labels, fold, name), part in table.groupby(["fit", "labels", "fold", "recording"]):
        if sorted(part["trial"].tolist()) != tested.get((fold, name)):
            yield (
                f"{model} few_labels: fold {fold}, recording {name}, {labels} labels ({fit}): expected each test trial "
                f"once, got {len(part)} rows"
            )
