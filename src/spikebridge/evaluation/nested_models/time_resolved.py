"""decision_course.csv: balanced accuracy from one part of the window at a time, with p corrected for all times.

The claim is that some part of the window predicts the decision; the test statistic is the largest t over all parts
(statistics.max_statistic). Clusters are recordings, as for the other nested models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.nested_models import DecodingModels, NestedModelRun, WindowPart
from spikebridge.config import StatisticsConfig, TrialsConfig
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.nested_models.decoding import read_results
from spikebridge.evaluation.resampling import Resampling, mean_of_clusters
from spikebridge.evaluation.scores import WITHIN, within_blocks
from spikebridge.statistics import max_statistic, verdict_columns, verdict_of
from spikebridge.types.verdicts import Verdict

Array = NDArray[np.float64]
COLUMNS = [
    "of", "event", "start_s", "stop_s", "time_s", "metric", "chance", "value", "ci_low", "ci_high", "p_max", "verdict",
    "verdict_code", "n", "n_clusters", "smallest_attainable_p", "role",
]  # fmt: skip
"""of: source of the decoder. start_s, stop_s, time_s: ends and middle of the part, seconds from the event."""


def read_parts(
    models: DecodingModels, run: NestedModelRun, inputs: Inputs
) -> tuple[Sequence[WindowPart], Inputs, dict[str, Any]]:
    """The parts of the window, their results in the place of those of models, and the leakage report.

    Raises DataError for a file that is missing or does not hold what it should, LeakageError as for models.
    """
    runs = {part.name: run.time_resolved(part.name) for part in models.parts}
    return models.parts, *read_results(runs, inputs, "course")


def time_resolved_table(
    parts: Sequence[WindowPart], results: Inputs, resampling: Resampling, settings: StatisticsConfig,
    trials: TrialsConfig, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """One row a part of the window and what is decoded there; COLUMNS.

    value: balanced accuracy within test blocks, averaged over a recording's blocks; its interval is a cluster bootstrap
    of that point alone. p_max: one-sided sign flip over clusters of the largest t of all parts, against chance (one
    over the number of classes). Clusters without a block that holds every class are left out of it.
    """
    rows: list[dict[str, Any]] = []
    w = next(iter(results.windows.values()))
    for of in dict.fromkeys(part.of for part in parts):
        of_source = [part for part in parts if part.of == of]
        scores = [
            within_blocks(results.decisions[part.name], resampling.clusters, len(results.classes)) for part in of_source
        ]
        tested = list(_tested(np.array(scores).T - 1 / len(results.classes), settings, rng, resampling.clusters.kind))
        for part, score, test in zip(of_source, scores, tested or [{}] * len(of_source), strict=True):
            start, stop = (trials.window_s[0] + getattr(part, end) * w.bin_s for end in ("first", "stop"))
            rows.append(
                {
                    "of": of,
                    "event": trials.align,
                    "start_s": start,
                    "stop_s": stop,
                    "time_s": (start + stop) / 2,
                    "metric": WITHIN,
                    "chance": 1 / len(results.classes),
                    **resampling.interval(mean_of_clusters(score)),
                    "n": len(results.decisions[part.name].table),
                    "n_clusters": len(resampling.clusters),
                    "role": "descriptive",
                    **test,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def time_resolved_scores(table: pd.DataFrame) -> dict[str, Any]:
    """The part "decision_course" of metrics.json: of -> the best time, the first predictive one, and whether any is."""
    content: dict[str, Any] = {}
    for of, rows in table.groupby("of", sort=False):
        best = rows.loc[rows["value"].idxmax()] if rows["value"].notna().any() else rows.iloc[0]
        predictive = rows[rows["verdict_code"] == Verdict.PREDICTS_DECISION.code]
        shown = predictive.iloc[0] if len(predictive) else best
        content[str(of)] = {
            "best_time_s": best["time_s"],
            **{key: best[key] for key in ("value", "ci_low", "ci_high")},
            "p_max": rows["p_max"].min(),
            "first_time_s": predictive["time_s"].min(),
            "parts": len(rows),
            "parts_that_tell": len(predictive),
            **{key: str(shown[key]) for key in ("verdict", "verdict_code")},
        }
    return content


def _tested(above: Array, settings: StatisticsConfig, rng: np.random.Generator, kind: str) -> Iterator[dict[str, Any]]:
    """above: (cluster, part), score less chance. One dict a part; none where fewer than two clusters have scores."""
    known = above[np.isfinite(above).all(axis=1)]
    if len(known) < 2:
        return
    test = max_statistic(known, rng, "greater", settings.alpha, settings.n_resamples)
    for p in test.p:
        verdict = verdict_of(p, test.smallest, 1, settings.alpha)
        columns = verdict_columns(verdict, "", kind, 1, settings.alpha)
        if verdict is Verdict.A_BETTER:
            columns = Verdict.PREDICTS_DECISION.columns()
        yield {"p_max": p, **columns, "n_clusters": test.n, "smallest_attainable_p": test.smallest}
