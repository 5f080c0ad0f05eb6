"""Labels and names that must not go through."""

from __future__ import annotations

import pytest
from catalogue import Case, Catalogue, Project, refuses, trials

BAD = Catalogue()
FLAGS = {"hit": [1, 0] * 6, "miss": [0, 1] * 6}


@BAD.add(
    "ingest: a.nwb: trials.label.b = 'mis': cannot be evaluated over the trials of a (mis is no column, did you mean "
    "miss?); columns: id, start_time, stop_time, decision_time, choice, hit, miss",
    trials={"label": {"a": "hit", "b": "mis"}},
)
def a_class_of_no_column(at: Project) -> None:
    at.nwb(trials=trials(**FLAGS))


@BAD.add(
    "ingest: a.nwb: trials.label: 6 trials of a in more than one class (counted from 0: 0, 2, 4, 6, 8, 10; trial 0 is "
    "a and b): each trial must have one class at most; change the expressions, or leave these trials out by "
    "trials.include",
    trials={"label": {"a": "hit", "b": "hit or miss"}},
)
def trials_of_two_classes(at: Project) -> None:
    at.nwb(trials=trials(**FLAGS))


@BAD.add(
    "ingest: a.nwb: trials.label: the classes a: hit > 1, b: miss > 1: no trial has a class; change the label, or what "
    "trials.include takes",
    trials={"label": {"a": "hit > 1", "b": "miss > 1"}},
)
def a_label_that_no_trial_has(at: Project) -> None:
    at.nwb(trials=trials(**FLAGS))


@BAD.add(
    "ingest: a.nwb: trials.covariates must not hold miss: trials.label is made of it",
    trials={"label": {"a": "hit", "b": "miss"}, "covariates": ["miss"]},
)
def a_covariate_that_tells_the_label(at: Project) -> None:
    at.nwb(trials=trials(**FLAGS))


@BAD.add(
    "ingest: a.nwb: trials.include = \"(choice.to_csv('stolen.py') == choice) | (id > 0)\": cannot be evaluated over "
    "the trials of a (choice.to_csv: a dot after a name is not allowed; a column whose name holds a dot goes in "
    "backticks); columns: id, start_time, stop_time, decision_time, choice",
    trials={"include": "(choice.to_csv('stolen.py') == choice) | (id > 0)"},
)
def include_that_writes_a_file(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: trials.label: a class holds characters that cannot be seen or that turn the text: "
    "'le\\u202eft' (character 3 is U+202E (right-to-left override)); rename it",
)
def a_label_that_turns_the_text(at: Project) -> None:
    at.nwb(trials=trials(choice=["le\u202eft", "right"] * 6))


@pytest.mark.parametrize("case", BAD.cases, ids=str)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)
    assert not list(project.root.rglob("stolen.py"))
