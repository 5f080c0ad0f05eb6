"""A whole sweep in its folder, from the recordings to the matrix; what an earlier call finished is not run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge.artifacts.sweep import PREPARED, RESULTS, SweepResults
from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.runtime.stage import lock
from spikebridge.sweep.pipeline import reproduce, write_pipeline


@dataclass(frozen=True)
class Sweep:
    """A sweep, or its plan.

    Parameters
    ----------
    folder : Path
        Its folder.
    plan : SweepPlan
        The pairs, and what is left out.
    table : DataFrame, optional
        sweep.csv; None where only the plan was asked for.
    """

    folder: Path
    plan: SweepPlan
    table: pd.DataFrame | None


def run_sweep(folder: Path, model: str, say: Callable[[str], None] = lambda _: None, only_plan: bool = False) -> Sweep:
    """Run every stage that is out of date.

    Parameters
    ----------
    folder : Path
        The folder of the sweep, with its params.yaml.
    model : str
        `sweep.model` there.
    say : callable
        Called with single lines of text. DVC and the stages print to the standard error.
    only_plan : bool
        Read and cut the recordings and list the pairs; run none.

    Returns
    -------
    Sweep
        The plan, and the table of all pairs.

    Raises
    ------
    StorageError
        Where a stage failed; its message has been printed. What has finished is kept.
    """
    with lock(folder / ".sweep.lock"):
        write_pipeline(folder, model)
        reproduce(folder, ["prepare"], say)
        plan = SweepPlan.read(folder / PREPARED)
        if only_plan:
            return Sweep(folder, plan, None)
        write_pipeline(folder, model)
        say(f"{len(plan.pairs)} pairs, {len(plan.left_out)} not run")
        reproduce(folder, [], say)
        return Sweep(folder, plan, SweepResults(folder / RESULTS).read_pairs())
