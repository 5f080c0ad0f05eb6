"""What the command line prints of odd recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from memory_sessions import Inspected, session

from spikebridge.cli import inspect_report


def test_gaps_silences_and_blank_regions(inspected: Inspected, capsys: pytest.CaptureFixture[str]) -> None:
    contents = session(regions={"CA1": 6, "PL": 6, "": 2, **{f"R{i}": 1 for i in range(35)}})
    times = contents.spikes["time_s"]
    kept = contents.spikes[((times < 100) | (times > 104)) & ~times.between(200, 230)]
    observed = np.array([[0.0, 200.0], [230.0, 370.0]])
    speed = pd.DataFrame({"series": "speed", "time_s": [0.0, 1.0], "value": [np.nan, np.nan]})
    found_now = inspected(replace(contents, spikes=kept, observed=observed, behavior=speed))
    inspect_report.print_report(found_now)
    out = capsys.readouterr().out
    assert "observed         0.0   370.0  340 s (as the file says)" in out
    assert "gaps between observed intervals: 1, 30 s long; the first: 200.0 to 230.0" in out
    assert "no unit fires in 1 observed stretch: 100.0 to 10" in out
    assert "\n  ''              2 " in out
    assert "and 8 smaller regions\n" in out
    assert "speed   2        1          none    2        1\n" in out


def test_warnings_of_several_recordings_are_taken_together(
    inspected: Inspected, capsys: pytest.CaptureFixture[str]
) -> None:
    days = [session(seed=seed) for seed in range(3)]
    silent = [replace(d, spikes=d.spikes[d.spikes["unit"] > seed]) for seed, d in enumerate(days)]
    inspect_report.print_report(inspected(*silent))
    out = capsys.readouterr().out
    assert "- all 3 recordings; day: 1 of 11 units with fewer than 50 spikes\n" in out


def test_a_folder_shows_when_and_with_which_gaps(inspected: Inspected, capsys: pytest.CaptureFixture[str]) -> None:
    with_gaps, without_gaps = session(), session(seed=1, trials=70)
    times = with_gaps.spikes["time_s"]
    with_gaps = replace(with_gaps, spikes=with_gaps.spikes[((times < 100) | (times > 104)) & ~times.between(200, 230)])
    with_gaps = replace(with_gaps, observed=np.array([[0.0, 200.0], [230.0, 300.0], [301.0, 370.0]]))
    inspect_report.print_report(inspected(with_gaps, without_gaps, "truncated"))
    lines = capsys.readouterr().out.split("\n\n")[0].split("\n")[1:5]
    head, *rows = ([cell.strip() for cell in line.strip().split("  ") if cell.strip()] for line in lines)
    shown = {row[0]: dict(zip(head, row, strict=False)) for row in rows}
    assert (shown["day"]["from to (s)"], shown["day"]["gaps"]) == ("0.0 to 370.0", "2, up to 30 s; 1 silent, up to 4 s")
    assert (shown["day1"]["from to (s)"], shown["day1"]["gaps"]) == ("0.0 to 430.0", "none")
    assert rows[0] == ["broken2", "in memory", *"––––––", "CANNOT BE READ, see below"]


def test_spans_of_time(inspected: Inspected) -> None:
    got = inspected(session())
    (summary,) = got.recordings
    assert summary.spikes is not None
    for seconds, text in ((6.5, "6.5 s"), (99.94, "99.9 s"), (340.2, "340 s"), (1200.0, "20 min"), (36000.0, "10.0 h")):
        spikes = replace(summary.spikes, observed_s=seconds)
        changed = replace(got, recordings=(replace(summary, spikes=spikes),))
        time = next(block for block in inspect_report.blocks(changed) if block.title.startswith("Time, "))
        assert time.rows[1][3].partition(" (")[0] == text
