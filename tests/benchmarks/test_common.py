"""What the benchmarks share: a report names no folder of the machine that made it."""

from __future__ import annotations

from common import made_by


def test_a_report_names_no_folder() -> None:
    words = ["--on", "real", "--data", "some/rats", "--out", "there", "--work", "there/w", "--seeds", "2"]
    told = made_by("speed.py", words).split("`")[1]
    assert told == "python benchmarks/speed.py --on real --data path/to/recordings --seeds 2"
    words = ["--params", "mine/p.yaml", "--lfads", "mine/lfads", "--lfads-python", "mine/bin/python"]
    told = made_by("quality.py", words).split("`")[1]
    assert told == "python benchmarks/quality.py --params path/to/params.yaml --lfads path/to/lfads-torch"
