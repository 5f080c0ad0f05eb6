"""Tables and curves on decisions, pooled and by recording, from scores and from held-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.report.content import PageTable, Picture, TableRow
from spikebridge.report.roc import RocCurve, roc_curve, roc_drawing
from spikebridge.report.study import Study
from spikebridge.report.wording import DECISION_METRICS, interval, metric, number, spaced


@dataclass(frozen=True)
class HeldOut:
    """Held-out decisions of one model in one recording, or in all. label, predicted: (trial,), index of the class.

    evidence: (trial,), for the second class. block: (trial,), number of the test block.
    """

    model: str
    recording: str
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    evidence: NDArray[np.float64]
    block: NDArray[np.int64]

    def select(self, rows: NDArray[np.bool_], recording: str) -> HeldOut:
        block = np.unique(self.block[rows], return_inverse=True)[1].astype(np.int64)
        return HeldOut(self.model, recording, self.label[rows], self.predicted[rows], self.evidence[rows], block)


def held_out_decisions(study: Study) -> dict[str, dict[str, HeldOut]]:
    """Model -> recording ("" for all together) -> its held-out decisions. Models without predictions are left out."""
    classes = study.classes
    decisions: dict[str, dict[str, HeldOut]] = {}
    for model in study.deciding:
        run = study.trained(model)
        if not run.predictions.is_file():
            continue
        d = run.read_decisions(model, classes)
        block = np.unique(d.table["block"].astype(str), return_inverse=True)[1].astype(np.int64)
        every = HeldOut(model, "", d.label, d.predicted, np.asarray(d.evidence[:, -1], np.float64), block)
        names = d.table["recording"].astype(str).to_numpy()
        decisions[model] = {"": every} | {name: every.select(names == name, name) for name in sorted(set(names))}
    return decisions


def scores_table(study: Study) -> PageTable:
    """One row a model, one column a score: all recordings together."""
    models = study.metrics.get("models", {})
    keys = [key for key in DECISION_METRICS if any(key in scores for scores in models.values())]
    rows = [
        TableRow(
            [spaced(m), *(interval(models[m].get(k, {})) for k in keys), number(models[m].get("n_trials"))], model=m
        )
        for m in study.deciding
    ]
    rate = number(study.metrics.get("no_information_rate", {}).get("value"))
    note = f"Held-out trials. Share of the commonest decision: {rate}. Balanced accuracy: mean over test blocks."
    return PageTable(
        "Decisions, all recordings", ["model", *map(metric, keys), "trials"], rows, note, "tables/scores.csv"
    )


def by_recording_table(study: Study, decisions: dict[str, dict[str, HeldOut]], only: Sequence[str]) -> PageTable:
    """One row a recording and model: trials, accuracy, and balanced accuracy within test blocks."""
    n_classes = len(study.classes)
    rows = []
    for name in only:
        for model, parts in decisions.items():
            if (part := parts.get(name)) is None:
                continue
            blocks = balanced_accuracy_within_blocks(part.label, part.predicted, part.block, n_classes)
            known = blocks[np.isfinite(blocks)]
            balanced = float(known.mean()) if len(known) else float("nan")
            accuracy = float((part.label == part.predicted).mean())
            cells = [name, spaced(model), number(len(part.label)), number(balanced), number(accuracy)]
            rows.append(TableRow(cells, recording=name, model=model))
    head = ["recording", "model", "trials", "balanced accuracy", "accuracy"]
    return PageTable(
        "Decisions, by recording", head, rows, "Descriptive: few trials, no interval.", folded=len(only) > 4
    )


def roc_picture(study: Study, decisions: dict[str, dict[str, HeldOut]], recording: str = "") -> Picture | None:
    """The ROC curves of all models in one recording, or in all together; None where there are not two classes."""
    classes = study.classes
    if len(classes) != 2:
        return None
    parts = {model: each[recording] for model, each in decisions.items() if recording in each}
    curves: list[RocCurve] = [
        roc_curve(m, p.label == 1, p.evidence) for m, p in parts.items() if len(set(p.label)) == 2
    ]
    if not curves:
        return None
    trials = len(next(iter(parts.values())).label)
    where = f"of {recording}" if recording else "of all recordings"
    return Picture(
        "roc",
        "ROC curves",
        f"Receiver operating characteristic of every model that decides, over the {trials} held-out trials {where}: "
        f"share of trials of {classes[1]} that are recognised, against share of trials of {classes[0]} that are "
        "mistaken for it, at every threshold. In the legend: the area under the curve. No intervals are drawn; the "
        "table of scores has them.",
        "Good: curves near the upper left corner, where no trial is mistaken. Bad: curves along the diagonal, which "
        "know nothing of the decision. Curves of few trials have large steps, and a difference of a step or two means "
        "nothing.",
        drawing=roc_drawing(curves, classes),
        tables=(),
        files=(),
        recording=recording,
    )


def predictions_place() -> str:
    """Where the held-out predictions of a model lie in a project."""
    return f"{TRAINING_FOLDER.as_posix()}/<model>/predictions.parquet"
