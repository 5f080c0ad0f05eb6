"""Messages about many recordings."""

from __future__ import annotations

from spikebridge.errors.findings import Finding, Refusal
from spikebridge.errors.grouping import RecordingStatus, StatusPrinter, group_errors, group_warnings

NO_REGIONS = Finding.warning("no-regions", "regions", "no regions")


def silent_units(n: int) -> Finding:
    return Finding.warning("units-without-spikes", "units", f"{n} of 9 units without any spike")


def test_a_warning_of_many_recordings_is_said_twice_at_most() -> None:
    lines: list[str] = []
    printer = StatusPrinter(lines.append, 16)
    for k in range(16):
        own = (silent_units(k),) if k else (Finding.warning("no-file", "trials.csv", "no trials.csv"), silent_units(0))
        printer(RecordingStatus(f"day{k}", "read", own))
    assert lines[0] == "day0: read\n  warning: no trials.csv\n  warning: 0 of 9 units without any spike"
    assert lines[1:] == [f"day{k}: read" for k in range(1, 16)]
    printer.finish()
    assert lines[16:] == [
        "  warning: 15 more recordings as day0, with other values (day1, day2, day3, day4 and 11 more): "
        "0 of 9 units without any spike"
    ]


def test_of_few_recordings_each_has_its_own() -> None:
    lines: list[str] = []
    printer = StatusPrinter(lines.append, 3)
    for name in "abc":
        printer(RecordingStatus(name, "read", (NO_REGIONS,)))
    printer.finish()
    assert lines == [f"{name}: read\n  warning: no regions" for name in "abc"]


def test_the_same_error_of_many_recordings_is_one() -> None:
    no_column = Finding.error("no-column", "go", "no column go")
    late = Finding.error("late-trials", "trials", "3 trials end before they start")
    errors = [(f"d{k}", Refusal(f"/data/d{k}", (no_column,))) for k in range(6)]
    assert group_errors([*errors, ("x", Refusal("/data/x", (late,)))]) == [
        "/data/d0: no column go",
        "the same is wrong in 5 more recordings: d1, d2, d3, d4 and 1 more",
        "/data/x: 3 trials end before they start",
    ]


def late_trials(*counts: int) -> list[tuple[str, Refusal]]:
    """A recording for each count: so many of its trials end before they start."""
    return [
        (f"d{k}", Refusal(f"/data/d{k}", (Finding.error("late-trials", "trials", f"{n} trials end early"),)))
        for k, n in enumerate(counts)
    ]


def test_errors_with_other_values_are_printed_in_full_for_few_recordings_alone() -> None:
    assert group_errors(late_trials(3, 4, 3)) == [
        "/data/d0: 3 trials end early",
        "the same is wrong in 1 more recording: d2",
        "/data/d1: 4 trials end early",
    ]
    assert group_errors(late_trials(3, 4, 3, 5, 6)) == [
        "/data/d0: 3 trials end early",
        "the same is wrong in 1 more recording: d2",
        "the same is wrong, with other values, in 3 more recordings: d1, d3, d4",
    ]


def test_recordings_of_one_kind_of_error_and_recordings_of_two_stay_apart() -> None:
    """Their codes differ, so no recording hides behind another one that has less wrong with it."""
    other = Finding.error("no-column", "go", "no column go")
    (name, refusal), *others = late_trials(3, 3, 3, 3)
    both = Refusal(refusal.place, (*refusal.findings, other))
    assert group_errors([(name, both), *others]) == [
        "/data/d0:\n  - 3 trials end early\n  - no column go",
        "/data/d1: 3 trials end early",
        "the same is wrong in 2 more recordings: d2, d3",
    ]


def test_warnings_of_several_recordings() -> None:
    several = [("a", silent_units(2)), ("b", silent_units(3)), ("b", NO_REGIONS)]
    assert group_warnings(several, 2) == ["both recordings; a: 2 of 9 units without any spike", "b: no regions"]


def test_warnings_about_different_things_stay_apart() -> None:
    """The kind of a warning is its code and its subject; what its text says does not count."""
    several = [(name, Finding.warning("no-column", name, "a column is missing")) for name in ("go", "stop")]
    assert group_warnings(several, 2) == ["go: a column is missing", "stop: a column is missing"]
