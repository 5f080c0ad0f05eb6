"""Warnings about recordings that cause problems later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from memory_sessions import Inspected, session

from spikebridge.errors import DataError
from spikebridge.inspection import Inspection


def warning_text(result: Inspection) -> str:
    return "\n".join(map(str, [*result.warnings, *(w for summary in result.recordings for w in summary.warnings)]))


def test_a_sound_recording_has_none(inspected: Inspected) -> None:
    assert warning_text(inspected(session(trials=80))) == ""


def test_spellings_of_a_region(inspected: Inspected) -> None:
    text = warning_text(inspected(session(regions={"CA1": 4, "ca1 ": 2, "CA-1": 2, "PL": 4})))
    assert "regions differ in spelling alone: 'CA1' (4 units) and 'CA-1' (2 units) and 'ca1 ' (2 units)" in text


def test_classes_of_few_trials(inspected: Inspected) -> None:
    labels = np.where(np.arange(60) < 15, "a", "b")
    text = warning_text(inspected(session(columns={"choice": np.random.default_rng(0).permutation(labels)})))
    assert "fewer than 30 trials of choice: a (15)" in text


def test_drift_of_a_region(inspected: Inspected) -> None:
    contents = session()
    times = contents.spikes["time_s"]
    lost = (contents.spikes["unit"] < 6) & (times > 240) & (np.arange(len(times)) % 2 == 0)
    text = warning_text(inspected(replace(contents, spikes=contents.spikes[~lost])))
    assert "drift: rates change from the first to the last third of the recording: CA1 to 0.5" in text


def test_units_of_few_spikes_and_units_of_several_neurons(inspected: Inspected) -> None:
    contents = session(regions={"CA1": 6, "PL": 6}, rate_hz=40.0)
    again = contents.spikes.assign(time_s=contents.spikes["time_s"] + 0.0005)
    both = pd.concat([contents.spikes, again]).sort_values(["unit", "time_s"])
    text = warning_text(inspected(replace(contents, spikes=both[both["unit"].ne(2) | both["time_s"].lt(0.3)])))
    assert "1 of 12 units with fewer than 50 spikes" in text
    assert "12 of 12 units look like several neurons" in text


def test_silences_that_nothing_declares(inspected: Inspected) -> None:
    contents = session()
    times = contents.spikes["time_s"]
    quiet = replace(contents, spikes=contents.spikes[(times < 100) | (times > 112)])
    got = inspected(quiet)
    assert warning_text(got).count("no unit fires") == 1, "validation says it"
    spikes = got.recordings[0].spikes
    assert spikes is not None
    assert spikes.silent_intervals == (pytest.approx((100.0, 112.0), abs=0.2),)
    got = inspected(replace(quiet, observed=np.array([[0.0, 100.0], [112.0, 370.0]])))
    assert "no unit fires" not in warning_text(got)


def test_silences_too_short_for_validation(inspected: Inspected) -> None:
    contents = session()
    times = contents.spikes["time_s"]
    got = inspected(replace(contents, spikes=contents.spikes[(times < 100) | (times > 104)]))
    assert (
        "no unit fires in 1 stretch of up to 4.0 s that count as observed (the first: 100.0 to 104.0 s)"
        in warning_text(got)
    )


def test_spikes_only_inside_trials(inspected: Inspected) -> None:
    contents = session()
    inside = (contents.spikes["time_s"] - 5.0) % 6.0 < 4.0
    inside &= contents.spikes["time_s"].between(5.0, 363.0)
    got = inspected(replace(contents, spikes=contents.spikes[inside]))
    assert "spikes exist only inside the intervals of table trials: 240 of 358 s" in warning_text(got)
    assert got.proposal.data["observed"] == "trials"
    assert got.dry_run.runs


@pytest.mark.parametrize(("step", "known"), [(0.01, "10 ms"), (0.001, ""), (1 / 30000, "")])
def test_coarse_times(inspected: Inspected, step: float, known: str) -> None:
    contents = session()
    rounded = contents.spikes.assign(time_s=(contents.spikes["time_s"] / step).round() * step).drop_duplicates()
    got = inspected(replace(contents, spikes=rounded))
    assert (f"spike times are known to {known}: refractory violations cannot be told" in warning_text(got)) == bool(
        known
    )
    assert (got.regions[0].contaminated is None) == bool(known)
    spikes = got.recordings[0].spikes
    assert spikes is not None
    assert spikes.resolution_s == pytest.approx(step if known else 0.0)


def test_what_validation_refuses_is_shown_with_the_rest(inspected: Inspected) -> None:
    """Times in milliseconds, unsorted, and ids that are there twice: nothing stops inspection."""
    contents = session()
    spikes = contents.spikes.assign(time_s=(contents.spikes["time_s"] * 1000).round())
    got = inspected(replace(contents, spikes=spikes))
    assert not got.dry_run.runs
    assert "spike times are not in seconds" in "\n".join(map(str, got.dry_run.problems))
    twice = contents.units.assign(unit=[0, 0, *range(2, 11)])
    got = inspected(replace(contents, units=twice, spikes=contents.spikes[contents.spikes["unit"] != 1].iloc[::-1]))
    assert "unit ids must be unique" in "\n".join(map(str, got.dry_run.problems))
    nothing = replace(contents, spikes=contents.spikes.assign(time_s=np.nan))
    got = inspected(nothing)
    assert not got.dry_run.runs
    assert got.recordings[0].spikes is not None
    assert got.recordings[0].spikes.first_s is None
    empty = inspected(replace(contents, spikes=contents.spikes.iloc[:0]))
    assert not empty.dry_run.runs


def test_a_folder_with_a_broken_and_a_doubled_recording(inspected: Inspected) -> None:
    got = inspected(session(), "truncated", session())
    text = warning_text(got)
    assert got.dry_run.problems[0].text.startswith(
        "1 of 3 recordings cannot be read: broken1; the pipeline refuses the f"
    )
    assert (got.dry_run.runs, got.dry_run.unreadable) == (False, ("broken1",))
    assert "day and day2 hold the same spikes" in text
    assert [bool(summary.error) for summary in got.recordings] == [True, False, False]


def test_nothing_that_can_be_read(inspected: Inspected) -> None:
    with pytest.raises(DataError, match=r"broken0.memory: truncated\n.*broken1.memory: no spikes"):
        inspected("truncated", "no spikes")


def test_other_files_beside_the_recordings(inspected: Inspected, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    got = inspected(session(), session(seed=1, rate_hz=5.0))
    assert got.not_read == ("notes.txt",)
    assert "not read, since no reader takes them: notes.txt" in warning_text(got)


def test_overlapping_trials_come_from_validation(inspected: Inspected) -> None:
    stop = pd.Series(5.0 + 6.0 * np.arange(60) + np.where(np.arange(60) == 7, 9.0, 4.0))
    assert "1 trial begins before an earlier one has ended" in warning_text(
        inspected(session(columns={"stop_time": stop}))
    )


def test_region_names_are_compared_across_recordings(inspected: Inspected) -> None:
    got = inspected(session(), session(seed=1, regions={"ca1": 6, "PL": 5}))
    assert any("look like one under several names: 'CA1' (day) and 'ca1' (day1)" in str(w) for w in got.warnings)
    got = inspected(session(), session(seed=1, regions={"CAl": 6, "PL": 5}))
    assert any("look like one under several names: 'CA1' (day) and 'CAl' (day1)" in str(w) for w in got.warnings)
    assert not any("several names" in str(w) for w in inspected(session(), session(seed=1)).warnings)


def test_letters_that_look_alike_within_a_recording(inspected: Inspected) -> None:
    got = inspected(session(regions={"CA1": 6, "CAl": 1, "CA3": 4, "PL": 5}))
    assert [t for t in map(str, got.recordings[0].warnings) if "look alike" in t] == [
        "regions look alike: 'CA1' (6 units) and 'CAl' (1 unit); is one a slip of l, 1 and I, or O and 0?"
    ]


def test_a_rare_spelling_of_a_class_is_named_as_such(inspected: Inspected) -> None:
    contents = session()
    table = contents.tables["trials"]
    labels = table["choice"].astype(object).where(table.index > 1, table["choice"].str.upper())
    got = inspected(replace(contents, tables={"trials": table.assign(choice=labels)}))
    assert "differ in spelling alone: correct the file instead" in got.proposal.comments["trials.include"]
