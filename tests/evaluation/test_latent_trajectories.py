"""tables/latents.csv: the fits of all folds on common axes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from fake_runs import Plan, make_study

from spikebridge.artifacts.evaluation import EvaluationRun, read_table

Run = Callable[..., Path]


def test_latents_of_folds_meet_on_common_axes(out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "latents")
    late = table[table["time_s"] > -0.2].groupby(["recording", "axis", "label"])["mean"].mean().unstack()
    gap = late["stay"] - late["skip"]
    assert gap["all", "decision"] > 1.0
    assert (gap.xs("decision", level="axis") > 0.5).all()  # from the first class to the last, in every recording
    assert gap.abs().groupby("recording").max().min() > 0.7  # unaligned folds would cancel out
    assert read_table(EvaluationRun(out).tables, "consistency")["consistency_r2"].min() > 0.6


def test_two_folds_share_no_training_trial(tmp_path: Path, run: Run) -> None:
    """The second fold's latents cannot be turned onto the first one's axes; the rest of the table stands."""
    two = make_study(tmp_path, Plan(folds=2))
    table = read_table(EvaluationRun(run(two)).tables, "latents")
    components = table["axis"] != "decision"
    assert np.isfinite(table[["time_s", "mean", "sem", "n"]].to_numpy()).all()
    assert np.isfinite(table.loc[components, "variance_share"].to_numpy()).all()
    n = table.drop_duplicates(["recording", "axis", "label"]).groupby(["recording", "axis"])["n"].sum()
    for w in two.windows:
        assert n[w.recording, "decision"] == w.labelled.sum()
        assert n[w.recording, "1"] == len(two.splits.folds[0].test[w.recording])
