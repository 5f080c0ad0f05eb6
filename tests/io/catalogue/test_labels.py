"""Labels that are no decision."""

from __future__ import annotations

import pytest
from catalogue import Case, Catalogue, Project, refuses, trials

BAD = Catalogue()


@BAD.add(
    "ingest: a.nwb: trials.label: no column 'Choise' in table 'trials', did you mean choice? Columns: id, "
    "start_time, stop_time, decision_time, choice",
    trials={"label": "Choise"},
)
def misspelt_label(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: a.nwb: trials.label: column 'choice' holds no value: name another column, or fill it in")
def no_label_at_all(at: Project) -> None:
    at.nwb(trials=trials(choice=[""] * 12))


@BAD.add(
    "ingest: a.nwb: trials.label: column 'reaction_s' holds 24 different numbers: a quantity, not a decision. "
    "Expected 2 to 20 classes; columns that have as many: choice",
    trials={"label": "reaction_s"},
)
def label_is_a_quantity(at: Project) -> None:
    many = {k: [v for part in range(2) for v in values] for k, values in trials().items()}
    times = [1.0 + 5.0 * i for i in range(24)]
    many |= {"start_time": times, "decision_time": [t + 3.0 for t in times], "stop_time": [t + 4.0 for t in times]}
    at.nwb(trials=many | {"reaction_s": [0.25 + 0.01 * i for i in range(24)]})


@BAD.add(
    "ingest: a.nwb: trials.label: column 'note' holds 24 different values. Expected 2 to 20 classes; columns "
    "that have as many: none",
    trials={"label": "note"},
)
def label_is_free_text(at: Project) -> None:
    times = [1.0 + 5.0 * i for i in range(24)]
    stop = [t + 4.0 for t in times]
    at.nwb(
        trials={
            "start_time": times,
            "stop_time": stop,
            "decision_time": stop,
            "note": [f"trial {i}" for i in range(24)],
        }
    )


@BAD.add(
    "ingest: a.nwb:",
    "  - trials.label: values of column 'choice' differ in spelling alone and would be classes: 'Left' (2 "
    "trials), 'left' (2 trials), 'left ' (2 trials)",
    "  - trials.label: values of column 'choice' differ in spelling alone and would be classes: 'Right' (2 "
    "trials), 'right' (4 trials)",
)
def label_in_several_spellings(at: Project) -> None:
    at.nwb(trials=trials(choice=["Left", "right", "left ", "Right", "left", "right"] * 2))


@BAD.add(
    "ingest: a.nwb:",
    "  - trials.label: 'N/A' in column 'choice' (2 trials) reads like a missing value and would be a class; "
    "leave it empty, or add to trials.include: choice != 'N/A'",
    "  - trials.label: 'nan' in column 'choice' (2 trials) reads like a missing value and would be a class; "
    "leave it empty, or add to trials.include: choice != 'nan'",
)
def label_says_nan(at: Project) -> None:
    at.nwb(trials=trials(choice=["stay", "skip", "nan", "skip", "N/A", "stay"] * 2))


@BAD.add("ingest: a.nwb: trials.label: column 'choice' holds blanks in 3 trials: leave it empty")
def label_is_a_blank(at: Project) -> None:
    at.nwb(trials=trials(choice=["stay", "skip", " ", "skip"] * 3))


@BAD.add("preprocess: trials.label: expected 2 to 20 classes in column 'choice', got 1 (stay)", stage="preprocess")
def label_is_constant(at: Project) -> None:
    for name in ("a", "b"):
        at.nwb(name, trials=trials(choice=["stay"] * 12))


@BAD.add(
    "preprocess: trials.label: values of column 'choice' differ in spelling alone: 'Left' and 'left'; 'Right' "
    "and 'right'",
    stage="preprocess",
)
def label_spelt_differently_in_two_recordings(at: Project) -> None:
    at.nwb("a", trials=trials(choice=["Left", "Right"] * 6))
    at.nwb("b", trials=trials(choice=["left", "right"] * 6))


@BAD.add(
    "preprocess: trials.label: expected 2 to 20 classes in column 'site', got 24 (0, 1, 2, 3, 4 and 19 more)",
    stage="preprocess",
    trials={"label": "site"},
)
def label_is_a_quantity_over_recordings(at: Project) -> None:
    at.nwb("a", trials=trials(site=list(range(12))))
    at.nwb("b", trials=trials(site=list(range(12, 24))))


@BAD.add(
    "split: too few trials of the label skip (1): expected at least split.n_outer_folds = 3 over all recordings; "
    "leave such trials out by trials.include, or use fewer folds",
    stage="split",
)
def one_example_of_a_class(at: Project) -> None:
    at.nwb(trials=trials(choice=["stay"] * 5 + ["skip"] + ["stay"] * 6))


@BAD.add(
    "split: too few trials of the label skip (3): expected at least split.n_outer_folds = 4 over all recordings; "
    "leave such trials out by trials.include, or use fewer folds",
    stage="split",
    split={"n_outer_folds": 4, "gap_s": 0.0},
)
def fewer_examples_than_folds(at: Project) -> None:
    at.nwb(trials=trials(choice=["stay", "skip"] * 3 + ["stay"] * 6))


@BAD.add(
    "fold 0: all test trials of a have the label stay",
    "fold 1: all test trials of a have the label stay",
    "fold 2: no training trial of a has label skip",
    "split: fold 2: no training trial has label skip: all of them lie in its test block; try another "
    "split.n_outer_folds, or leave them out by trials.include",
    stage="split",
)
def a_class_in_one_test_block_alone(at: Project) -> None:
    """The animal changed its mind for good."""
    at.nwb(trials=trials(choice=["stay"] * 9 + ["skip"] * 3))


@pytest.mark.parametrize("case", BAD.cases, ids=str)
@pytest.mark.quick_cases(7)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)
