"""Trial tables and windows that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import Case, Catalogue, Project, refuses, trials

BAD = Catalogue()
NAN = float("nan")


def shifted(by: float, factor: float = 1.0) -> dict[str, list[float]]:
    return {k: v if k == "choice" else (factor * np.array(v) + by).tolist() for k, v in trials().items()}


@BAD.add(
    "ingest: a.nwb: trials.table = 'trails' is no interval table, did you mean trials? Tables: trials",
    trials={"table": "trails"},
)
def misspelt_table(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: trials.table = 'trials': no interval table is here (rows with start_time and stop_time); "
    "expected one"
)
def no_trial_table(at: Project) -> None:
    at.nwb(trials=None)


@BAD.add(
    "ingest: a.nwb: trials.table = 'trials': no interval table is here (rows with start_time and stop_time); "
    "expected one",
    data={"observed": "trials"},
)
def no_trial_table_to_observe(at: Project) -> None:
    at.nwb(trials=None)


@BAD.add(
    "ingest: a.nwb: trials.align: no column 'decision_tme' in table 'trials', did you mean decision_time? "
    "Columns: id, start_time, stop_time, decision_time, choice",
    trials={"align": "decision_tme"},
)
def misspelt_align(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: trials.decision: no column 'choice_time' in table 'trials', did you mean choice? Columns: "
    "id, start_time, stop_time, decision_time, choice",
    trials={"decision": "choice_time"},
)
def missing_decision(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: a.nwb: trials.align: column 'decision_time' holds no value: name another column, or fill it in")
def align_without_any_value(at: Project) -> None:
    at.nwb(trials=trials(decision_time=[NAN] * 12))


@BAD.add(
    "ingest: a.nwb: trials.align: expected times in seconds in column 'decision_time', found text, such as "
    "'5.0 s': write seconds, or name another column"
)
def align_is_text(at: Project) -> None:
    at.nwb(trials=trials(decision_time=[f"{t} s" for t in trials()["decision_time"]]))


@BAD.add(
    "ingest: a.nwb: trials.align: expected times in seconds in column 'decision_time', found text, "
    "such as '5,00': write seconds, or name another column"
)
def align_is_text_with_commas(at: Project) -> None:
    """A table saved by a spreadsheet that writes 5,25."""
    at.nwb(trials=trials(decision_time=[f"{t:.2f}".replace(".", ",") for t in trials()["decision_time"]]))


@BAD.add(
    "ingest: a.nwb: trials.align: expected times in seconds in column 'decision_time', found true and "
    "false: write seconds, or name another column"
)
def align_is_yes_or_no(at: Project) -> None:
    at.nwb(trials=trials(decision_time=[True, False] * 6))


@BAD.add(
    "ingest: a.nwb: decision_time (4 to 4.55) seems to be counted from the start of each trial; expected seconds "
    "on the clock of the spikes, as start_time (1 to 111 s): add start_time to it"
)
def align_counted_from_the_start_of_the_trial(at: Project) -> None:
    at.nwb(trials=trials(decision_time=[4.0 + 0.05 * i for i in range(12)]))


@BAD.add(
    "ingest: a.nwb: stop_time before start_time in trials 3, 4, counted from 0 (in trial 3: 31 to 20 s): correct "
    "them, or leave them out by trials.include: stop_time >= start_time"
)
def reversed_trials(at: Project) -> None:
    table = trials()
    at.nwb(trials=table | {"stop_time": [*table["stop_time"][:3], 20.0, 30.0, *table["stop_time"][5:]]})


@BAD.add(
    "ingest: a.nwb: trials with the same decision_time, counted from 0: 0 and 12 (5 s), 1 and 13 (15 s), 2 and "
    "14 (25 s), 3 and 15 (35 s), 4 and 16 (45 s) and 7 more. Each trial must be there once, or it would count "
    "twice; leave the others out by trials.include"
)
def trial_table_joined_twice(at: Project) -> None:
    at.nwb(trials={k: [*v, *v] for k, v in trials().items()})


@BAD.add(
    "ingest: a.nwb: every trial (decision_time 5000 to 115000) lies outside the spikes (0.2129 to 129.827 s): "
    "are both in seconds on one clock?"
)
def trials_in_milliseconds(at: Project) -> None:
    at.nwb(trials=shifted(0.0, 1000.0))


@BAD.add(
    "ingest: a.nwb: every trial (decision_time 86405 to 86515) lies outside the spikes (0.2129 to 129.827 s): "
    "are both in seconds on one clock? If not, they would all lie inside with -86400.8 to -86386.2 s added to their "
    "times: set data.offset_s: {a: {trials: SECONDS}}, where SECONDS is what synchronises the trials with the spikes"
)
def trials_on_another_clock(at: Project) -> None:
    """Counted by the computer of the task since its start."""
    at.nwb(trials=shifted(86400.0))


@BAD.add(
    "ingest: a.nwb: 7 of 12 trials (decision_time 140 to 200) lie outside the spikes (0.2129 to 129.827 s): are "
    "both in seconds on one clock? If so, leave these trials out by trials.include; if not, they would all lie inside "
    "with -85.7871 to -71.173 s added to their times: set data.offset_s: {a: {trials: SECONDS}}, where SECONDS is "
    "what synchronises the trials with the spikes"
)
def most_trials_after_the_last_spike(at: Project) -> None:
    at.nwb(trials=shifted(85.0))


@BAD.add(
    "ingest: a.nwb: no window of 12 trials (3 to 115 s) lies all in the observed time (0 to 122.5 s): "
    "shorten trials.window_s, or say by data.observed when spikes were recorded"
)
def no_window_in_the_observed_time(at: Project) -> None:
    at.nwb(obs=[[[float(t), t + 2.5] for t in range(0, 130, 10)]] * 4)


@BAD.add(
    "ingest: a.nwb: trials.window_s = [-2000.0, 0.0] is 2000 s long, but the longest stretch of observed time is "
    "129.614 s: expected seconds, and a window that fits",
    trials={"window_s": [-2000.0, 0.0]},
    bins={"width_s": 50.0},
)
def window_in_milliseconds(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: bins must lie before the decision, but the window ends after decision_time in 12 of 12 "
    "trials, by 0.5 s in trial 0: let trials.window_s end earlier, or leave these trials out by trials.include",
    trials={"window_s": [-2.0, 0.5]},
)
def window_after_the_decision(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: bins must lie before the decision, but the window ends after decision_time in 7 of 12 "
    "trials, by 1.7 s in trial 0: let trials.window_s end earlier, or leave these trials out by trials.include",
    trials={"align": "start_time", "decision": "decision_time", "window_s": [0.0, 2.0]},
)
def window_after_some_decisions(at: Project) -> None:
    at.nwb(trials=trials(decision_time=[t + 0.3 + 0.25 * i for i, t in enumerate(trials()["start_time"])]))


@BAD.add(
    "ingest: a.nwb: trials.include = \"choise == 'stay'\": cannot be evaluated over the trials of a (choise is "
    "no column, did you mean choice?); columns: id, start_time, stop_time, decision_time, choice",
    trials={"include": "choise == 'stay'"},
)
def include_names_no_column(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: trials.include = 'choice == stay': cannot be evaluated over the trials of a (stay is no "
    "column; text goes in quotes: 'stay'); columns: id, start_time, stop_time, decision_time, choice",
    trials={"include": "choice == stay"},
)
def include_without_quotes(at: Project) -> None:
    at.nwb()


@BAD.add(
    'ingest: a.nwb: trials.include = "choice = \'stay\'": expected true or false for each trial, such as "id > '
    '0"; write == to compare',
    trials={"include": "choice = 'stay'"},
)
def include_with_one_equals_sign(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: trials.include = 'choice': expected true or false for each trial, such as \"id > 0\"",
    trials={"include": "choice"},
)
def include_that_is_no_question(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: trials.include = \"choice == 'left'\" takes none of the 12 trials: change it",
    trials={"include": "choice == 'left'"},
)
def include_that_takes_nothing(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: expected trials in table 'laps', found none: name another table in trials.table",
    trials={"table": "laps"},
)
def empty_table(at: Project) -> None:
    import h5py

    with h5py.File(at.nwb(), "r+") as handle:
        handle.copy("intervals/trials", "intervals/laps")
        for name, column in list(handle["intervals/laps"].items()):
            attributes, kind = dict(column.attrs), column.dtype
            del handle[f"intervals/laps/{name}"]
            handle.create_dataset(f"intervals/laps/{name}", shape=(0,), dtype=kind).attrs.update(attributes)


@BAD.add(
    "ingest: a.nwb:",
    "  - trial times are not in seconds: 12 trials (decision_time 0.0833333 to 1.91667) cover 1.83 of 129.614 s of "
    "spikes and follow each other after 0.17 s; multiply minutes by 60",
    "  - no window of 12 trials (-1.91667 to 1.91667 s) lies all in the observed time (0.2129 to 129.827 "
    "s): shorten trials.window_s, or say by data.observed when spikes were recorded",
)
def trials_in_minutes(at: Project) -> None:
    """The spikes are in seconds."""
    at.nwb(trials=shifted(0.0, 1 / 60))


@BAD.add(
    "ingest: a.nwb: trial times are not in seconds: 12 trials (decision_time 0.0833333 to 1.91667) cover 1.83 of "
    "129.614 s of spikes and follow each other after 0.17 s; multiply minutes by 60",
    trials={"window_s": [-0.1, 0.0]},
    bins={"width_s": 0.02},
)
def trials_in_minutes_and_a_window_that_fits_them(at: Project) -> None:
    at.nwb(trials=shifted(0.0, 1 / 60), obs=[[[0.0, 130.0]]] * 4)


@BAD.add(
    "preprocess: bins.width_s: a window of 2 s is no whole number of bins of 0.3 s; nearest widths that fit: "
    "0.285714 and 0.333333",
    stage="preprocess",
    bins={"width_s": 0.3},
)
def bins_that_do_not_fill_the_window(at: Project) -> None:
    at.nwb()


@pytest.mark.parametrize("case", BAD.cases, ids=str)
@pytest.mark.quick_cases(14)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)
