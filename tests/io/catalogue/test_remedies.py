"""No refusal without a remedy: a setting that works when it is applied as it stands, or a word on what to correct.

`REMEDIES` holds, for every case that settings answer, these settings; the message must name each of them. Every other
case is answered by correcting the input, and its message must say what is expected there, or what to do.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from catalogue import Case, Project, answer, settings

HERE, IO = Path(__file__).parent, Path(__file__).parents[3] / "src" / "spikebridge" / "io"
Settings = dict[str, dict[str, Any]]

REMEDIES: dict[str, Settings] = {
    # files
    "reader_of_another_format": {"data": {"reader": "nwb"}},
    "unknown_reader": {"data": {"reader": "nwb"}},
    "option_that_the_reader_does_not_know": {"data": {"options": {}}},
    # labels
    "misspelt_label": {"trials": {"label": "choice"}},
    "label_is_a_quantity": {"trials": {"label": "choice"}},
    "label_says_nan": {"trials": {"include": "choice != 'nan' and choice != 'N/A'"}},
    "fewer_examples_than_folds": {"split": {"n_outer_folds": 3}},
    "label_is_a_quantity_over_recordings": {"trials": {"label": "choice"}},
    # params.yaml
    "number_with_a_unit": {"bins": {"width_s": 0.05}},
    "bin_wider_than_the_window": {"bins": {"width_s": 0.05}},
    "bin_of_no_width": {"bins": {"width_s": 0.05}},
    "window_from_late_to_early": {"trials": {"window_s": [-2.0, 0.0]}},
    "window_with_one_end": {"trials": {"window_s": [-2.0, 0.0]}},
    "one_fold": {"split": {"n_outer_folds": 2}},
    # regions
    "misspelt_region": {"data": {"source": ["HC"]}},
    "region_in_another_case": {"data": {"source": ["HC"], "target": ["PFC"]}},
    "no_asked_region": {"data": {"source": ["V1"], "target": ["LGN"]}},
    "one_region_in_two_spellings": {"data": {"source": ["HC", "hc "]}},
    "one_of_several_regions_misspelt": {"data": {"source": ["CA1", "CA3", "CA-3"]}},
    "misspelt_region_column": {"data": {"region_from": "region"}},
    "no_electrodes": {"data": {"region_from": "region"}},
    "electrodes_without_that_column": {"data": {"region_from": "electrodes.location"}},
    "no_target": {"data": {"target": ["PFC"]}},
    "region_instead_of_a_list": {"data": {"source": ["HC"]}},
    # spikes
    "nan_spike_time": {"data": {"exclude_units": {"a": [2]}}},
    "infinite_spike_time": {"data": {"exclude_units": {"a": [2, 3]}}},
    "unsorted_spike_times": {"data": {"exclude_units": {"a": [1]}}},
    "every_spike_twice": {"data": {"duplicates": "merge"}},
    "times_rounded_to_tenths": {"data": {"duplicates": "keep"}},
    "one_unit_in_both_regions": {"data": {"exclude_units": {"a": [3]}}},
    "one_unit_in_both_regions_a_sample_apart": {"data": {"exclude_units": {"a": [3]}}},
    "one_unit_in_both_regions_three_spikes_fewer": {"data": {"exclude_units": {"a": [3]}}},
    "units_observed_at_different_times": {"data": {"observed": "trials"}},
    "reversed_observation": {"data": {"observed": "trials"}},
    "observation_on_another_clock": {"data": {"observed": "trials"}},
    "observed_names_no_table": {"data": {"observed": "trials"}},
    "reversed_epoch": {"data": {"observed": "trials"}},
    "epoch_without_an_end": {"data": {"observed": "trials"}},
    "no_unit_is_fast_enough": {"data": {"min_rate_hz": 0.5}},
    "no_unit_is_in_all_epochs": {"data": {"observed": "trials"}},
    "no_observed_time": {"data": {"observed": "trials"}},
    "excluded_unit_that_is_not_there": {"data": {"exclude_units": []}},
    # tables
    "unknown_unit_of_time": {"data": {"options": {"time_unit": "s"}}},
    "seconds_said_to_be_milliseconds": {"data": {"options": {"time_unit": "s"}, "duplicates": "keep"}},
    # trials
    "misspelt_table": {"trials": {"table": "trials"}},
    "misspelt_align": {"trials": {"align": "decision_time"}},
    "missing_decision": {"trials": {"decision": "decision_time"}},
    "reversed_trials": {"trials": {"include": "stop_time >= start_time"}},
    "trial_table_joined_twice": {"trials": {"include": "id < 12"}},
    "most_trials_after_the_last_spike": {"trials": {"include": "decision_time < 130"}},
    "no_window_in_the_observed_time": {"data": {"observed": "trials"}},
    "window_in_milliseconds": {"trials": {"window_s": [-2.0, 0.0]}, "bins": {"width_s": 0.05}},
    "window_after_the_decision": {"trials": {"window_s": [-2.0, 0.0]}},
    "window_after_some_decisions": {"trials": {"window_s": [0.0, 0.3]}},
    "include_names_no_column": {"trials": {"include": "choice == 'stay'"}},
    "include_without_quotes": {"trials": {"include": "choice == 'stay'"}},
    "include_with_one_equals_sign": {"trials": {"include": "choice == 'stay'"}},
    "include_that_is_no_question": {"trials": {"include": "id > 0"}},
    "include_that_takes_nothing": {"trials": {"include": "choice == 'stay'"}},
    "empty_table": {"trials": {"table": "trials"}},
    "bins_that_do_not_fill_the_window": {"bins": {"width_s": 0.25}},
}
"""Case -> the settings that answer its refusal."""
UNNAMED = {"bins.width_s": "window_in_milliseconds", "data.duplicates": "seconds_said_to_be_milliseconds"}
"""Settings that a remedy needs besides the one that the message names: those of the case do not fit it."""
ACTION = re.compile(
    r"correct|remove|copy|fetch|rename|sort |divide|multiply|add |call it|leave|write|give |set |name |use fewer|"
    r"try another|did you mean|expected|which does not exist|is missing|unique|must |once|"
    r"cannot be (read|opened|listed)|no such|no HDF5 file|no NWB|no interval table|not in seconds|on one clock|"
    r"found there|differ",
    re.IGNORECASE,
)
"""What the message of a case that no setting answers says: what is expected of the input, or what to do with it."""
NOT_IN_FILES = {
    "Add a row for each of them to the table": "no reader gives such spikes; of recordings made in memory",
    "expected seconds in ": "every reader refuses such a table in its own words",
    " needs columns start_time and stop_time": "every reader refuses such a table in its own words",
    "are the columns of the table shifted by one row": "tests/io/test_reported_nwb.py, with the remedy",
    "name its times in data.observed": "what takes all observed time of a file away is said when it is chosen",
    "expected units, found none": "every reader refuses such a file in its own words",
}
"""Refusals that no file of the catalogue meets, and why, or where they are tested."""


def catalogue() -> Iterator[Case]:
    """Every case that is refused."""
    for file in sorted(HERE.glob("test_*.py")):
        module = (
            importlib.import_module(f"tests.io.catalogue.{file.stem}") if file.stem != Path(__file__).stem else None
        )
        for name in ("BAD", "CLOSED"):
            yield from getattr(module, name).cases if hasattr(module, name) else []


CASES = list(catalogue())
BY_SETTING = [case for case in CASES if str(case) in REMEDIES]


def test_every_remedy_has_a_case() -> None:
    assert set(REMEDIES) <= {str(case) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_refusal_says_what_to_do(case: Case) -> None:
    for line in case.message.splitlines():
        if line.startswith(("  - ", "ingest: ", "preprocess: ", "split: ")) and not line.endswith(":"):
            assert ACTION.search(line) or re.search(r"(data|trials|split|bins|quality)\.\w+", line), line
    for section, keys in REMEDIES.get(str(case), {}).items():
        for key in keys:
            named = re.search(rf"\b{section}\.{key}\b|\b{section}: .*\b{key}\b", case.message)
            if key == "exclude_units" and f"{section}.{key}: {{" in case.message and keys[key]:
                setting = yaml.safe_dump(keys[key], default_flow_style=True, width=10**6).strip()
                assert f"{section}.{key}: {setting}" in case.message, "the setting as the message writes it"
            assert named or UNNAMED.get(f"{section}.{key}") == str(case), f"{section}.{key} in {case.message}"


@pytest.mark.parametrize("case", BY_SETTING, ids=str)
@pytest.mark.slow
def test_the_remedy_works(case: Case, project: Project) -> None:
    """The recording reads; where another stage refused it, that stage runs."""
    remedy = REMEDIES[str(case)]
    sections = {name: case.params.get(name, {}) | remedy.get(name, {}) for name in {*case.params, *remedy}}
    assert settings(sections) != settings(case.params)
    code, output = answer(replace(case, params=sections), project)
    assert code == 0, output


def refusals() -> Iterator[tuple[str, list[str]]]:
    """(place, longest fixed words of text and of remedy) of each finding that may be an error, found in the source."""
    others = [IO / name for name in ("choose.py", "observed_time.py", "excluded_units.py")]
    for file in [*sorted((IO / "validation").glob("*.py")), *others]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for function in functions.values():
            for node in ast.walk(function):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if isinstance(node, ast.Call) and called in ("Finding", "Finding.error"):
                    parts = node.args[3:] if called == "Finding" else node.args[2:]  # text, remedy
                    yield f"{file.name}:{node.lineno}", [_words(part, function, functions) for part in parts]


def _words(text: ast.expr, function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> str:
    """The longest fixed part of a message, also where it is put together elsewhere in the function or by another."""
    where: ast.AST = text
    if isinstance(text, ast.Name):
        values = [
            n.value for n in ast.walk(function) if isinstance(n, ast.Assign) and text.id in ast.unparse(n.targets[0])
        ]
        where = values[-1] if values else text
    if isinstance(where, ast.Call) and ast.unparse(where.func) in functions:
        where = functions[ast.unparse(where.func)]
        where = ast.Module(body=[n for n in where.body if not isinstance(n, ast.Expr)], type_ignores=[])
    parts = [n.value for n in ast.walk(where) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return max(parts, key=len, default="")


def test_every_refusal_of_the_checks_is_in_the_catalogue() -> None:
    messages = "\n".join(case.message for case in CASES)
    missing = [
        f"{place}: {words!r}"
        for place, of_finding in refusals()
        if not any(part in words for part in NOT_IN_FILES for words in of_finding)
        for words in of_finding
        if words.strip() not in messages
    ]
    assert not missing, "\n".join(missing)


def test_the_search_for_refusals_sees() -> None:
    words_by_place = dict(refusals())
    assert len(words_by_place) >= 30
    (reversed_trials,) = [words for words in words_by_place.values() if "stop_time before start_time" in words[0]]
    assert "correct them, or leave them out by trials.include" in reversed_trials[1]
