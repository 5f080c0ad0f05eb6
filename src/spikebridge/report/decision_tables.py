"""Tables and curves on decisions, together and by recording, from scores and from held-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge import figures
from spikebridge.artifacts.evaluation_tables import ROC_TABLE
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.report.content import Explanation, PageTable, Picture, TableRow
from spikebridge.report.pictures import figure_links, table_links
from spikebridge.report.roc import curves_of, roc_drawing
from spikebridge.report.study import Study
from spikebridge.report.wording import DECISION_METRICS, interval, metric, number


@dataclass(frozen=True)
class HeldOut:
    """Held-out decisions of one model in one recording. label, predicted: (trial,), index of the class.

    block: (trial,), number of the test block.
    """

    model: str
    recording: str
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    block: NDArray[np.int64]


def held_out_decisions(study: Study) -> dict[str, dict[str, HeldOut]]:
    """Model -> recording -> its held-out decisions. Models without predictions are left out."""
    classes = study.classes
    decisions: dict[str, dict[str, HeldOut]] = {}
    for model in study.deciding:
        run = study.trained(model)
        if not run.predictions.is_file():
            continue
        d = run.read_decisions(model, classes)
        names, blocks = (d.table[column].astype(str).to_numpy() for column in ("recording", "block"))
        decisions[model] = {}
        for name in sorted(set(names)):
            rows = names == name
            block = np.unique(blocks[rows], return_inverse=True)[1].astype(np.int64)
            decisions[model][name] = HeldOut(model, name, d.label[rows], d.predicted[rows], block)
    return decisions


def scores_table(study: Study) -> PageTable:
    """One row a model, one column a score: all recordings together."""
    models = study.metrics.get("models", {})
    keys = [key for key in DECISION_METRICS if any(key in scores for scores in models.values())]
    rows = [
        TableRow(
            [study.shown(m), *(interval(models[m].get(k, {})) for k in keys), number(models[m].get("n_trials"))],
            model=m,
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
    areas: dict[str, dict[str, float]] = {}
    for row in study.table(ROC_TABLE):
        areas.setdefault(str(row["model"]), {})[str(row["recording"])] = row["area"]
    rows = []
    for name in only:
        for model, parts in decisions.items():
            if (part := parts.get(name)) is None:
                continue
            blocks = balanced_accuracy_within_blocks(part.label, part.predicted, part.block, n_classes)
            known = blocks[np.isfinite(blocks)]
            balanced = float(known.mean()) if len(known) else float("nan")
            accuracy = float((part.label == part.predicted).mean())
            area = areas.get(model, {}).get(name)
            cells = [name, study.shown(model), *map(number, (len(part.label), balanced, accuracy, area))]
            rows.append(TableRow(cells, recording=name, model=model))
    head = ["recording", "model", "trials", "balanced accuracy", "accuracy", "area under ROC"]
    return PageTable(
        "Decisions, by recording", head, rows, "Descriptive: few trials, no interval.", folded=len(only) > 4
    )


def roc_picture(study: Study, recording: str) -> Picture | None:
    """The ROC curves of all models in one recording; None where the evaluation has none."""
    curves = curves_of(study, recording)
    if not curves:
        return None
    module = figures.modules()["roc"]
    other = next((c for c in study.classes if c != curves[0].of), "") if len(study.classes) == 2 else "another decision"
    return Picture(
        "roc",
        f"ROC curves: {recording}",
        Explanation(
            f"Receiver operating characteristic (ROC) of every model that decides, over the {curves[0].trials} "
            f"held-out trials of {recording}: share of the trials of {curves[0].of} that are recognised, against share "
            f"of the trials of {other} that are mistaken for it, at every threshold. In the legend: the area under the "
            "curve. There are no intervals: the table of scores has them for all recordings.",
            study.named(module.how_to_read),
        ),
        drawing=roc_drawing(curves, other),
        files=figure_links(study, "roc"),
        tables=table_links(study.evaluation.tables, module.needs),
        recording=recording,
    )


def predictions_place() -> str:
    """Where the held-out predictions of a model lie in a project."""
    return f"{TRAINING_FOLDER.as_posix()}/<model>/predictions.parquet"
