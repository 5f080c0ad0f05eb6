"""What is proposed for recordings that are not like the usual one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from memory_sessions import Inspected, session

from spikebridge.inspection import Inspection, InspectOptions
from spikebridge.io import Contents

TIMES = ("start_time", "stop_time", "decision_time")
START = 5.0 + 6.0 * np.arange(60)


def runs(result: Inspection) -> Inspection:
    assert result.dry_run.runs, result.dry_run.problems
    assert result.dry_run.stages == ("ingest", "preprocess", "split")
    return result


def test_a_decision_with_time_before_it(inspected: Inspected) -> None:
    got = runs(inspected(session()))
    assert got.proposal.data == {
        "path": got.path,
        "reader": "auto",
        "source": ["CA1"],
        "target": ["PL"],
        "region_from": "auto",
        "observed": "auto",
        "min_rate_hz": 0.1,
    }
    assert got.proposal.trials == {
        "table": "trials",
        "align": "decision_time",
        "window_s": [-2.0, 0.0],
        "decision": None,
        "label": "choice",
        "include": None,
    }
    assert got.proposal.bins == {"width_s": 0.05}
    assert not got.proposal.comments


@pytest.mark.parametrize(
    ("after_s", "window", "width"),
    [(1.7, [-1.5, 0.0], 0.05), (0.55, [-0.5, 0.0], 0.02), (0.15, [-0.1, 0.0], 0.01), (3.5, [-2.0, 0.0], 0.05)],
)
def test_the_window_does_not_reach_into_the_trial_before(
    inspected: Inspected, after_s: float, window: list[float], width: float
) -> None:
    """Trials follow each other at once; the decision comes after_s into each."""
    got = runs(inspected(session(columns={"stop_time": START + 6.0, "decision_time": START + after_s})))
    assert got.proposal.trials["window_s"] == window
    assert got.proposal.bins == {"width_s": width}


def test_without_a_decision_the_window_ends_before_the_trial_does(inspected: Inspected) -> None:
    columns = {"decision_time": 7, "stop_time": START + 1.2}
    got = runs(inspected(session(columns=columns)))
    trials = got.proposal.trials
    assert (trials["align"], trials["decision"], trials["window_s"]) == ("start_time", "stop_time", [0.0, 1.0])
    assert "a guess" in got.proposal.comments["trials.decision"]


def test_what_follows_a_decision_bounds_the_window(inspected: Inspected) -> None:
    columns = {"decision_time": 7, "cue_time": START + 0.2, "feedback_time": START + 1.1}
    trials = runs(inspected(session(columns=columns))).proposal.trials
    assert (trials["align"], trials["decision"], trials["window_s"]) == ("cue_time", "feedback_time", [0.0, 0.8])


def test_trials_too_short_for_the_window_are_left_out(inspected: Inspected) -> None:
    stop = START + np.where(np.arange(60) % 20 == 3, 0.7, 2.5)
    got = runs(inspected(session(columns={"decision_time": 7, "stop_time": stop})))
    assert got.proposal.trials["window_s"] == [0.0, 2.0]
    assert got.proposal.trials["include"] == "stop_time - start_time >= 1.999999"
    assert got.dry_run.trials_used["day"] == (57, 60)
    assert got.proposal.comments["trials.include"] == "in 3 trials the window would end after the decision"


def test_a_decision_that_most_trials_lack_is_not_aligned_to(inspected: Inspected) -> None:
    rare = np.where(np.arange(60) % 4, np.nan, START + 3.0)
    got = runs(inspected(session(columns={"decision_time": rare, "stimulus_time": START + 0.5})))
    assert got.proposal.trials["align"] == "stimulus_time"


@pytest.mark.parametrize(
    ("labels", "include"),
    [
        (np.array(["left", "right", "left", "right", "miss"] * 12)[:60], None),
        (np.where(np.arange(60) % 20, np.tile([-1.0, 1.0], 30), 0.0), "choice in [-1.0, 1.0]"),
        (np.where(np.arange(60) % 20, np.tile(["l'eft", "right"], 30), "miss"), "choice in [\"l'eft\", 'right']"),
    ],
)
def test_classes_too_rare_to_learn_are_left_out(inspected: Inspected, labels: Any, include: str | None) -> None:
    got = runs(inspected(session(columns={"choice": labels})))
    assert got.proposal.trials["include"] == include
    assert len(got.dry_run.class_counts) == (3 if include is None else 2)


def test_columns_whose_names_are_no_words(inspected: Inspected) -> None:
    contents = session(columns={"the choice": np.where(np.arange(60) % 20, np.tile(["a", "b"], 30), "c")})
    contents = replace(contents, tables={"trials": contents.tables["trials"].drop(columns="choice")})
    got = runs(inspected(contents))
    assert got.proposal.trials["label"] == "the choice"
    assert got.proposal.trials["include"] == "`the choice` in ['a', 'b']"


def test_bins_of_the_file_are_kept_whole(inspected: Inspected) -> None:
    """Counts in 25 ms over the trials alone: windows begin on an edge, bins hold whole ones."""
    contents = session(columns={"stop_time": START + 1.1, "decision_time": START + 1.013})
    times = contents.spikes["time_s"]
    trial = ((times - 5.0) // 6.0).clip(0, 59)
    since = times - 5.0 - 6.0 * trial
    kept = contents.spikes.assign(time_s=5.0 + 6.0 * trial + (since // 0.025 + 0.5) * 0.025)[
        (since >= 0) & (since < 1.1)
    ]
    pairs = np.column_stack([START, START + 1.1])
    got = runs(inspected(replace(contents, spikes=kept, observed=pairs, resolution_s=0.025)))
    trials = got.proposal.trials
    assert (trials["align"], trials["decision"], trials["window_s"]) == ("start_time", "stop_time", [0.0, 1.0])
    assert got.proposal.bins["width_s"] == 0.05
    assert got.proposal.data["observed"] == "auto"


def test_spikes_only_inside_another_table(inspected: Inspected) -> None:
    contents = session()
    times = contents.spikes["time_s"]
    epochs = pd.DataFrame({"start_time": [0.0, 200.0], "stop_time": [120.0, 330.0], "what": ["a", "b"]})
    kept = contents.spikes[(times < 120) | ((times > 200) & (times < 330))]
    got = runs(inspected(replace(contents, spikes=kept, tables={**contents.tables, "epochs": epochs})))
    assert got.proposal.data["observed"] == "epochs"
    assert got.proposal.trials["table"] == "trials"
    assert got.dry_run.trials_used["day"][0] < 60


def test_observed_time_that_the_file_tells_needs_no_table(inspected: Inspected) -> None:
    contents = session()
    inside = contents.spikes[((contents.spikes["time_s"] - 5.0) % 6.0) < 4.0]
    pairs = np.column_stack([START, START + 4.0])
    inside = inside[(inside["time_s"] >= 5.0) & (inside["time_s"] < pairs[-1, 1])]
    got = runs(inspected(replace(contents, spikes=inside, observed_of_unit=tuple(pairs for _ in range(11)))))
    assert got.proposal.data["observed"] == "auto"


@pytest.mark.parametrize(
    ("regions", "source", "target", "guessed"),
    [
        ({"VISp": 4, "LS": 9, "root": 20, "": 3}, ["LS"], ["VISp"], {"data.source", "data.target"}),
        ({"VISp": 4, "MOs": 3, "LS": 9}, ["LS"], ["MOs"], {"data.source"}),
        ({"VISp": 4, "CA1": 3, "LS": 9}, ["CA1"], ["LS"], {"data.target"}),
        ({"CA1": 4, "ca1 ": 2, "CA-1": 2, "PL": 4}, ["CA-1", "CA1", "ca1 "], ["PL"], set()),
        ({"VISp": 4, "LS": 3, "ls": 3, "TH": 5}, ["LS", "ls"], ["TH"], {"data.source", "data.target"}),
        ({"1": 4, "2": 5}, ["2"], ["1"], {"data.source", "data.target"}),
    ],
)
def test_sides(
    inspected: Inspected, regions: dict[str, int], source: list[str], target: list[str], guessed: set[str]
) -> None:
    got = runs(inspected(session(regions=regions)))
    assert (got.proposal.data["source"], got.proposal.data["target"]) == (source, target)
    assert set(got.proposal.comments) == guessed


def test_the_column_that_knows_the_regions_is_named(inspected: Inspected) -> None:
    """`auto` would stop at a column of the list that holds something else, or not know the column at all."""
    contents = session()
    units = contents.units.rename(columns={"region": "where"})
    got = runs(inspected(replace(contents, units=units)))
    assert got.proposal.data["region_from"] == "where"
    got = runs(inspected(replace(contents, units=units.assign(group_name=["a", "b"] * 5 + ["a"]))))
    assert got.proposal.data["region_from"] == "where"
    got = runs(inspected(replace(contents, units=units.assign(group_name=units["where"]))))
    assert got.proposal.data["region_from"] == "auto"
    got = runs(
        inspected(replace(contents, units=contents.units.assign(r="x")), asked=InspectOptions(region_from="region"))
    )
    assert got.proposal.data["region_from"] == "region"


def test_regions_through_electrodes(inspected: Inspected) -> None:
    contents = session()
    places = {"electrodes.location": tuple((name, name) for name in contents.units["region"])}
    got = runs(inspected(replace(contents, units=contents.units[["unit"]], places=places)))
    assert got.proposal.data["region_from"] == "auto"
    assert got.proposal.region_column == {"day": "electrodes.location"}


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (session(tables={}), "no interval table holds trials"),
        (session(regions={"CA1": 5}), "two regions are needed, found CA1 (5 units)"),
        (session(columns={"choice": 1}), "no column of 'trials' looks like a label"),
        (session(units=pd.DataFrame({"unit": range(11)})), "nor the electrodes, says where a unit is"),
        (
            session(columns=dict.fromkeys(("start_time", "stop_time", "decision_time"), START + 1000000.0)),
            "spikes were observed",
        ),
    ],
)
def test_what_cannot_be_proposed_is_said(inspected: Inspected, contents: Contents, expected: str) -> None:
    got = inspected(contents)
    assert not got.dry_run.runs
    assert any(expected in str(p) for p in got.dry_run.problems)
    assert got.proposed_yaml.startswith("data:")


def test_a_table_that_the_user_names(inspected: Inspected) -> None:
    contents = session()
    contents = replace(contents, tables={**contents.tables, "laps": contents.tables["trials"].head(40)})
    assert inspected(contents).proposal.trials["table"] == "trials"
    assert runs(inspected(contents, asked=InspectOptions(table="laps"))).proposal.trials["table"] == "laps"
    problem = "--table: 'lap' is no interval table, did you mean laps? Tables: trials, laps"
    assert inspected(contents, asked=InspectOptions(table="lap")).dry_run.problems[0].text == problem


def test_a_column_that_the_user_names(inspected: Inspected) -> None:
    contents = session()
    contents = replace(contents, units=contents.units.assign(shank=["a"] * 6 + ["b"] * 5))
    got = runs(inspected(contents, asked=InspectOptions(region_from="shank")))
    assert (got.proposal.data["region_from"], got.proposal.data["source"]) == ("shank", ["a"])
    got = inspected(contents, asked=InspectOptions(region_from="shnk"))
    assert "--region-from: 'shnk' is not in every recording, did you mean shank?" in str(got.dry_run.problems[0])


def test_too_few_trials_for_the_folds_are_told(inspected: Inspected) -> None:
    got = inspected(session(trials=8))
    assert got.dry_run.stages == ("ingest", "preprocess", "split")
    assert not got.dry_run.runs
    assert got.dry_run.trials_used == {"day": (8, 8)}


def test_one_block_for_recordings_that_differ(inspected: Inspected) -> None:
    first, second = session(), session(regions={"DG": 5, "ACA": 5}, seed=1)
    second = replace(second, tables={"trials": second.tables["trials"].drop(columns="stop_time").assign(
        stop_time=START + 4, bonus=1.0, outcome=np.tile(["a", "b"], 30))})  # fmt: skip
    got = runs(inspected(first, second))
    assert got.proposal.data["source"] == ["CA1", "DG"]
    assert got.proposal.data["target"] == ["ACA", "PL"]
    assert got.proposal.trials["label"] == "choice"
    text = "\n".join(map(str, got.warnings))
    assert "recordings differ in columns of table trials: bonus in 1 of 2, outcome in 1 of 2" in text
    assert "recordings differ in proposed regions: ACA in 1 of 2" in text
    assert not any(str(w).startswith("no unit in data.") for summary in got.recordings for w in summary.warnings)


def test_observed_time_that_a_file_declares_is_not_overridden(inspected: Inspected) -> None:
    """Though spikes exist only inside the trials: a warning leaves the choice to the user."""
    contents = session()
    table = contents.tables["trials"]
    times = contents.spikes["time_s"].to_numpy()
    inside = (np.searchsorted(table[["start_time", "stop_time"]].to_numpy().ravel(), times) % 2) == 1
    kept = contents.spikes[inside]
    assert inspected(replace(contents, spikes=kept)).proposal.data["observed"] == "trials"
    got = inspected(replace(contents, spikes=kept, observed=np.array([[0.0, 400.0]])))
    assert got.proposal.data["observed"] == "auto"
    expected = (
        "spikes exist only inside the intervals of table trials, though the file says that 400 s were observed: if the "
        "rest was not recorded, name the table in data.observed"
    )
    assert any(str(w) == expected for w in got.recordings[0].warnings)
    assert got.recordings[0].spikes is not None
    assert got.recordings[0].spikes.observed == ((0.0, 400.0),)
