"""Recordings of the first hour: no trials, regions or labels yet. The data are checked all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from memory_sessions import Inspected, session

from spikebridge.cli import inspect_report
from spikebridge.inspection import Inspection, to_dict
from spikebridge.io import Contents

Change = Callable[[Contents], Contents]


def as_it_is(contents: Contents) -> Contents:
    return contents


def without_trials(contents: Contents) -> Contents:
    return replace(contents, tables={})


def without_regions(contents: Contents) -> Contents:
    return replace(contents, units=contents.units[["unit"]])


def with_one_region(contents: Contents) -> Contents:
    return replace(contents, units=contents.units.assign(region="CA1"))


def without_labels(contents: Contents) -> Contents:
    return replace(contents, tables={"trials": contents.tables["trials"].drop(columns="choice")})


def with_trials_elsewhere(contents: Contents) -> Contents:
    table = contents.tables["trials"]
    return replace(contents, tables={"trials": table.assign(**table.filter(like="_time") + 3000.0)})


def in_milliseconds(spikes: pd.DataFrame) -> pd.DataFrame:
    """Of neurons, which rest for 3 ms after a spike."""
    rested = spikes[~spikes["time_s"].diff().between(0.0, 0.003)]
    return rested.assign(time_s=rested["time_s"] * 1000)


def in_samples(spikes: pd.DataFrame) -> pd.DataFrame:
    return spikes.assign(time_s=(spikes["time_s"] * 30000).round())


def with_a_nan(spikes: pd.DataFrame) -> pd.DataFrame:
    return spikes.assign(time_s=spikes["time_s"].where(np.arange(len(spikes)) != 7))


def unsorted(spikes: pd.DataFrame) -> pd.DataFrame:
    return spikes.iloc[::-1]


def twice(spikes: pd.DataFrame) -> pd.DataFrame:
    return spikes.loc[np.repeat(spikes.index, 2)]


INCOMPLETE = (without_trials, without_regions, with_one_region, without_labels, with_trials_elsewhere)


@pytest.mark.parametrize("lacking", INCOMPLETE)
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (in_milliseconds, "spike times are not in seconds"),
        (in_samples, "are whole numbers (up to "),
        (with_a_nan, "1 spike time NaN or infinite, in unit 0 (the first is spike 7 of unit 0"),
        (unsorted, "spike times must rise within a unit"),
        (twice, "have the time of the spike before; expected each spike once"),
    ],
)
@pytest.mark.quick_cases(6)
def test_spikes_are_checked_without_a_complete_proposal(
    inspected: Inspected, lacking: Change, spoil: Callable[[pd.DataFrame], pd.DataFrame], expected: str
) -> None:
    contents = lacking(session())
    got = inspected(replace(contents, spikes=spoil(contents.spikes)))
    assert got.proposal.missing or lacking is with_trials_elsewhere  # spikes on another clock may reach that far
    assert not got.dry_run.runs
    assert expected in "\n".join(map(str, got.dry_run.problems))
    to_dict(got)


@pytest.mark.parametrize("lacking", INCOMPLETE[:4])
def test_nothing_is_said_of_what_is_sound(inspected: Inspected, lacking: Change) -> None:
    """Neither what is missing twice, nor anything that follows from it."""
    got = inspected(lacking(session(trials=80)))
    assert [str(p) for p in got.dry_run.problems] == list(got.proposal.missing.values())
    assert [*got.warnings, *got.recordings[0].warnings] == []


def test_units_tables_and_behaviour_are_checked_too(inspected: Inspected) -> None:
    contents = without_regions(session())
    table = contents.tables["trials"].assign(stop_time=lambda t: t["stop_time"].where(t.index != 3, 0.0))
    speed = pd.DataFrame({"series": "speed", "time_s": [8.0e5, 8.1e5], "value": [1.0, 2.0]})
    units = pd.concat([contents.units, pd.DataFrame({"unit": [0, 99]})], ignore_index=True)
    got = inspected(replace(contents, tables={"trials": table}, behavior=speed, units=units))
    problems, warnings = "\n".join(map(str, got.dry_run.problems)), "\n".join(map(str, got.recordings[0].warnings))
    assert "day.memory: unit ids must be unique; found more than once: 0 (2 rows)" in problems
    assert "day.memory: stop_time before start_time in trial 3" in problems
    assert "behaviour outside the time of the spikes: speed" in warnings
    assert "1 of 13 units without any spike: 99" in warnings


def test_one_unit_under_two_ids_is_seen_without_regions(inspected: Inspected) -> None:
    contents = without_regions(session())
    again = contents.spikes[contents.spikes["unit"] == 2].assign(unit=3)
    spikes = pd.concat([contents.spikes[contents.spikes["unit"] != 3], again], ignore_index=True)
    assert "units hold the same spikes: 2 () and 3 ()" in "\n".join(
        map(str, inspected(replace(contents, spikes=spikes)).recordings[0].warnings)
    )


def test_trials_outside_the_observed_time(inspected: Inspected) -> None:
    """In a gap between two observed intervals: no column can be aligned to, and a problem says why."""
    contents = session()
    spikes = contents.spikes.assign(time_s=contents.spikes["time_s"] + np.where(contents.spikes["unit"] % 2, 0.0, 9e3))
    observed = np.array([[0.0, 2.0], [9.0e3, 1.0e4]])
    got = inspected(replace(contents, spikes=spikes, observed=observed))
    assert list(got.proposal.missing) == ["align"]
    assert "lies all in the observed time (0 to 10000 s)" in "\n".join(map(str, got.dry_run.problems))


def test_each_recording_of_a_folder_is_checked(inspected: Inspected) -> None:
    days = [without_trials(session(seed=seed)) for seed in range(3)]
    days[1] = replace(days[1], spikes=in_milliseconds(days[1].spikes), source_file="day1.memory")
    got = inspected(*days)
    assert [str(p).split(":")[0] for p in got.dry_run.problems[1:]] == ["day1.memory"]


def test_what_is_printed(inspected: Inspected, capsys: pytest.CaptureFixture[str]) -> None:
    def printed(contents: Contents) -> str:
        got: Inspection = inspected(contents)
        inspect_report.print_report(got)
        return capsys.readouterr().out.split("does not run yet\n")[1].split("\n\n")[0]

    contents = without_trials(session())
    lacking = (
        "  it is not complete:\n"
        "  no interval table holds trials: the label and the time of each decision must come from one"
    )
    assert printed(contents) == lacking
    out = printed(replace(contents, spikes=in_samples(contents.spikes)))
    assert out.startswith(
        f"{lacking}\n  ingest would refuse what is there:\n  day.memory: spike times are not in seconds"
    )
