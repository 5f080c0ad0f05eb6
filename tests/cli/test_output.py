"""Tables in terminals of any width: a name or a number that is cut off would be read as another."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_sessions import Inspected, session

from spikebridge.cli import inspect_report, output
from spikebridge.cli.output import Block, column_widths

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
WIDTHS = (40, 60, 80, 100, 140, 200)


def a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))


def words(*cells: str) -> Counter[str]:
    return Counter(word for cell in cells for word in cell.split())


def test_every_name_and_number_of_a_folder_is_whole(
    inspected: Inspected, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    regions = {"CA1": 32, "CA3": 68, "DG": 12, "SUB": 7, "ORBm": 32, "ACA": 46, "MOs": 21, "PL": 5}
    days = [replace(session(seed=k, regions=regions, trials=60), animal="lederberg_of_the_lab") for k in range(2)]
    got = inspected(*days)
    for width in WIDTHS:
        a_terminal(monkeypatch, width)
        inspect_report.print_report(got)
        printed = words(ESCAPES.sub("", capsys.readouterr().out))
        for block in inspect_report.blocks(got):
            for row in block.rows:
                assert not words(*row) - printed, (width, block.title)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_narrow_terminal_gets_lines_instead_of_columns(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_terminal(monkeypatch, width)
    row = ["a_recording_with_a_long_name_indeed", "", "ORBm 32, PL 5, CA1 6", "1234567890123456789.5"]
    output.print_block(Block("[title] :rat:", ("recording", "animal", "regions", "spikes"), [row, row], ["[a line]"]))
    out = ESCAPES.sub("", capsys.readouterr().out)
    assert not words(*row, *row) - words(out)
    assert "[title] :rat:" in out, "neither markup nor the name of an emoji"
    assert "[a line]" in out
    assert ("    spikes: 1234567890123456789.5\n" in out) == (width < 80)
    assert ("──" in out) == (width >= 80)
    assert "animal: \n" not in out
    assert max(map(len, out.splitlines())) <= width


@given(st.lists(st.lists(st.text("ab 1", max_size=30), min_size=4, max_size=4), min_size=1), st.integers(10, 150))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_widths_hold_every_word_and_fit(rows: list[list[str]], room: int) -> None:
    widths = column_widths(rows, room)
    longest = [max((len(w) for cell in cells for w in cell.split()), default=1) for cells in zip(*rows, strict=True)]
    if widths is None:
        assert sum(longest) + 4 * output.COLUMN_GAP > room
        return
    assert sum(widths) + 4 * output.COLUMN_GAP <= room
    assert all(w >= least for w, least in zip(widths, longest, strict=True))
