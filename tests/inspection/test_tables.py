"""Columns of interval tables: what they hold, and what they may serve for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spikebridge.inspection.column_names import align_rank, label_rank, words
from spikebridge.inspection.tables import summarize_behavior, summarize_table, summarize_tables

N = 40
START = 10.0 + 5.0 * np.arange(N)
IBL = pd.DataFrame(
    {
        "id": np.arange(N),
        "start_time": START,
        "stop_time": START + 4,
        "contrastLeft": np.where(np.arange(N) % 2, np.nan, 0.25 * (np.arange(N) % 4)),
        "stimOn_times": START + 0.5,
        "goCue_times": START + 0.6,
        "response_times": START + 2.0,
        "firstMovement_times": np.where(np.arange(N) % 10, START + 1.0, np.nan),
        "feedback_times": START + 2.1,
        "reaction_time": np.linspace(0.2, 1.5, N),
        "choice": np.tile([-1.0, 1.0, 1.0, -1.0, 0.0], N // 5),
        "feedbackType": np.tile([-1, 1], N // 2),
        "rewarded": np.tile([True, False], N // 2),
        "note": [f"n{i}" for i in range(N)],
        "constant": 3,
        "probabilityLeft": np.repeat([0.5, 0.2], N // 2),
    }
)


def test_kinds_ranges_and_classes() -> None:
    columns = {c.name: c for c in summarize_table("trials", IBL).columns}
    assert {n: c.kind for n, c in columns.items() if c.kind == "time"}.keys() == {
        *("start_time", "stop_time", "stimOn_times", "goCue_times", "response_times", "firstMovement_times"),
        "feedback_times",
    }
    assert columns["reaction_time"].kind == "relative"
    assert (columns["id"].kind, columns["rewarded"].kind, columns["note"].kind) == ("number", "flag", "text")
    assert columns["choice"].classes == {"-1": 16, "0": 8, "1": 16}
    assert list(columns["choice"].classes) == ["-1", "0", "1"]
    assert (columns["firstMovement_times"].missing, columns["contrastLeft"].missing) == (4, 20)
    assert (columns["stop_time"].low, columns["stop_time"].high) == (14.0, 209.0)
    assert (columns["note"].distinct, columns["note"].classes) == (40, {})


def test_labels_and_alignments_are_ranked() -> None:
    table = summarize_table("trials", IBL)
    assert table.label_columns == ("choice", "feedbackType", "rewarded", "probabilityLeft", "contrastLeft")
    assert table.align_columns == (
        *("firstMovement_times", "response_times", "stimOn_times", "goCue_times", "start_time", "feedback_times"),
        "stop_time",
    )
    assert (table.rows, table.start_s, table.stop_s) == (40, 10.0, 209.0)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        *(("choice", 0), ("responseChoice", 0), ("went_left", 0), ("side", 0), ("outcome", 1), ("is_correct", 1)),
        *(("stim_side", 3), ("contrast_left", 3), ("trial_type", 2), ("reward_probability", 3), ("cue_direction", 3)),
        *(("feedback_type", 1), ("choice_cue", 0)),
    ],
)
def test_names_of_labels(name: str, group: int) -> None:
    assert label_rank(name) == group


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        *(("decision_time", 0), ("response_time", 0), ("choice_onset", 0), ("go_cue_time", 1), ("stimulus_time", 1)),
        *(("response_cue_time", 1), ("start_time", 2), ("reward_time", 3), ("stimOff_times", 3), ("lever", 4)),
        ("stop_time", 5),
    ],
)
def test_names_of_times(name: str, rank: int) -> None:
    assert align_rank(name) == rank


def test_words_of_names() -> None:
    assert words("feedbackType_2") == ["feedback", "type"]
    assert words("RT to go-cue") == ["rt", "to", "go", "cue"]


def test_nullable_and_missing_columns_do_not_disturb() -> None:
    frame = pd.DataFrame(
        {
            "start_time": pd.array([1.0, None, 20.0], dtype="Float64"),
            "stop_time": pd.array([2, 12, None], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "empty": [np.nan] * 3,
            "infinite": [np.inf, 1.0, 2.0],
        }
    )
    columns = {c.name: c for c in summarize_table("trials", frame).columns}
    assert (columns["flag"].classes, columns["flag"].missing) == ({"False": 1, "True": 1}, 1)
    assert (columns["empty"].low, columns["empty"].missing) == (None, 3)
    assert (columns["infinite"].low, columns["infinite"].high) == (1.0, 2.0)
    assert summarize_table("none", frame.iloc[:0]).rows == 0


def test_tables_of_one_name_are_taken_together() -> None:
    trials, epochs = summarize_tables([("trials", IBL), ("epochs", IBL[["start_time", "stop_time"]]), ("trials", IBL)])
    assert (trials.name, trials.rows, epochs.name, epochs.rows) == ("trials", 80, "epochs", 40)
    assert trials.label_columns[0] == "choice"


def test_behaviour() -> None:
    times = np.r_[np.arange(0, 10, 0.02), np.nan]
    table = pd.DataFrame(
        {"series": "speed", "time_s": times, "value": np.r_[np.nan, np.linspace(0, 3, len(times) - 1)]}
    )
    speed, single = summarize_behavior(
        pd.concat([table, pd.DataFrame({"series": ["x"], "time_s": [1.0], "value": [np.nan]})])
    )
    assert (speed.name, speed.samples, speed.missing, speed.low, speed.high) == ("speed", 501, 1, 0.0, 3.0)
    assert speed.rate_hz == pytest.approx(50)
    assert (speed.start_s, speed.stop_s) == (0.0, pytest.approx(9.98))
    assert (single.rate_hz, single.low) == (None, None)
