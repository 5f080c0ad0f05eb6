"""The campaign in its short form: kills, disks and bookkeeping on a pipeline that ends with its folds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import campaign
from campaigns import disks, files, kills
from campaigns.common import CLEAR, HANG, MEMORY, OTHER, SIGNAL, TRACEBACK, WORKED, Lab, Result, child

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("campaign"), seed=3, say=lambda _: None, goal="split")


def test_killed_stages_are_resumed_byte_for_byte(lab: Lab) -> None:
    results = list(kills.kills(lab, 4))
    assert len({r.case.split()[0] for r in results}) == 4, "every stage is killed"
    assert [r for r in results if not r.held] == []


def test_an_idle_repro_that_is_killed(lab: Lab) -> None:
    results = list(kills.idle_kills(lab, 2))
    assert [r for r in results if not r.held] == []


def test_small_disks(lab: Lab) -> None:
    results = list(disks.full_disk(lab, 3))
    assert [r for r in results if not r.held] == []


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("pass", WORKED),
        ("raise SystemExit('expected spikes') if 0 else print('x: expected spikes') or exit(2)", CLEAR),
        ("1 / 0", TRACEBACK),
        ("import os; os.abort()", SIGNAL),
        ("import time; time.sleep(60)", HANG),
        ("x = bytearray(300 << 20); import time; time.sleep(60)", MEMORY),
    ],
)
def test_how_a_child_ended(tmp_path: Path, script: str, outcome: str) -> None:
    limit = 3.0 if outcome == HANG else 30.0
    assert child([sys.executable, "-c", script], tmp_path, limit, memory=200 << 20).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "output", "expected"),
    [
        (CLEAR, "ingest: a.nwb: expected spikes\n", CLEAR),
        (CLEAR, "a.nwb:\n  - no spikes\n  - no trials\n", files.LISTED),
        (CLEAR, "usage: spikebridge predict [-h] model counts\npredict: error: ...", OTHER),
        (TRACEBACK, "Traceback ...\nValueError", TRACEBACK),
    ],
)
def test_what_counts_as_one_clear_line(outcome: str, output: str, expected: str) -> None:
    assert files.strict(outcome, output) == expected


def test_a_refusal_says_nothing_where_the_unchanged_is_refused_too(lab: Lab) -> None:
    files.must_work([sys.executable, "-c", "pass"], lab)
    with pytest.raises(SystemExit, match="expected to work, one clear line: no recording is named"):
        files.must_work([sys.executable, "-c", "print('no recording is named'); exit(2)"], lab)


def test_a_result_that_does_not_come_back_is_found(lab: Lab) -> None:
    """The campaign itself is held to see a difference."""
    unit = next(u for u in lab.units if u.script == "split")
    target = lab.project / unit.target
    kept = target.read_bytes()
    target.write_bytes(kept.replace(b"0", b"1", 1))
    assert lab.differing(unit) == ["splits.json"]
    target.write_bytes(kept)
    assert lab.differing(unit) == []


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page, out = tmp_path / "page.md", tmp_path / "campaign.json"
    page.write_text(f"before\n{campaign.BEGIN}\nearlier\n{campaign.END}\nafter\n")
    monkeypatch.setattr(campaign, "PAGE", page)
    fine, bad = Result("tune after 1 s", "resumed byte for byte", True), Result("split", "differs", False, "why")
    monkeypatch.setitem(campaign.PARTS, "kills", (lambda lab, count: [fine] * count + [bad], 2, "killed"))
    monkeypatch.setitem(campaign.PARTS, "hostile", (files.hostile, 0, "hostile"))
    asked = ["--part", "kills", "--out", str(out), "--docs"]
    monkeypatch.setattr(campaign, "ROOT", tmp_path)
    assert campaign.main(asked) == 1
    assert [r["held"] for r in json.loads(out.read_text())["kills"]] == [True, True, False]
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "earlier" not in text
    assert "| kills | killed | 3 | 2 | resumed byte for byte 2, differs 1 |" in text
    assert "- kills, split: differs" in text
    assert "kills: 2 of 3 held" in capsys.readouterr().err


def test_the_command_line() -> None:
    script = Path(campaign.__file__)
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for part in campaign.PARTS:
        assert part in done.stdout
