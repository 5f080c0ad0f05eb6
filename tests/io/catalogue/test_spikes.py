"""Spike times, units and observed time that cannot be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catalogue import Case, Catalogue, Project, refuses, spikes, steady, trials

BAD = Catalogue()


def scaled(factor: float, name: str = "a") -> dict[int, list[float]]:
    return times_of(spikes(name), factor)


def times_of(units: dict[int, list[float]], factor: float) -> dict[int, list[float]]:
    return {unit: (factor * np.array(t)).tolist() for unit, t in units.items()}


@BAD.add(
    "ingest: a.nwb: 1 spike time NaN or infinite, in unit 2 (the first is spike 1 of unit 2, counted from 0: "
    "nan): remove what is no spike, or leave such units out: data.exclude_units: {a: [2]}"
)
def nan_spike_time(at: Project) -> None:
    at.nwb(spikes=spikes() | {2: [0.5, float("nan"), 3.0]})


@BAD.add(
    "ingest: a.nwb: 2 spike times NaN or infinite, in units 2, 3 (the first is spike 2 of unit 2, counted from "
    "0: inf): remove what is no spike, or leave such units out: data.exclude_units: {a: [2, 3]}"
)
def infinite_spike_time(at: Project) -> None:
    at.nwb(spikes=spikes() | {2: [0.5, 3.0, float("inf")], 3: [-float("inf"), 3.0]})


@BAD.add(
    "ingest: a.nwb: 2 spike times below zero, in unit 4 (the first is spike 0 of unit 4, counted from 0: -20.5): "
    "set data.offset_s: {a: 21}, which adds seconds to all times of the recording, those of trials and behaviour too, "
    "so that no spike is negative"
)
def negative_spike_times(at: Project) -> None:
    """Spikes before the start of the task."""
    at.nwb(spikes=spikes() | {4: [-20.5, -3.25, 1.0, 60.0]})


@BAD.add(
    "ingest: a.nwb: spike times must rise within a unit; they fall in unit 1 (in unit 1 from 5 to 2.5 s): sort "
    "them, or, where sessions were joined, add to each the length of those before; or leave such units out: "
    "data.exclude_units: {a: [1]}"
)
def unsorted_spike_times(at: Project) -> None:
    at.nwb(spikes=spikes() | {1: [5.0, 2.5, 9.0]})


@BAD.add(
    "ingest: a.nwb: spike times must rise within a unit; they fall in units 1, 2, 3, 4 (in unit 1 from 128.101 "
    "to 0.2129 s): sort them, or, where sessions were joined, add to each the length of those before; or leave such "
    "units out: data.exclude_units: {a: [1, 2, 3, 4]}"
)
def sessions_joined_without_an_offset(at: Project) -> None:
    at.nwb(spikes={unit: [*t, *t] for unit, t in spikes().items()})


@BAD.add(
    "ingest: a.nwb: 520 of 1040 spikes of units 1, 2, 3, 4 have the time of the spike before; expected each spike "
    "once, to a millisecond or better. Where spikes were counted twice (a file joined twice, units merged that share "
    "spikes), set data.duplicates: merge; where times were rounded, data.duplicates: keep; or leave such units out: "
    "data.exclude_units: {a: [1, 2, 3, 4]}"
)
def every_spike_twice(at: Project) -> None:
    """The file was appended to itself and sorted."""
    at.nwb(spikes={unit: sorted([*t, *t]) for unit, t in spikes().items()})


@BAD.add(
    "ingest: a.nwb: 110 of 390 spikes of units 1, 2, 3 have the time of the spike before; expected each spike "
    "once, to a millisecond or better. Where spikes were counted twice (a file joined twice, units merged that share "
    "spikes), set data.duplicates: merge; where times were rounded, data.duplicates: keep; or leave such units out: "
    "data.exclude_units: {a: [1, 2, 3]}"
)
def times_rounded_to_tenths(at: Project) -> None:
    at.nwb(spikes={unit: np.round(t, 0).tolist() for unit, t in scaled(1.3, "a").items()} | {4: [0.5, 1.5, 9.25]})


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: the median unit would fire at 0.001 Hz, and of 516 intervals "
    "between spikes of a unit the shortest would be 2.43 s; divide milliseconds by 1000"
)
def times_in_milliseconds(at: Project) -> None:
    at.nwb(
        spikes=scaled(1e3),
        trials={k: v if k == "choice" else (1e3 * np.array(v)).tolist() for k, v in trials().items()},
    )


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: the median unit would fire at 0.001 Hz, and of 516 intervals "
    "between spikes of a unit the shortest would be 2.43 s; divide milliseconds by 1000"
)
def spikes_in_milliseconds_trials_in_seconds(at: Project) -> None:
    at.nwb(spikes=scaled(1e3))


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: all 520 are whole numbers (up to 3894811); divide samples by "
    "the sampling rate in Hz, milliseconds by 1000"
)
def times_in_samples(at: Project) -> None:
    at.nwb(spikes={unit: np.rint(30_000 * np.array(t)).tolist() for unit, t in spikes().items()})


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: they reach from 212900 to 1.29827e+08, 1500 days of seconds; "
    "divide milliseconds by 1000, microseconds by 1000000, samples by the sampling rate in Hz"
)
def times_in_microseconds(at: Project) -> None:
    """As Neuralynx writes them."""
    at.nwb(spikes=scaled(1e6))


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: the median unit would fire at 3611 Hz; multiply minutes by "
    "60, hours by 3600, or correct what data.options says about times"
)
def times_in_hours(at: Project) -> None:
    at.nwb(spikes=scaled(1 / 3600))


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: of 15498 intervals between spikes of a unit 0 are below 0.1 s, "
    "where the rates make 46 expected: no neuron rests so long; divide milliseconds by 1000, microseconds that were "
    "taken for steps of 0.1 ms by 100, or correct what data.options says about times",
)
def fast_units_in_milliseconds(at: Project) -> None:
    at.nwb(spikes=times_of(steady(30.0), 1e3))


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: of 7326 intervals between spikes of a unit 0 are below 0.1 s, "
    "where the rates make 103 expected: no neuron rests so long; divide milliseconds by 1000, microseconds that were "
    "taken for steps of 0.1 ms by 100, or correct what data.options says about times",
)
def times_a_hundredfold(at: Project) -> None:
    """Microseconds taken for the ticks of 0.1 ms of MClust."""
    at.nwb(spikes=times_of(steady(14.0), 100))


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: the median unit would fire at 314 Hz; multiply minutes by "
    "60, hours by 3600, or correct what data.options says about times",
)
def times_in_minutes(at: Project) -> None:
    at.nwb(spikes=times_of(steady(5.0), 1 / 60))


@BAD.add(
    "ingest: a.nwb: spike times are not in seconds: in the median unit 76 % of the intervals between "
    "spikes are below 1 ms: no neuron fires again so soon; multiply minutes by 60, hours by 3600, or correct what "
    "data.options says about times",
)
def bursts_in_minutes(at: Project) -> None:
    """Of slow units, whose rates in minutes would be nothing odd."""
    bursts = {unit: np.add.outer(t[::4], [0.0, 0.005, 0.011, 0.019]).ravel() for unit, t in spikes().items()}
    at.nwb(spikes={unit: (np.sort(t) / 60).tolist() for unit, t in bursts.items()})


@BAD.add("ingest: a.nwb: expected spikes, found none: correct the file")
def no_spikes_at_all(at: Project) -> None:
    at.nwb(spikes={unit: [] for unit in spikes()})


@BAD.add(
    "ingest: a.nwb: unit ids must be unique; found more than once: 1 (2 rows), 2 (2 rows). Ids that begin "
    "anew on every probe or tetrode are the usual cause: correct the file so that no two units have one id, for "
    "example by ids of 1000 x probe + unit"
)
def duplicate_unit_ids(at: Project) -> None:
    """Tetrodes that each count from 1."""
    import h5py

    with h5py.File(at.nwb(), "r+") as handle:
        handle["units/id"][...] = [1, 2, 1, 2]


@BAD.add(
    "ingest: a.nwb: each unit has the number of spikes that column 'n_spikes' gives for the unit after it "
    "(unit 1: 40 found, "
    "20 said): the file gives trains to the wrong units; correct it"
)
def trains_of_the_next_unit(at: Project) -> None:
    """The table was sorted, the spikes were not."""
    more = {unit: times[: 20 * (unit + 1)] for unit, times in spikes().items()}
    at.nwb(spikes=more, columns={"region": ["HC", "HC", "PFC", "PFC"], "n_spikes": [20, 40, 60, 80]})


@BAD.add(
    "ingest: a.nwb: data.exclude_units: no unit 44, did you mean 4? in this recording; units here: 1, 2, 3, "
    "4. To leave "
    "out units of some recordings alone, write data.exclude_units: {a: [...]}",
    data={"exclude_units": [44]},
)
def excluded_unit_that_is_not_there(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: all observed time (129.614 s) is called invalid by the table invalid_times: to use it, name other "
    "times in data.observed (trials, say)"
)
def no_observed_time(at: Project) -> None:
    """The file calls all of it invalid."""
    at.nwb(extra=lambda file: file.add_invalid_time_interval(start_time=0.0, stop_time=200.0))


@BAD.add(
    "ingest: a.nwb: units of source and target hold the same spikes: 1 (HC) and 3 (PFC). The target would be "
    "translated from itself; leave one unit of each pair out: data.exclude_units: {a: [3]}"
)
def one_unit_in_both_regions(at: Project) -> None:
    """Sorted twice, once with each probe."""
    sound = spikes()
    at.nwb(spikes=sound | {3: sound[1]})


SHARED = (
    "ingest: a.nwb: units of source and target share spikes, to 0.5 ms and beyond chance, of the shorter train: 1 (HC) "
    "and 3 (PFC): 100 %. Is it one unit, sorted twice? The target would be translated from itself; leave one unit of "
    "each pair out: data.exclude_units: {a: [3]}"
)


@BAD.add(SHARED)
def one_unit_in_both_regions_a_sample_apart(at: Project) -> None:
    sound = spikes()
    at.nwb(spikes=sound | {3: [t + 1 / 30_000 for t in sound[1]]})


@BAD.add(SHARED)
def one_unit_in_both_regions_three_spikes_fewer(at: Project) -> None:
    sound = spikes()
    at.nwb(spikes=sound | {3: sound[1][:-3]})


@BAD.add(
    "ingest: a.nwb: the units of source and target were never observed at the same time: 2 units "
    "(1, 2): 0 to 60 s; 2 units (3, 4): 70 to 130 s. Leave units out by data.exclude_units, or name other "
    "times in data.observed"
)
def units_observed_at_different_times(at: Project) -> None:
    at.nwb(obs=[[[0.0, 60.0]], [[0.0, 60.0]], [[70.0, 130.0]], [[70.0, 130.0]]])


@BAD.add(
    "ingest: a.nwb: observed time of 4 units (1, 2, 3, 4): expected intervals that end after they start, found "
    "130 to 70 s: correct them, or name other times in data.observed"
)
def reversed_observation(at: Project) -> None:
    at.nwb(obs=[[[0.0, 60.0], [130.0, 70.0]]] * 4)


@BAD.add(
    "ingest: a.nwb:",
    "  - no spike (0.2129 to 129.827 s) lies in the observed time (5000 to 5130 s, data.observed = 'auto'): are "
    "both in seconds on one clock?",
    "  - no window of 12 trials (3 to 115 s) lies all in the observed time (5000 to 5130 s): shorten "
    "trials.window_s, or say by data.observed when spikes were recorded",
)
def observation_on_another_clock(at: Project) -> None:
    at.nwb(obs=[[[5000.0, 5130.0]]] * 4)


@BAD.add("ingest: a.nwb: data.observed = 'epochs' is no interval table. Tables: trials", data={"observed": "epochs"})
def observed_names_no_table(at: Project) -> None:
    at.nwb()


def with_epochs(start: float, stop: float) -> Any:
    def add(file: Any) -> None:
        file.add_epoch(start_time=start, stop_time=stop)

    return add


@BAD.add(
    "ingest: a.nwb: table 'epochs': expected intervals that end after they start, found 130 to 0 s: correct "
    "them, or name other times in data.observed",
    data={"observed": "epochs"},
)
def reversed_epoch(at: Project) -> None:
    at.nwb(extra=with_epochs(130.0, 0.0))


@BAD.add(
    "ingest: a.nwb: table 'epochs': expected intervals that end after they start, found 0 to nan s: correct "
    "them, or name other times in data.observed",
    data={"observed": "epochs"},
)
def epoch_without_an_end(at: Project) -> None:
    at.nwb(extra=with_epochs(0.0, float("nan")))


@BAD.add(
    "preprocess: a: none of the 2 units in source ['HC'] is kept; a unit may fail more than once: 2 rate below "
    "50 Hz (data.min_rate_hz); the highest rate is 1 Hz. Change a limit, or set it to null",
    stage="preprocess",
    data={"min_rate_hz": 50.0},
)
def no_unit_is_fast_enough(at: Project) -> None:
    at.nwb()


@pytest.mark.parametrize("case", BAD.cases, ids=str)
@pytest.mark.quick_cases(16)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)
