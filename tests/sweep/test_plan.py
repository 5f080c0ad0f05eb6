"""The pairs of a sweep, and why others are left out."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.config import SweepConfig
from spikebridge.errors import DataError
from spikebridge.sweep.plan import NOT_TOGETHER, TOO_FEW_UNITS, folder_names, make_plan

UNITS = {
    "day1": {"A": 12, "B": 10, "D": 3},
    "day2": {"A": 30, "B": 9, "C": 11},
    "day3": {"B": 15, "D": 4},
}
ANIMALS = dict.fromkeys(UNITS, "rat")


def plan_of(**settings: object) -> SweepPlan:
    return make_plan(["A", "B", "C", "D"], UNITS, ANIMALS, SweepConfig(**settings))  # type: ignore[arg-type]


def test_a_pair_has_the_recordings_with_enough_units_of_both() -> None:
    plan = plan_of(min_units=10)
    assert {(p.source, p.target): list(p.recordings) for p in plan.pairs} == {
        ("A", "B"): ["day1"],
        ("A", "C"): ["day2"],
        ("B", "A"): ["day1"],
        ("C", "A"): ["day2"],
    }
    assert {(p.source, p.target, p.code) for p in plan.left_out} == {("B", "C", NOT_TOGETHER), ("C", "B", NOT_TOGETHER)}
    assert plan.left_out[0].reason == "both have 10 units or more in 0 recordings, expected 1"
    assert plan.unused_regions == {"D": "at most 4 units in a recording, fewer than sweep.min_units = 10"}
    assert plan.unused_recordings == {"day3": "no pair has 10 units or more of both regions"}


def test_regions_that_the_user_names_stay_in_the_matrix() -> None:
    plan = plan_of(min_units=10, regions=["A", "B", "C", "D"])
    few = [p for p in plan.left_out if p.code == TOO_FEW_UNITS]
    assert {(p.source, p.target) for p in few} == {pair for pair in permutations("ABCD", 2) if "D" in pair}
    assert few[0].reason == "D: at most 4 units in a recording, fewer than sweep.min_units = 10"
    assert plan.unused_regions == {}


def test_least_number_of_recordings() -> None:
    plan = plan_of(min_units=9, min_recordings=2)
    assert {(p.source, p.target): list(p.recordings) for p in plan.pairs} == {
        ("A", "B"): ["day1", "day2"],
        ("B", "A"): ["day1", "day2"],
    }


@given(st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 20))))
def test_every_ordered_pair_is_run_or_named(units: dict[str, dict[str, int]]) -> None:
    plan = make_plan("ABCDE", units, {}, SweepConfig(min_units=8, min_recordings=2))
    named = [(p.source, p.target) for p in (*plan.pairs, *plan.left_out)]
    assert sorted(named) == sorted(permutations(plan.folders, 2))
    assert {*plan.folders, *plan.unused_regions} == set("ABCDE")
    for pair in plan.pairs:
        assert all(min(units[name][r] for r in (pair.source, pair.target)) >= 8 for name in pair.recordings)


def test_names_of_folders_differ_in_every_file_system() -> None:
    names = folder_names(["PL2/3", "PL2-3", "pl2 3", "CA1", "ca1", "α", "β", "CA1-2"])
    assert names["PL2/3"] == "PL2-3"
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert all(name.isascii() and "_" not in name for name in names.values())


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = plan_of(min_units=10, regions=["B", "A", "C"])
    plan.write(tmp_path)
    again = SweepPlan.read(tmp_path)
    assert list(again.folders) == list(plan.folders)
    assert again.pair("A_B").target == "B"
    with pytest.raises(DataError, match="no pair of the plan"):
        again.pair("A_A")
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(DataError, match=r"plan\.json: expected a plan"):
        SweepPlan.read(tmp_path)
