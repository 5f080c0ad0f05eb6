"""tables/latents.csv: the fits of all folds on common axes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_runs import Plan, make_study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.evaluation.latent_trajectories import SINGLE

Run = Callable[..., Path]


def test_latents_of_folds_meet_on_common_axes(out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "latents")
    late = table[table["time_s"] > -0.2].groupby(["recording", "axis", "label"])["mean"].mean().unstack()
    gap = late["stay"] - late["skip"]
    assert gap["all", "decision"] > 1.0
    assert (gap.xs("decision", level="axis") > 0.5).all()  # from the first class to the last, in every recording
    assert gap.abs().groupby("recording").max().min() > 0.7  # unaligned folds would cancel out
    assert read_table(EvaluationRun(out).tables, "consistency")["consistency_r2"].min() > 0.6


def test_single_trials_are_those_of_the_mean(tmp_path: Path, run: Run) -> None:
    """With at most twenty trials a decision all are there, and their mean and standard error are the table's."""
    tables = EvaluationRun(run(make_study(tmp_path, Plan(trials=30)))).tables
    means, single = read_table(tables, "latents"), read_table(tables, "latent_trials")
    means = means[(means["axis"] == "decision") & (means["recording"] != "all")]
    assert set(single["axis"]) == {"decision"}
    n = single.groupby(["model", "recording", "label"])["trial"].nunique()
    expected = means.groupby(["model", "recording", "label"])["n"].first()
    assert (n == expected.clip(upper=SINGLE)).all() and len(n) == len(expected)
    each = single.groupby(["model", "recording", "label", "time_s"])["value"].agg(["mean", "sem"])
    wanted = means.set_index(["model", "recording", "label", "time_s"])[["mean", "sem"]]
    whole = expected[expected <= SINGLE].index
    assert len(whole)
    for key in whole:
        np.testing.assert_allclose(each.loc[key], wanted.loc[key], atol=1e-9)


@pytest.mark.slow
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
