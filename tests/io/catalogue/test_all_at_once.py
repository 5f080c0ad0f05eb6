"""Everything wrong is told at once: in one file, in several, and by every door."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from catalogue import Case, Catalogue, Project, refusal, refuses, spikes, trials, write_params

ROOT = Path(__file__).parents[3]
NAN = float("nan")
BAD = Catalogue()


@BAD.add(
    "ingest: a.nwb:",
    "  - unit ids must be unique; found more than once: 4 (2 rows). Ids that begin anew on every probe or "
    "tetrode are the usual cause: correct the file so that no two units have one id, for example by ids of 1000 x "
    "probe + unit",
    "  - regions 'HC' (2 units) and 'hc' (1 unit) differ in spelling alone: name both in data.source, or correct "
    "the file",
    "  - no unit in a region of data.target = 'mPFC', did you mean PFC?; regions here: 'HC' (2 units), 'PFC' (2 "
    "units), 'hc' (1 unit)",
    "  - 1 spike time NaN or infinite, in unit 1 (the first is spike 2 of unit 1, counted from 0: nan): remove "
    "what is no spike, or leave such units out: data.exclude_units: {a: [1]}",
    "  - 1 spike time below zero, in unit 1 (the first is spike 0 of unit 1, counted from 0: -1): set "
    "data.offset_s: {a: 1}, which adds seconds to all times of the recording, those of trials and behaviour too, so "
    "that no spike is negative",
    "  - spike times must rise within a unit; they fall in unit 1 (in unit 1 from 3 to 2 s): sort them, or, "
    "where sessions were joined, add to each the length of those before; or leave such units out: data.exclude_units: "
    "{a: [1]}",
    "  - 19 of 21 spikes of unit 3 have the time of the spike before; expected each spike once, to a millisecond "
    "or better. Where spikes were counted twice (a file joined twice, units merged that share spikes), set "
    "data.duplicates: merge; where times were rounded, data.duplicates: keep; or leave such units out: "
    "data.exclude_units: {a: [3]}",
    "  - trials.align: no column 'decision' in table 'trials', did you mean decision_time? Columns: id, "
    "start_time, stop_time, decision_time, choice, go_time",
    "  - trials.decision: expected times in seconds in column 'go_time', found text, such as 'now': write "
    "seconds, or name another column",
    "  - trials.include = 'rewarded': cannot be evaluated over the trials of a (rewarded is no column); columns: "
    "id, start_time, stop_time, decision_time, choice, go_time",
    "  - stop_time before start_time in trials 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1 more, counted from 0 (in "
    "trial 1: 11 to 10 s): correct them, or leave them out by trials.include: stop_time >= start_time",
    "  - trials.label: 'N/A' in column 'choice' (6 trials) reads like a missing value and would be a class; "
    "leave it empty, or add to trials.include: choice != 'N/A'",
    trials={"align": "decision", "decision": "go_time", "include": "rewarded"},
    data={"target": ["mPFC"]},
)
def a_dozen_mistakes_in_one_file(at: Project) -> None:
    import h5py

    bad = spikes() | {1: [-1.0, 3.0, NAN, 2.0], 3: [1.5] * 20 + [2.5], 5: [0.25]}
    table = trials(stop_time=[7.0, 10.0] * 6, go_time=["now"] * 12, choice=["", "N/A"] * 6)
    path = at.nwb(spikes=bad, trials=table, columns={"region": ["HC", "hc", "PFC", "PFC", "HC"]})
    with h5py.File(path, "r+") as handle:
        handle["units/id"][...] = [1, 2, 3, 4, 4]


@BAD.add(
    "b: read",
    "ingest: a.nwb:",
    "  - 1 spike time NaN or infinite, in unit 1 (the first is spike 0 of unit 1, counted from 0: nan): remove "
    "what is no spike, or leave such units out: data.exclude_units: {a: [1]}",
    "  - spike times must rise within a unit; they fall in unit 1 (in unit 1 from 3 to 2 s): sort them, or, "
    "where sessions were joined, add to each the length of those before; or leave such units out: data.exclude_units: "
    "{a: [1]}",
    "c.nwb:",
    "  - no unit in a region of data.source = 'HC'; regions here: 'CA1' (4 units)",
    "  - no unit in a region of data.target = 'PFC'; regions here: 'CA1' (4 units)",
    "  - trials.label: column 'choice' holds no value: name another column, or fill it in",
    "raw/d.nwb: is empty (0 bytes): copy or download it again",
    "raw/e: expected a table units.csv, .tsv or .parquet with columns unit and region, found none",
)
def mistakes_in_several_files(at: Project) -> None:
    at.nwb("a", spikes=spikes() | {1: [NAN, 3.0, 2.0]})
    at.nwb("b")
    at.nwb("c", trials=trials(choice=[""] * 12), columns={"region": ["CA1"] * 4})
    (at.raw / "d.nwb").touch()
    at.tables("e", units=None, trials=None)


@pytest.mark.parametrize("case", BAD.cases, ids=str)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD.cases, ids=str)
def test_the_script_itself_says_the_same(case: Case, project: Project) -> None:
    """As DVC runs it, with as many processes as there are cores."""
    project.raw.mkdir()
    case.make(project)
    write_params(project, case.params | {"compute": {"workers": "auto"}})
    done = subprocess.run(
        [sys.executable, str(ROOT / "pipelines" / "ingest.py")],
        cwd=project.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert sorted(refusal(done.stderr).splitlines()) == sorted(
        case.message.splitlines()
    )  # who is read first is a matter of chance
    assert done.stdout == ""
    assert not [p for p in (project.root / "data").rglob("*") if p.is_file()]
