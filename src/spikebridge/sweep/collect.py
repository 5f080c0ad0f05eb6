"""The stage collect: the tables and the figure of all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.artifacts.sweep import LagAndDimension, PairRun, SweepResults
from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.sweep.figure import draw_sweep
from spikebridge.sweep.scores import (
    INTERVALS,
    CollectSections,
    PairResult,
    bits_score,
    coupling_columns,
    nats_of_scores,
    pair_table,
)

RECORDING_COLUMNS = [
    "source", "target", "recording", "source_units", "target_units", "n_trials", *INTERVALS, "lag_s", "lag_s_low",
    "lag_s_high", "dimension",
]  # fmt: skip
REGION_COLUMNS = ["region", "recording", "units", "in_matrix", "reason"]


def collect(sections: CollectSections, prepared: Path, pairs: Path, out: Path) -> pd.DataFrame:
    """Write the tables and the figure of a sweep.

    Parameters
    ----------
    sections : CollectSections
        The settings of the stage.
    prepared : Path
        What the stage prepare wrote; of it only the plan is read.
    pairs : Path
        Has a folder for each pair of the plan.
    out : Path
        Gets sweep.csv, recordings.csv, regions.csv and sweep.png.

    Returns
    -------
    DataFrame
        sweep.csv.

    Raises
    ------
    DataError
        Where the results of a pair of the plan are missing.
    """
    plan = SweepPlan.read(prepared)
    runs = {pair.key: PairRun(pairs / pair.key) for pair in plan.pairs}
    if missing := [key for key, run in runs.items() if not run.folder.is_dir()]:
        raise DataError(f"{pairs}: no results of {listed(missing, 5)}; run spikebridge sweep again")
    results = [PairResult(key, run.read_trials(), run.read_estimates()) for key, run in runs.items()]
    table = pair_table(plan, results, sections)
    written = SweepResults(out)
    written.write(table, recording_table(results), region_table(plan))
    draw_sweep(table, list(plan.folders), sections.statistics.alpha, written.figure)
    return table


def recording_table(results: Sequence[PairResult]) -> pd.DataFrame:
    """One row a pair and recording: units, scores without intervals, lag and dimension.

    Parameters
    ----------
    results : sequence of PairResult
        Of every pair that was run.

    Returns
    -------
    DataFrame
        RECORDING_COLUMNS.
    """
    rows = []
    for result in results:
        about = result.estimates
        for name, trials in result.trials.groupby("recording", sort=True):
            weights = np.ones((1, 1))
            index = np.zeros(len(trials), dtype=np.int64)
            units = about.units[str(name)]
            row = {"source": about.source, "target": about.target, "recording": name}
            row |= {"source_units": units[0], "target_units": units[1], "n_trials": len(trials)}
            row |= {
                key: float(bits_score(nats, trials, index)(weights)[0]) for key, nats in nats_of_scores(trials).items()
            }
            none = LagAndDimension(None, None, None, 0)
            rows.append(row | coupling_columns(about.couplings.get(str(name), none)))
    return pd.DataFrame(rows, columns=RECORDING_COLUMNS)


def region_table(plan: SweepPlan) -> pd.DataFrame:
    """One row a region and recording: units that the filters keep, and why a region is not in the matrix.

    Parameters
    ----------
    plan : SweepPlan
        The regions and units.

    Returns
    -------
    DataFrame
        REGION_COLUMNS.
    """
    rows = [
        [region, name, of.get(region, 0), region in plan.folders, plan.unused_regions.get(region, "")]
        for region in (*plan.folders, *plan.unused_regions)
        for name, of in plan.units.items()
    ]
    return pd.DataFrame(rows, columns=REGION_COLUMNS)
