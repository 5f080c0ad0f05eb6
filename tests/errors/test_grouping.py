"""Messages about many recordings."""

from __future__ import annotations

from spikebridge.errors.grouping import Heard, Line, errors_together, warnings_together


def test_a_warning_of_many_recordings_is_said_twice_at_most() -> None:
    said: list[str] = []
    heard = Heard(said.append, 16)
    for k in range(16):
        own = (f"{k} of 9 units without any spike",) if k else ("day0: no trials.csv", "0 of 9 units without any spike")
        heard(Line(f"day{k}", "read", own))
    assert said[0] == "day0: read\n  warning: day0: no trials.csv\n  warning: 0 of 9 units without any spike"
    assert said[1:] == [f"day{k}: read" for k in range(1, 16)]
    heard.finish()
    assert said[16:] == [
        "  warning: 15 more recordings as day0, with other numbers (day1, day2, day3, day4 and 11 more): "
        "0 of 9 units without any spike"
    ]


def test_of_few_recordings_each_has_its_own() -> None:
    said: list[str] = []
    heard = Heard(said.append, 3)
    for name in "abc":
        heard(Line(name, "read", ("no regions",)))
    heard.finish()
    assert said == [f"{name}: read\n  warning: no regions" for name in "abc"]


def test_the_same_error_of_many_recordings_is_one() -> None:
    errors = [(f"d{k}", f"/data/d{k}", f"/data/d{k}: no column go in d{k}") for k in range(6)]
    assert errors_together([*errors, ("x", "/data/x", "/data/x: 3 trials end before they start")]) == [
        "/data/d0: no column go in d0",
        "the same is wrong in 5 more recordings: d1, d2, d3, d4 and 1 more",
        "/data/x: 3 trials end before they start",
    ]


def test_warnings_of_several_recordings() -> None:
    several = [("a", "2 units"), ("b", "3 units"), ("b", "other")]
    assert warnings_together(several, 2) == ["both recordings; a: 2 units", "b: other"]
