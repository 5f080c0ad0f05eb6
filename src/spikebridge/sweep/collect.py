"""The stage collect: the tables and the figure of all pairs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.artifacts.sweep import PairRun, SweepPlan, SweepResults
from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.sweep.figure import draw_sweep
from spikebridge.sweep.scores import CollectSections, PairResult, pair_table, recording_table, region_table


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
