"""Trials and spikes on two clocks that overlap: refused or corrected before windows are cut, with the right counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from clock_sessions import (
    brute_force,
    counts,
    generated,
    moved,
    read_all,
    session,
    settings,
    write_phy,
    write_tables,
)

from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.io import ingest
from spikebridge.types import Recording

NWB = "session_1.nwb"


def refusal(asked: Config) -> str:
    with pytest.raises(DataError) as caught:
        read_all(asked)
    return str(caught.value)


def only(asked: Config) -> Recording:
    (recording,) = read_all(asked).values()
    return recording


def warned(asked: Config) -> str:
    return "\n".join(map(str, only(asked).warnings))


def named_offset(text: str) -> dict[str, Any]:
    """The setting in a message, as YAML reads it."""
    line = re.search(r"data\.offset_s: (\{.*?\}+)", text)
    assert line, text
    found: dict[str, Any] = yaml.safe_load(line[1])
    return found


def nwb_units(path: Path) -> np.ndarray:
    import h5py

    with h5py.File(path, "r") as handle:
        times: np.ndarray = handle["units/spike_times"][:]
    return times


# Times that count from the start of each trial.


@pytest.mark.parametrize("case", ["08_trial_starts_zero", "08b_trial_starts_zero_long"])
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
    found = only(asked)
    assert len(found.spikes) == truth["spikes"]
    assert found.spikes["time_s"].min() >= 0
    start = np.arange(5, 580, 8.0)
    assert counts(found, asked) == brute_force(spikes, dict(enumerate(start)))
    assert found.trials["start_time"].tolist() == (start + 32).tolist()
    assert any("data.offset_s: +32 s added to the times of the spikes" in str(w) for w in found.warnings)


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
def test_spikes_that_respond_at_another_time(by: float, form: str, tmp_path: Path, write_nwb: Any) -> None:
    trains, table = session(gain=3.0)
    if form == "tables":
        write_tables(tmp_path / "raw" / "day1", trains, moved(table, by))
    else:
        trials = {str(c): list(v) for c, v in moved(table, by).items()}
        lists = {u: t.tolist() for u, t in trains.items()}
        write_nwb(tmp_path / "raw/day1.nwb", spikes=lists, columns={"region": ["CA1"] * 6 + ["PFC"] * 6}, trials=trials)
    text = refusal(settings(tmp_path / "raw"))
    found = re.search(r"the units respond (\d+\.\d) s (before|after) choice_time", text)
    assert found, text
    assert abs(float(found[1]) - abs(by)) < 0.6
    assert found[2] == ("before" if by > 0 else "after")
    asked = settings(tmp_path / "raw", offset_s={"day1": {"trials": -by}})
    spikes = np.concatenate(list(trains.values()))
    assert counts(only(asked), asked) == brute_force(spikes, dict(enumerate(table["choice_time"])))
    assert only(asked).trials["reaction_s"].tolist() == pytest.approx(table["reaction_s"].tolist())


def test_offset_in_one_of_several_recordings(tmp_path: Path) -> None:
    every = {f"day{k}": session(seed=k, gain=3.0) for k in range(3)}
    for name, (trains, table) in every.items():
        write_tables(tmp_path / "raw" / name, trains, moved(table, 50.0 if name == "day1" else 0.0))
    with pytest.raises(DataError) as caught:
        ingest(settings(tmp_path / "raw"), tmp_path / "out")
    assert str(caught.value).count("two clocks") == 1
    assert "day1: trials and spikes seem to be on two clocks" in str(caught.value)
    asked = settings(tmp_path / "raw", offset_s={"day1": {"trials": -50}})
    for name, found in read_all(asked).items():
        spikes = np.concatenate(list(every[name][0].values()))
        assert counts(found, asked) == brute_force(spikes, dict(enumerate(every[name][1]["choice_time"])))


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
    found = only(asked)
    assert counts(found, asked) == brute_force(spikes, dict(enumerate(table["choice_time"])))
    assert not any("clock" in str(w) for w in found.warnings)


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


# Times that another program corrected.


def test_times_of_tprime_are_used(tmp_path: Path) -> None:
    truth = generated("22_tprime_adjusted", tmp_path)
    asked = settings(tmp_path, source="HPC")
    found = only(asked)
    assert found.spikes["time_s"].min() == truth["first_spike_ni"]
    assert found.spikes["time_s"].max() == truth["last_ni"]
    folder = tmp_path / "imec0_ks2"
    at = pd.read_csv(folder / "trials.csv")["choice_time"]
    spikes = np.load(folder / "spike_times_sec_adj.npy")
    assert counts(found, asked) == brute_force(spikes, dict(enumerate(at)))
    notes = "\n".join(map(str, found.warnings))
    assert "spike times are those of spike_times_sec_adj.npy: they are 11.89 to 12 s after those of" in notes
    assert "spike_times_sec.npy is not used" in notes
    by_samples = only(settings(tmp_path, source="HPC", options={"spike_times": "samples"}))
    assert by_samples.spikes["time_s"].min() == truth["first_spike_by_samples"]
    measured = only(settings(tmp_path, source="HPC", options={"spike_times": "spike_times_sec.npy"}))
    assert measured.spikes["time_s"].max() == np.load(folder / "spike_times_sec.npy").max()


@pytest.mark.parametrize(
    ("stem", "factor"),
    [
        ("spike_times_sec", 1.0),
        ("spike_times_corrected", 1.0),
        ("spikes.times", 1.0),
        ("spike_seconds", 1.0),
        ("spike_times_sync", 1000.0),
        ("spike_times_aligned_samples", 30_000.0),
    ],
)
def test_files_of_corrected_times(stem: str, factor: float, tmp_path: Path) -> None:
    trains, table = session()
    right = np.concatenate(list(trains.values())) * 1.00002 + 3.25
    write_phy(tmp_path / "day1", trains, moved(table, 3.25), **{stem: right * factor})
    found = only(settings(tmp_path))
    assert np.sort(found.spikes["time_s"].to_numpy()) == pytest.approx(np.sort(right), abs=1e-6)
    assert f"spike times are those of {stem}.npy" in "\n".join(map(str, found.warnings))


def test_files_that_do_not_hold_the_times(tmp_path: Path) -> None:
    trains, table = session()
    n = sum(len(t) for t in trains.values())
    own = write_phy(
        tmp_path / "day1",
        trains,
        table,
        spike_times_sec=np.zeros(5),
        spike_time_bins=np.arange(n),
        spike_sizes=np.ones(n),
    )
    found = only(settings(tmp_path))
    assert np.sort(found.spikes["time_s"]).tolist() == np.sort(own).tolist()
    notes = "\n".join(map(str, found.warnings))
    assert (
        f"spike_times_sec.npy is not used: expected one number for each of {n} spikes, got float64 of shape (5,)"
        in notes
    )


def test_corrected_times_that_disagree(tmp_path: Path) -> None:
    trains, table = session()
    right = np.concatenate(list(trains.values()))
    write_phy(tmp_path / "day1", trains, table, spike_times_sec_adj=right + 2, spike_times_corrected=right + 3)
    text = refusal(settings(tmp_path))
    assert "that differ by up to 1 s: name the file whose clock the trials have" in text
    line = re.search(r"data\.options: (\{.*?\})", text)
    assert line
    found = only(settings(tmp_path, options=yaml.safe_load(line[1])))
    assert found.spikes["time_s"].min() == pytest.approx(right.min() + 3)
    unknown = refusal(settings(tmp_path, options={"spike_times": "spike_times_sec_adj.np"}))
    assert "there is no 'spike_times_sec_adj.np', did you mean spike_times_sec_adj.npy?" in unknown


def test_a_changed_file_of_times_is_read_again(tmp_path: Path) -> None:
    trains, table = session()
    right = np.concatenate(list(trains.values()))
    write_phy(tmp_path / "raw" / "day1", trains, table, spike_times_sec_adj=right + 2)
    said: list[str] = []
    ingest(settings(tmp_path / "raw"), tmp_path / "one")
    ingest(settings(tmp_path / "raw"), tmp_path / "two", tmp_path / "one", said.append)
    assert "day1: unchanged" in said
    np.save(tmp_path / "raw" / "day1" / "spike_times_sec_adj.npy", right + 3)
    ingest(settings(tmp_path / "raw"), tmp_path / "three", tmp_path / "two", said.append)
    ingest(settings(tmp_path / "raw", offset_s=1), tmp_path / "four", tmp_path / "three", said.append)
    assert len([line for line in said if line.startswith("day1: read")]) == 2


def test_the_extractor_of_alf_is_not_used(tmp_path: Path) -> None:
    pytest.importorskip("spikeinterface")
    (tmp_path / "alf").mkdir()
    np.save(tmp_path / "alf" / "spikes.samples.npy", np.arange(9))
    with pytest.raises(ConfigError, match=r"alf is not used: it takes spikes\.samples, .* on the clock of the probe"):
        read_all(settings(tmp_path / "alf", reader="sorting", options={"extractor": "alf"}))


# The setting itself.


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        ("32", "data.offset_s: expected a number of seconds, or a mapping, got '32'"),
        (True, "data.offset_s: expected a number of seconds, or a mapping, got True"),
        (float("nan"), "data.offset_s: expected a number of seconds, or a mapping, got nan"),
        ({"trials": "x"}, "data.offset_s: trials must be a number of seconds, found 'x'"),
        (
            {"day1": {"trial": 3}},
            "seconds of day1 must be for spikes, trials, behavior, found 'trial', did you mean trials?",
        ),
    ],
)
def test_offsets_that_are_none(offset: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, offset_s=offset)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("offset", "said"), [({"dya1": 3}, "did you mean day1?"), ({"trial": 3}, "did you mean trials?")]
)
def test_offsets_of_unknown_recordings(offset: Any, said: str, tmp_path: Path) -> None:
    trains, table = session()
    write_tables(tmp_path / "raw" / "day1", trains, table)
    with pytest.raises(ConfigError, match=r"data\.offset_s") as caught:
        ingest(settings(tmp_path / "raw", offset_s=offset), tmp_path / "out")
    assert said in str(caught.value)


def test_every_part_can_be_moved(tmp_path: Path) -> None:
    trains, table = session()
    folder = write_tables(tmp_path / "day1", trains, table.assign(number=np.arange(80)))
    pd.DataFrame({"series": "x", "time_s": [1.0, 2.0], "value": [0.0, 1.0]}).to_csv(
        folder / "behavior.csv", index=False
    )
    (folder / "recording.json").write_text('{"observed": [[0.0, 700.0]]}', encoding="utf-8")
    before = only(settings(tmp_path))
    after = only(settings(tmp_path, offset_s={"spikes": 1.0, "trials": 2.0, "behavior": 4.0}))
    assert (after.spikes["time_s"] - before.spikes["time_s"]).to_numpy() == pytest.approx(1.0)
    assert after.observed.tolist() == [[1.0, 701.0]]
    times = ["start_time", "stop_time", "choice_time"]
    assert (after.trials[times] - before.trials[times]).to_numpy() == pytest.approx(2.0)
    pd.testing.assert_frame_equal(after.trials.drop(columns=times), before.trials.drop(columns=times))
    assert after.behavior["time_s"].tolist() == [5.0, 6.0]
