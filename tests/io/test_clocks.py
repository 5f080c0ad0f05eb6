"""Trials and spikes on two clocks that overlap: refused or corrected before windows are cut, with the right counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clock_sessions import (
    NWB,
    brute_force,
    counts,
    generated,
    moved,
    named_offset,
    nwb_units,
    only,
    read_all,
    refusal,
    session,
    settings,
    warned,
    write_phy,
    write_tables,
)

from spikebridge.errors import DataError
from spikebridge.io import IngestSections, ingest

# Times that count from the start of each trial.


@pytest.mark.parametrize("case", ["08_trial_starts_zero", "08b_trial_starts_zero_long"])
@pytest.mark.quick_cases(1)
def test_trials_that_start_at_zero(case: str, tmp_path: Path) -> None:
    import h5py

    truth = generated(case, tmp_path)
    asked = settings(tmp_path)
    text = refusal(asked)
    assert f"{NWB}: the trials count from their own start" in text
    assert f"start_time is 0 in all {truth['trials']} trials" in text
    assert "Add to start_time, stop_time, choice_time of each trial the time at which it began" in text
    began = 5.0 + 7.0 * np.arange(truth["trials"])
    with h5py.File(tmp_path / NWB, "r+") as handle:  # what the message asks for
        for name in ("start_time", "stop_time", "choice_time"):
            handle[f"intervals/trials/{name}"][:] += began
        at = handle["intervals/trials/choice_time"][:]
    spikes = nwb_units(tmp_path / NWB)
    inside = {row: t for row, t in enumerate(at) if spikes.min() <= t - 1 and t <= spikes.max()}
    assert counts(only(asked), asked) == brute_force(spikes, inside)


def relative(**changes: Any) -> pd.DataFrame:
    _, table = session()
    own = moved(table, lambda times: times - table["start_time"].to_numpy())
    return own.assign(**changes)


@pytest.mark.parametrize(
    "table",
    [
        relative(),
        relative(start_time=0.0),
        relative(start_time=np.random.default_rng(1).uniform(0, 0.02, 80)),
        relative(stop_time=np.nan),
        relative(start_time=np.nan),
        relative(start_time=np.nan, stop_time=np.nan, choice_time=np.random.default_rng(2).uniform(20, 500, 80)),
    ],
    ids=["all", "start", "jitter", "no stop", "no start", "no start, spread"],
)
def test_tables_that_count_from_the_trial(table: pd.DataFrame, tmp_path: Path) -> None:
    trains, _ = session()
    write_tables(tmp_path / "day1", trains, table)
    assert "the trials count from their own start, not on the clock of the spikes" in refusal(settings(tmp_path))


def test_another_column_may_hold_the_times(tmp_path: Path) -> None:
    trains, sound = session()
    own = relative().assign(choice_on_session=sound["choice_time"])
    write_tables(tmp_path / "day1", trains, own)
    text = refusal(settings(tmp_path))
    assert "or name a column with such times in trials.align: choice_on_session rise" in text
    asked = settings(tmp_path, align="choice_on_session")
    spikes = np.concatenate(list(trains.values()))
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(sound["choice_time"])))


@pytest.mark.parametrize("long", [False, True])
def test_align_alone_counts_from_the_trial(long: bool, tmp_path: Path) -> None:
    trains, table = session()
    rng = np.random.default_rng(3)
    own = table["choice_time"] - table["start_time"]
    if long:  # trials of up to minutes, so that times within the trial spread over the recording
        start = 5.0 + np.cumsum(rng.uniform(30, 90, 10))
        own = pd.Series(rng.uniform(5, 28, 10))
        table = table.iloc[:10].assign(start_time=start, stop_time=start + 29)
    write_tables(tmp_path / "day1", trains, table.assign(choice_time=own))
    assert "choice_time" in (text := refusal(settings(tmp_path)))
    assert "seems to be counted from the start of each trial" in text
    assert "add start_time to it" in text


def test_a_table_in_another_order_is_sound(tmp_path: Path) -> None:
    trains, table = session()
    shuffled = table.assign(start_time=np.nan, stop_time=np.nan).sample(frac=1.0, random_state=1, ignore_index=True)
    write_tables(tmp_path / "day1", trains, shuffled)
    asked = settings(tmp_path)
    spikes = np.concatenate(list(trains.values()))
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(shuffled["choice_time"])))


# Negative times.


def test_zero_is_an_event_of_the_session(tmp_path: Path) -> None:
    truth = generated("40_negative_aligned", tmp_path)
    spikes = nwb_units(tmp_path / NWB)
    text = refusal(settings(tmp_path, align="start_time"))
    offset = named_offset(text)
    assert offset == {"session_1": 32}
    asked = settings(tmp_path, align="start_time", offset_s=offset)
    recording = only(asked)
    assert len(recording.spikes) == truth["spikes"]
    assert recording.spikes["time_s"].min() >= 0
    start = np.arange(5, 580, 8.0)
    assert counts(recording, asked) == brute_force(spikes, dict(enumerate(start)))
    assert recording.trials["start_time"].tolist() == (start + 32).tolist()
    assert any("data.offset_s: +32 s added to the times of the spikes" in str(w) for w in recording.warnings)


def test_the_named_offset_includes_what_is_set(tmp_path: Path) -> None:
    trains, table = session()
    early = {unit: times - 20.5 for unit, times in trains.items()}
    for name in ("day1", "day2"):
        write_tables(tmp_path / name, early if name == "day1" else trains, moved(table, -20.5 if name == "day1" else 0))
    text = refusal(settings(tmp_path, offset_s={"day1": 10, "day2": {"behavior": 1.5}}))
    assert named_offset(text) == {"day1": 21, "day2": {"behavior": 1.5}}


# Offsets.


def test_offset_between_recording_and_acquisition(tmp_path: Path) -> None:
    generated("31_openephys_offset", tmp_path)
    (folder,) = tmp_path.iterdir()
    text = refusal(settings(tmp_path, source="HPC"))
    assert "trials and spikes seem to be on two clocks" in text
    assert "2 of 78 trials lie before time zero and 3 of 78 trials lie after the last spike" in text
    low, high = map(float, re.findall(r"with (-\d+\.?\d*) to (-\d+\.?\d*) s added", text)[0])
    assert low < -37.6 < high
    assert "set data.clock: trusted" in text
    asked = settings(tmp_path, source="HPC", offset_s={folder.name: {"trials": -37.6}})
    spikes = np.load(folder / "spike_times.npy") / 30_000
    at = pd.read_csv(folder / "trials.csv")["choice_time"].to_numpy() - 37.6
    assert counts(only(asked), asked) == brute_force(spikes, {k: t for k, t in enumerate(at) if t > 1.5})
    assert "trials and spikes seem to be on two clocks" in warned(settings(tmp_path, source="HPC", clock="trusted"))


@pytest.mark.parametrize("by", [37.6, -37.6, 120.0])
@pytest.mark.parametrize("form", ["tables", "nwb"])
@pytest.mark.quick_cases(2)
def test_spikes_that_respond_at_another_time(by: float, form: str, tmp_path: Path, write_nwb: Any) -> None:
    trains, table = session(gain=3.0)
    if form == "tables":
        write_tables(tmp_path / "raw" / "day1", trains, moved(table, by))
    else:
        trials = {str(c): list(v) for c, v in moved(table, by).items()}
        lists = {u: t.tolist() for u, t in trains.items()}
        write_nwb(tmp_path / "raw/day1.nwb", spikes=lists, columns={"region": ["CA1"] * 6 + ["PFC"] * 6}, trials=trials)
    text = refusal(settings(tmp_path / "raw"))
    match = re.search(r"the units respond (\d+\.\d) s (before|after) choice_time", text)
    assert match, text
    assert abs(float(match[1]) - abs(by)) < 0.6
    assert match[2] == ("before" if by > 0 else "after")
    asked = settings(tmp_path / "raw", offset_s={"day1": {"trials": -by}})
    spikes = np.concatenate(list(trains.values()))
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(table["choice_time"])))
    assert only(asked).trials["reaction_s"].tolist() == pytest.approx(table["reaction_s"].tolist())


def test_offset_in_one_of_several_recordings(tmp_path: Path) -> None:
    every = {f"day{k}": session(seed=k, gain=3.0) for k in range(3)}
    for name, (trains, table) in every.items():
        write_tables(tmp_path / "raw" / name, trains, moved(table, 50.0 if name == "day1" else 0.0))
    with pytest.raises(DataError) as caught:
        ingest(IngestSections.of(settings(tmp_path / "raw")), tmp_path / "out")
    assert str(caught.value).count("two clocks") == 1
    assert "day1: trials and spikes seem to be on two clocks" in str(caught.value)
    asked = settings(tmp_path / "raw", offset_s={"day1": {"trials": -50}})
    for name, recording in read_all(asked).items():
        spikes = np.concatenate(list(every[name][0].values()))
        assert counts(recording, asked) == brute_force(spikes, dict(enumerate(every[name][1]["choice_time"])))


def test_milliseconds(tmp_path: Path) -> None:
    """Nothing in the data can show so small an offset; the setting corrects it exactly."""
    trains, table = session()
    write_tables(tmp_path / "day1", trains, moved(table, 0.0376))
    asked = settings(tmp_path, offset_s={"trials": -0.0376})
    spikes = np.concatenate(list(trains.values()))
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(table["choice_time"])))


def test_trials_after_the_spikes_are_doubted_with_seconds(tmp_path: Path) -> None:
    trains, table = session()
    write_tables(tmp_path / "day1", trains, moved(table, 37.6))
    text = warned(settings(tmp_path))
    low, high = map(float, re.findall(r"with (-\d+\.?\d*) to (-\d+\.?\d*) s added", text)[0])
    assert low < -37.6 < high
    assert "set data.offset_s: {day1: {trials: SECONDS}}" in text


SOUND = {
    "recorded from the middle": (slice(0, 80), (0.3, 1.0), True),
    "recorded from the middle, zero at its start": (slice(0, 80), (0.3, 1.0), False),
    "recorded until before the end": (slice(0, 80), (0.0, 0.8), True),
    "recorded in between": (slice(0, 80), (0.2, 0.8), True),
    "trials in the middle alone": (slice(30, 55), (0.0, 1.0), True),
    "few trials": (slice(0, 80, 11), (0.0, 1.0), True),
}
"""Trials that are kept, the part of the time that is recorded, and whether zero stays the start of the session."""


@pytest.mark.parametrize("gain", [0.0, 3.0])
@pytest.mark.parametrize("kind", SOUND)
def test_sound_recordings_are_not_refused(kind: str, gain: float, tmp_path: Path) -> None:
    rows, (first, last), same_zero = SOUND[kind]
    trains, table = session(seed=len(kind), gain=gain)
    end = float(table["stop_time"].max()) + 8.0
    zero = 0.0 if same_zero else first * end
    part = {unit: t[(t >= first * end) & (t < last * end)] - zero for unit, t in trains.items()}
    write_tables(tmp_path / "day1", part, moved(table.iloc[rows], -zero))
    warnings = "\n".join(map(str, only(settings(tmp_path)).warnings))
    assert "two clocks" not in warnings
    assert gain == 0.0 or "another clock" not in warnings or kind == "few trials", "units respond where the trials are"


def test_one_wild_time_does_not_matter(tmp_path: Path) -> None:
    trains, table = session(gain=3.0)
    wild = table.assign(choice_time=table["choice_time"].where(table.index < 79, 1.7e9))
    write_tables(tmp_path / "day1", trains, wild)
    asked = settings(tmp_path)
    spikes = np.concatenate(list(trains.values()))
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(table["choice_time"][:79])))


# Breaks that were cut.


def test_breaks_that_the_recording_lost(tmp_path: Path) -> None:
    truth = generated("21_concatenated_days", tmp_path)
    text = refusal(settings(tmp_path, source="HPC"))
    assert "the trials have breaks (78 s after 587 s, 78 s after 1247 s) that the spikes have not" in text
    assert f"{truth['beyond_the_last_spike']} of {truth['trials']} trials lie after the last spike" in text
    file = tmp_path / "day1" / "trials.csv"
    table = pd.read_csv(file)
    late = 60.0 * ((table["start_time"] > 600).astype(int) + (table["start_time"] > 1260))
    table = table.assign(**{c: table[c] - late for c in ("start_time", "stop_time", "choice_time")})
    table.to_csv(file, index=False)  # what the message asks for
    asked = settings(tmp_path, source="HPC")
    spikes = np.load(tmp_path / "day1" / "spike_times.npy") / 30_000
    recording = only(asked)
    assert counts(recording, asked) == brute_force(spikes, dict(enumerate(table["choice_time"])))
    assert not any("clock" in str(w) for w in recording.warnings)


def test_breaks_are_found_though_the_recording_lasts_longer(tmp_path: Path) -> None:
    """No trial lies beyond the spikes, but from the break on the units respond at another time."""
    trains, table = session(gain=3.0)
    rng = np.random.default_rng(0)
    more = {unit: np.r_[t, t[-1] + np.sort(rng.uniform(0.01, 100, 500))] for unit, t in trains.items()}
    middle = table["start_time"].iloc[40] - 0.5
    write_tables(tmp_path / "day1", more, moved(table, lambda times: times + 60.0 * (times > middle)))
    text = refusal(settings(tmp_path))
    assert re.search(r"respond at another time than choice_time .*-(59|60)\.\d s (from|for trials from)", text)
    assert "take from each the length of the breaks before it" in text


@pytest.mark.parametrize("ratio", [25 / 30, 30 / 25])
def test_a_wrong_sampling_rate(ratio: float, tmp_path: Path) -> None:
    trains, table = session(gain=3.0)
    write_phy(tmp_path / "day1", trains, table)
    rate = 30_000 * ratio
    (tmp_path / "day1" / "params.py").write_text(f"sample_rate = {rate}\n", encoding="utf-8")
    text = refusal(settings(tmp_path))
    assert f"the times of the spikes are multiplied by {ratio:.5g}" in text
    assert "Correct the sampling rate" in text
    (tmp_path / "day1" / "params.py").write_text("sample_rate = 30000\n", encoding="utf-8")
    spikes = np.concatenate(list(trains.values()))
    asked = settings(tmp_path)
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(table["choice_time"])))


def test_long_pauses_between_trials_are_sound(tmp_path: Path) -> None:
    trains, table = session(gain=3.0)
    keep = (np.arange(80) < 30) | (np.arange(80) > 45)
    write_tables(tmp_path / "day1", trains, table[keep])
    assert not any("clock" in str(w) for w in only(settings(tmp_path)).warnings)
