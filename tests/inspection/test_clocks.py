"""Trials and spikes on different clocks, and columns that are no times because they are on another clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from memory_sessions import Inspected, session

from spikebridge.errors import ConfigError
from spikebridge.inspection import Inspection, InspectOptions
from spikebridge.io import Contents

TIMES = ["start_time", "stop_time", "decision_time"]
START = 5.0 + 6.0 * np.arange(60)


def warning_text(result: Inspection) -> str:
    return "\n".join(str(w) for summary in result.recordings for w in summary.warnings)


def with_trials(columns: list[str], factor: float = 1.0, by: float = 0.0, name: str = "trials") -> Contents:
    contents = session()
    table = contents.tables["trials"]
    table = table.assign(**{c: table[c] * factor + by for c in columns})
    return replace(contents, tables={name: table})


@pytest.mark.parametrize(
    ("contents", "text"),
    [
        (with_trials(TIMES, by=3000.0), "(3005 to 3363) lie outside 0.136"),
        (with_trials(TIMES, by=3000.0), "s: are both in seconds on one clock?"),
        (with_trials(TIMES, by=-3000.0), "(-2995 to -2637) lie outside"),
        (with_trials(TIMES, 1e3), "(5000 to 363000) lie outside"),
        (with_trials(TIMES, 1e3), "s; they look like milliseconds: divide them by 1000"),
        (with_trials(TIMES, 1e6), "s; they look like microseconds: divide them by 1000000"),
        (with_trials(TIMES, 3e4), "s; they look like samples: divide them by the sampling rate in Hz"),
        (with_trials(TIMES, 3e4 + 0.001), "s: are both in seconds on one clock?"),
    ],
)
def test_trials_beside_the_spikes(inspected: Inspected, contents: Contents, text: str) -> None:
    got = inspected(contents)
    assert not got.dry_run.runs
    if "0.136" in text:  # the first spike of the recording
        first = got.recordings[0].spikes.first_s if got.recordings[0].spikes else None
        text = text.replace("0.136", f"{first:g}")
    assert "trials outside the spikes' range: all 60 rows" in warning_text(got)
    assert text in warning_text(got)
    every = next(p for p in map(str, got.dry_run.problems) if "every trial (decision_time" in p)
    assert "lies outside the spikes" in every, "ingest's own words, though no alignment can be proposed"


def test_half_of_the_trials_beside_the_spikes(inspected: Inspected) -> None:
    contents = session()
    table = contents.tables["trials"]
    late = table[TIMES] + np.where(np.arange(60) < 29, 0.0, 5000.0)[:, None]
    assert "trials outside the spikes' range: 31 of 60 (" in warning_text(
        inspected(replace(contents, tables={"trials": table.assign(**late)}))
    )
    late = table[TIMES] + np.where(np.arange(60) < 31, 0.0, 5000.0)[:, None]
    assert "outside the spikes' range" not in warning_text(
        inspected(replace(contents, tables={"trials": table.assign(**late)}))
    ), "the session went on without the spikes: the trials are dropped, and a warning says so"


def test_an_offset_is_tried_and_proposed(inspected: Inspected) -> None:
    late = with_trials(TIMES, by=3000.0)
    got = inspected(late, asked=InspectOptions(offset_s={"trials": -3000}))
    assert got.dry_run.runs
    assert got.proposal.data["offset_s"] == {"trials": -3000.0}
    assert "offset_s: {trials: -3000.0}" in got.proposed_yaml
    assert got.dry_run == inspected(session()).dry_run
    assert (
        "data.offset_s: -3000 s added to the times of trials (trials: start_time, stop_time, decision_time)"
        in warning_text(got)
    )
    assert inspected(session(), asked=InspectOptions(clock="trusted")).proposal.data["clock"] == "trusted"
    assert "offset_s" not in inspected(session()).proposal.data


def test_an_offset_that_is_none(inspected: Inspected) -> None:
    with pytest.raises(ConfigError, match=r"offset_s: expected a number of seconds, or a mapping, got 'x'"):
        inspected(session(), asked=InspectOptions(offset_s="x"))
    with pytest.raises(ConfigError, match=r"'dya' is none of these, did you mean day\? Recordings: day"):
        inspected(session(), asked=InspectOptions(offset_s={"dya": 3}))


def test_other_interval_tables_and_those_of_invalid_times(inspected: Inspected) -> None:
    contents = session()
    beside = pd.DataFrame({"start_time": [900.0, 950.0], "stop_time": [910.0, 960.0]})
    tables = {**contents.tables, "laser": beside, "invalid_times": beside, "empty": beside.iloc[:0]}
    got = inspected(replace(contents, tables=tables))
    assert "laser outside the spikes' range: all 2 rows (900 to 960)" in warning_text(got)
    assert warning_text(got).count("outside the spikes' range") == 1
    assert got.dry_run.runs


@pytest.mark.parametrize("rate_hz", [2.0, 8.0, 30.0])
@pytest.mark.quick_cases(1)
def test_spikes_in_milliseconds_beside_trials_in_seconds(inspected: Inspected, rate_hz: float) -> None:
    contents = session(rate_hz=rate_hz)
    got = inspected(replace(contents, spikes=contents.spikes.assign(time_s=contents.spikes["time_s"] * 1000)))
    assert "trials from 5 to 363: the spikes look like milliseconds; divide them by 1000" in warning_text(got)


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (
            (START + 3.0) * 1000,
            "its times (8000 to 362000) lie outside the observed time (0.00",
        ),
        ((START + 3.0) * 1000, "s); they look like milliseconds: divide them by 1000"),
        (START + 3000.0, "s): are both in seconds on one clock?"),
        (np.linspace(2.0, 3.0, 60), "its values (2 to 3) seem to be counted from something in each trial"),
        ([f"10:{i:02d}:05" for i in range(60)], "it holds no numbers, but text such as '10:00:05'"),
        (np.full(60, np.nan), "it holds no value"),
        (np.random.default_rng(0).permutation(START), "do not lie in start_time to stop_time of their trials"),
    ],
)
def test_a_decision_that_is_not_aligned_to(inspected: Inspected, decision: object, why: str) -> None:
    got = inspected(session(columns={"decision_time": decision}))
    assert got.dry_run.runs
    assert got.proposal.trials["align"] == "start_time"
    assert "column decision_time of table trials is not proposed as a time: " in warning_text(got)
    spikes = got.recordings[0].spikes
    assert spikes is not None
    assert why.replace("0.00", f"{spikes.first_s:g}") in warning_text(got)


def test_what_is_no_better_than_the_proposed_time_is_not_mentioned(inspected: Inspected) -> None:
    columns = {"reaction_time": np.linspace(0.2, 1.5, 60), "lever_time": START * 1000, "choice_index": np.arange(60)}
    assert "is not proposed" not in warning_text(inspected(session(columns=columns)))
    columns |= {"decision_time": START * 1000, "response_time": START + 3.0}
    got = inspected(session(columns=columns))
    assert got.proposal.trials["align"] == "response_time"
    assert warning_text(got).count("is not proposed") == 1, "the decision alone stands before a response"
