"""Inputs that are odd and go through, each with what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from catalogue import IDS, Case, Catalogue, Project, accepts, spikes, steady, trials

ODD = Catalogue()
NAN = float("nan")
LATER_S = 1.7e9


@ODD.add("a: read")
def nothing_odd(at: Project) -> None:
    at.nwb()


@ODD.add("a: read")
def nothing_odd_in_tables(at: Project) -> None:
    at.tables()


@ODD.add("Ratte ä1 – día 2 (初日): read")
def unicode_name(at: Project) -> None:
    at.nwb("Ratte ä1 – día 2 (初日)")


@ODD.add("a: read")
def unit_id_of_a_billion(at: Project) -> None:
    sound = spikes()
    at.nwb(spikes={1: sound[1], 1_000_000_000: sound[2], 3: sound[3], 2**62: sound[4]})


@ODD.add(
    "a: read",
    "  warning: unit ids such as 9223372036854775813 are no 64-bit integers: units are numbered, see column name",
)
def unit_id_beyond_64_bits(at: Project) -> None:
    import h5py

    with h5py.File(at.nwb(), "r+") as handle:
        attributes = dict(handle["units/id"].attrs)
        del handle["units/id"]
        handle["units/id"] = np.array([1, 2, 2**63 + 5, 4], dtype=np.uint64)
        handle["units/id"].attrs.update(attributes)


@ODD.add("a: read", "  warning: unit ids below zero: -1; sorters write noise so. They are used like others")
def negative_unit_id(at: Project) -> None:
    at.nwb(spikes={(-1 if unit == 2 else unit): t for unit, t in spikes().items()})


@ODD.add("a: read", "  warning: 1 of 4 units without any spike: 2")
def unit_without_spikes(at: Project) -> None:
    at.nwb(spikes=spikes() | {2: []})


@ODD.add("a: read", "  warning: 3 duplicate spike times, in unit 2")
def a_few_spikes_twice(at: Project) -> None:
    sound = spikes()
    at.nwb(spikes=sound | {2: sorted([*sound[2], *sound[2][:3]])})


@ODD.add("a: read", "  warning: units hold the same spikes: 1 (HC) and 2 (HC); one of each pair is superfluous")
def one_unit_twice_in_a_region(at: Project) -> None:
    sound = spikes()
    at.nwb(spikes=sound | {2: sound[1]})


@ODD.add(
    "a: read",
    "  warning: no unit in data.source region SUB; the others of source are here",
    data={"source": ["HC", "SUB"]},
)
def region_that_this_recording_lacks(at: Project) -> None:
    at.nwb()


@ODD.add("a: read", "  warning: 1 of 5 units without a region, not used")
def unit_without_a_region(at: Project) -> None:
    at.nwb(spikes=spikes() | {5: [0.5, 7.25]}, columns={"region": ["HC", "HC", "PFC", "PFC", ""]})


@ODD.add("a: read", "  warning: 1 of 4 units on as many electrodes of a source as of a target region, used in neither")
def unit_between_the_regions(at: Project) -> None:
    at.nwb(electrodes={"location": ["HC", "PFC"], "of_unit": [[0], [0, 1], [1], [1]]})


@ODD.add(
    "a: read",
    "  warning: 127 of 520 spikes outside the observed time, not used",
    "  warning: 2 of 12 trials dropped: the window leaves the observed time",
)
def spikes_outside_the_observed_time(at: Project) -> None:
    at.nwb(obs=[[[0.0, 100.0]]] * 4)


@ODD.add(
    "a: read",
    "  warning: only 30 of 130 s are observed for every unit of source and target; least for unit 4, 30 s",
    "  warning: 401 of 520 spikes outside the observed time, not used",
    "  warning: 9 of 12 trials dropped: the window leaves the observed time",
)
def one_unit_lost_early(at: Project) -> None:
    at.nwb(obs=[[[0.0, 130.0]]] * 3 + [[[0.0, 30.0]]])


@ODD.add(
    "a: read",
    "  warning: no unit fires from 50 to 91 s, time that counts as observed: if the recording paused there, say "
    "so by data.observed, or the pause passes for silence",
)
def pause_of_the_recording(at: Project) -> None:
    at.nwb(spikes={unit: [s for s in t if not 50.0 < s < 90.0] for unit, t in spikes().items()})


@ODD.add(
    "a: read",
    "  warning: spikes from 0.69834 to 199999 s: a recording of 56 hours?",
    "  warning: 12 trials (decision_time 5 to 115) cover 110 of 199999 s of spikes: are both in seconds?",
)
def very_long_recording(at: Project) -> None:
    rng = np.random.default_rng(0)
    times = {unit: np.sort(rng.uniform(0, 2e5, 20_000)).tolist() for unit in IDS}
    at.nwb(spikes=times)


@ODD.add(
    "a: read", "  warning: spikes from 1700000000 to 1700000130 s: a clock that counts from a date, not the beginning?"
)
def clock_of_a_calendar(at: Project) -> None:
    table = {k: v if k == "choice" else [LATER_S + t for t in v] for k, v in trials().items()}
    at.nwb(spikes={unit: [LATER_S + s for s in t] for unit, t in spikes().items()}, trials=table)


@ODD.add("a: read", "  warning: 3 of 12 trials without decision_time (trials.align), dropped")
def align_partly_missing(at: Project) -> None:
    at.nwb(trials=trials(decision_time=[NAN, NAN, *trials()["decision_time"][2:11], float("inf")]))


@ODD.add("a: read", "  warning: 1 of 12 trials without choice (trials.label), dropped")
def label_partly_missing(at: Project) -> None:
    at.nwb(trials=trials(choice=["", "skip", *["stay", "skip"] * 5]))


@ODD.add("a: read", "  warning: 11 trials begin before an earlier one has ended")
def overlapping_trials(at: Project) -> None:
    at.nwb(trials=trials(stop_time=[t + 11.0 for t in trials()["start_time"]]))


@ODD.add(
    "a: read",
    "  warning: trial 11: start_time and stop_time are the same",
    "  warning: decision_time lies outside start_time to stop_time in 1 of 12 trials",
)
def trial_of_no_length(at: Project) -> None:
    table = trials()
    at.nwb(trials=table | {"start_time": [*table["start_time"][:11], table["stop_time"][11]]}, obs=[[[0.0, 130.0]]] * 4)


@ODD.add("a: read", "  warning: trial 11: no start_time or no stop_time")
def trial_without_an_end(at: Project) -> None:
    at.nwb(trials=trials(stop_time=[*trials()["stop_time"][:11], NAN]))


@ODD.add("a: read", "  warning: the trials are not in the order of time: were sessions joined? They are sorted")
def trials_out_of_order(at: Project) -> None:
    at.nwb(trials={k: [*v[6:], *v[:6]] for k, v in trials().items()})


@ODD.add(
    "a: read",
    "  warning: 1 of 12 trials dropped: the window leaves the observed time",
    "  warning: 10 of 11 windows begin before the last one ends: a window is 12 s long and trials follow each "
    "other after 10 s at the least, so neighbouring trials share spikes",
    trials={"window_s": [-12.0, 0.0]},
)
def window_longer_than_the_time_between_trials(at: Project) -> None:
    at.nwb()


@ODD.add(
    "a: read",
    "  warning: 1 of 12 trials dropped: the window leaves the observed time",
    trials={"window_s": [-6.0, 0.0]},
)
def window_before_the_recording(at: Project) -> None:
    at.nwb()


@ODD.add(
    "a: read",
    "  warning: 3 of 12 trials dropped: the window leaves the observed time",
    "  warning: 2 of 12 trials lie after the last spike (129.827 s), until 151 s; with -35.7871 to -21.173 s added to "
    "their times all trials would lie inside the spikes: was the recording shorter than the session, or are the trials "
    "on another clock? If so, set data.offset_s: {a: {trials: SECONDS}}, where SECONDS is what synchronises the trials "
    "with the spikes",
)
def some_trials_after_the_last_spike(at: Project) -> None:
    at.nwb(trials={k: v if k == "choice" else [t + 35.0 for t in v] for k, v in trials().items()})


@ODD.add("a: read", "  warning: all 12 trials have the choice 'stay'", "b: read")
def constant_label_in_one_recording(at: Project) -> None:
    at.nwb("a", trials=trials(choice=["stay"] * 12))
    at.nwb("b")


@ODD.add("a: read", "  warning: only one trial has the choice 'pause'")
def one_example_of_a_class(at: Project) -> None:
    at.nwb(trials=trials(choice=["stay", "skip"] * 5 + ["stay", "pause"]))


@ODD.add("a: read", "  warning: decision_time lies outside start_time to stop_time in 2 of 12 trials")
def decisions_outside_their_trials(at: Project) -> None:
    table = trials()
    at.nwb(trials=table | {"decision_time": [*table["decision_time"][:10], 109.0, 119.0]})


def with_behavior(times: list[float], values: list[float] | None = None) -> Any:
    def add(file: Any) -> None:
        from pynwb import TimeSeries

        data = values or [1.0] * len(times)
        file.create_processing_module("behavior", "").add(
            TimeSeries(name="speed", data=data, unit="m/s", timestamps=times)
        )

    return add


@ODD.add("a: read", "  warning: behaviour without a time: speed (2 samples)")
def behavior_without_times(at: Project) -> None:
    at.nwb(extra=with_behavior([0.0, NAN, 2.0, NAN]))


@ODD.add("a: read", "  warning: behaviour whose times fall: speed")
def behavior_that_steps_back(at: Project) -> None:
    at.nwb(extra=with_behavior([0.0, 2.0, 1.0, 3.0]))


@ODD.add(
    "a: read", "  warning: behaviour outside the time of the spikes: speed (1000 to 3000 s); is it on their clock?"
)
def behavior_in_milliseconds(at: Project) -> None:
    at.nwb(extra=with_behavior([1000.0, 2000.0, 3000.0]))


@ODD.add(
    "a: read",
    "  warning: behaviour of another length than the spikes (0.2129 to 129.827 s): speed (0 to 129000 s); is it in "
    "seconds?",
)
def behavior_in_milliseconds_from_the_start(at: Project) -> None:
    at.nwb(extra=with_behavior(np.arange(0.0, 1.3e5, 1e3).tolist()))


@ODD.add(
    "a: read",
    "  warning: behaviour of another length than the spikes (0.2129 to 129.827 s): speed (0 to 1.9 s); is it in "
    "seconds?",
)
def behavior_in_minutes(at: Project) -> None:
    at.nwb(extra=with_behavior((np.arange(0.0, 2.0, 0.1)).tolist()))


@ODD.add("a: read", "  warning: the median unit fires at 150 Hz: are these single units, and times in seconds?")
def crossings_of_a_threshold(at: Project) -> None:
    at.nwb(spikes=steady(150.0))


@ODD.add(
    "a: read",
    "  warning: units of source and target share spikes, to 0.5 ms and beyond chance, of the shorter train: 1 (HC) and "
    "3 (PFC): 69 %. Is it one unit, sorted twice? The target would be translated from itself; leave one unit of "
    "each pair out: data.exclude_units: {a: [3]}",
)
def two_thirds_of_a_unit_in_both_regions(at: Project) -> None:
    sound = spikes()
    at.nwb(spikes=sound | {3: sorted([*sound[1][:90], *sound[3][90:]])})


@ODD.add(
    "a: 299 windows",
    "  warning: the population rate of target changes 0.2 times from the first to the last third of the observed time: "
    "slow drift that both regions share passes for coupling; see the nulls, or limit the units by "
    "quality.max_rate_change",
    stage="preprocess",
)
def drift_of_a_population(at: Project) -> None:
    """The target falls silent over ten minutes, the source does not."""
    rng = np.random.default_rng(0)
    steady_ones = {unit: np.sort(rng.uniform(0.0, 600.0, 1200)).tolist() for unit in (1, 2)}
    fading = {unit: np.sort(600.0 * (1 - rng.uniform(0, 1, 1200) ** 0.5)).tolist() for unit in (3, 4)}
    at.nwb(spikes=steady_ones | fading)


@ODD.add(
    "a: read",
    "  warning: spikes.parquet: column time_s: float32 holds these times only to 2 ms; save them as float64 (double)",
)
def late_times_of_single_precision(at: Project) -> None:
    later = 20_000.0
    sound = pd.DataFrame([(unit, later + t) for unit, times in spikes().items() for t in times])
    table = {k: v if k == "choice" else [later + t for t in v] for k, v in trials().items()}
    folder = at.tables(spikes=None, trials=table, recording='{"observed": [[20000.0, 20130.0]]}')
    sound.set_axis(["unit", "time_s"], axis=1).astype({"time_s": np.float32}).to_parquet(folder / "spikes.parquet")


@ODD.add(
    "a: read", "  warning: spikes.csv: the last line does not end; unless it was typed so, was the file cut short?"
)
def table_that_stops_in_a_number(at: Project) -> None:
    """As a copy that broke off leaves it: 99.05 instead of 99.0531."""
    file = at.tables() / "spikes.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("\n", 9 * len(text) // 10) - 2], encoding="utf-8")


@ODD.add("a: read")
def labels_that_differ_in_rounding(at: Project) -> None:
    """One class of 0.3, not two of one trial each."""
    at.nwb(trials=trials(choice=[0.3, 0.7] * 5 + [0.1 + 0.2, 0.7]))


@ODD.add("a: read", "  warning: behaviour without any value: speed")
def behavior_without_values(at: Project) -> None:
    at.nwb(extra=with_behavior([0.0, 1.0], [NAN, NAN]))


@ODD.add("raw: not read, since no reader takes them: notes.docx, videos", "a: read")
def other_files_beside_the_recordings(at: Project) -> None:
    at.nwb()
    (at.raw / "notes.docx").write_bytes(b"PK")
    (at.raw / "videos").mkdir()


@ODD.add("a: read", "  warning: spikes.csv: decimal commas are read as decimal points")
def semicolons_and_commas(at: Project) -> None:
    """As a German spreadsheet saves it."""
    rows = [f"{unit};{time}" for unit, times in spikes().items() for time in times]
    at.tables(spikes="unit;time_s\n" + "\n".join(rows).replace(".", ",") + "\n")


@ODD.add("a: read")
def no_animal(at: Project) -> None:
    at.nwb(subject=None)


@pytest.mark.parametrize("case", ODD.cases, ids=str)
@pytest.mark.quick_cases(22)
def test_accepted(case: Case, project: Project) -> None:
    accepts(case, project)
