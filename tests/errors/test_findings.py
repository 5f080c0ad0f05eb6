"""Findings are records: every code is made in one place and listed in docs/findings.md."""

from __future__ import annotations

import ast
import pickle
import re
from collections import Counter
from pathlib import Path

import pytest

import finding_codes
from spikebridge.errors import DataError
from spikebridge.errors.findings import REFUSED, Finding, Refusal, Severity, split_errors
from spikebridge.io.limits import LimitError


def test_every_code_is_made_in_one_place() -> None:
    places = Counter(code.code for code in finding_codes.codes())
    assert {code: n for code, n in places.items() if n > 1} == {}
    assert [code for code in places if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)] == []


def test_the_page_lists_todays_codes() -> None:
    assert finding_codes.PAGE.read_text(encoding="utf-8") == finding_codes.page(), "python scripts/finding_codes.py"


def test_a_computed_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "check.py").write_text('def check(n):\n    yield Finding.error(f"code-{n}", "a", "b")\n', "utf-8")
    monkeypatch.setattr(finding_codes, "SRC", tmp_path)
    with pytest.raises(ValueError, match=r"check\.py:2: expected a text or a constant as code of a finding"):
        finding_codes.codes()


def test_codes_of_constants_and_of_functions_that_hand_them_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        'CODE, OTHER = "a-code", "b-code"',
        "def check(n):",
        '    yield Finding.warning(CODE, "spikes", f"{n} spikes are odd:", "remove them")',
        '    yield _made("c-code", "of one" + n)',
        "def _made(code, text):",
        '    return Finding.error(code, "spikes", text)',
    ]
    (tmp_path / "check.py").write_text("\n".join(lines) + "\n", "utf-8")
    monkeypatch.setattr(finding_codes, "SRC", tmp_path)
    assert [(c.code, c.severity, c.text) for c in finding_codes.codes()] == [
        ("a-code", "warning", "... spikes are odd: remove them"),
        ("c-code", "error", "of one..."),
    ]


TEXT = (ast.Constant, ast.JoinedStr)


def test_no_reader_notes_a_plain_sentence() -> None:
    """mypy holds the type of `notes`; this holds it where a list has none."""
    sentences = []
    for path in sorted((finding_codes.SRC / "io").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(("notes.append", "notes.extend")):
                continue
            given = node.args[0].elts if isinstance(node.args[0], ast.List) else node.args[:1]
            sentences += [
                f"{path.name}:{node.lineno}"
                for value in given
                if isinstance(value, ast.JoinedStr)
                or (isinstance(value, ast.Constant) and isinstance(value.value, str))
            ]
    assert sentences == []


ROOMS_WITH_CODES = ("io", "labels", "preprocess", "inspection")
"""Rooms whose errors about recordings reach a user through `inspect` or a stage: each has a code."""


def test_every_error_about_a_recording_has_a_code() -> None:
    """`DataError("...")` alone would be a message without a record."""
    calls = [
        (path, node)
        for room in ROOMS_WITH_CODES
        for path in sorted((finding_codes.SRC / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("DataError", "LimitError")
    ]
    assert [f"{path.name}:{node.lineno}" for path, node in calls if len(node.args) < 2] == []
    assert len(calls) == 2, "where messages about several recordings are grouped"


def test_an_error_keeps_its_records_between_processes() -> None:
    late = Finding.warning("late", "trials", "3 trials end early")
    findings = [Finding.error("no-spikes", "spikes", "no spikes:", "correct it"), Finding.error("no-go", "go", "no go")]
    error = DataError.about(Path("data") / "rat1.nwb", findings, [late])
    same = pickle.loads(pickle.dumps(error))
    assert str(same) == str(error) == "data/rat1.nwb:\n  - no spikes: correct it\n  - no go"
    assert (same.refusal, same.warnings) == (error.refusal, (late,)) and same.refusal.findings == tuple(findings)
    assert [str(f) for f in same.refusal.complete] == ["data/rat1.nwb: no spikes: correct it", "data/rat1.nwb: no go"]


def test_an_error_about_one_file_has_its_name_as_subject() -> None:
    error = LimitError.of("too-large", Path("data") / "rat1.nwb", "is too large")
    assert isinstance(error, LimitError) and str(error) == "data/rat1.nwb: is too large"
    assert error.refusal.findings == (Finding.error("too-large", "rat1.nwb", "is too large"),)


def test_an_error_without_records_has_its_message_as_one() -> None:
    error = DataError("no model of this name")
    assert error.refusal == Refusal("", (Finding.error(REFUSED, "data", "no model of this name"),))


def test_text_and_remedy_are_shown_together_and_kept_apart() -> None:
    finding = Finding.error("no-spikes", "spikes", "expected spikes, found none:", "correct the file")
    assert str(finding) == "expected spikes, found none: correct the file"
    assert str(Finding.note("n", "s", "nothing to do")) == "nothing to do"
    assert Finding.from_dict(finding.as_dict()) == finding
    assert finding.severity is Severity.ERROR
    assert split_errors([finding, Finding.warning("w", "s", "odd")])[0] == (finding,)
