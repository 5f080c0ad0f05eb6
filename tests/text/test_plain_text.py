"""Names of a user, as text: in spreadsheets, in Markdown, and those that are refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikebridge.text.plain_text import code_span, escape_markdown, forbidden_character, read_csv, write_csv

DANGEROUS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "'=1", "''-x", "-left"]


def test_a_spreadsheet_sees_no_formula(tmp_path: Path) -> None:
    table = pd.DataFrame({"=label": DANGEROUS, "n": range(len(DANGEROUS)), "x": [-1.5] * len(DANGEROUS)})
    write_csv(table, tmp_path / "t.csv")
    raw = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert raw.columns.tolist() == ["'=label", "n", "x"]
    assert raw["'=label"].tolist() == [f"'{text}" for text in DANGEROUS]
    assert raw["x"].tolist() == [-1.5] * len(DANGEROUS), "numbers stay numbers"
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv", keep_default_na=False), table)


def test_ordinary_tables_stay_as_they_were(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": ["-1", "1", "left", None], "value": [0.25, -1.0, 3.0, None], "n": [1, -2, 3, 4]})
    write_csv(table, tmp_path / "a.csv")
    table.to_csv(tmp_path / "b.csv", index=False)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@settings(max_examples=60)
@given(st.lists(st.text("=+-@'a1", min_size=1, max_size=5), min_size=1, max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    table = pd.DataFrame({"name": texts})
    write_csv(table, path)
    again = read_csv(path, dtype=str, keep_default_na=False)
    assert again["name"].tolist() == texts


def test_markdown() -> None:
    assert escape_markdown("[x](javascript:alert(1))") == r"\[x\](javascript:alert(1))"
    assert escape_markdown("<img src=x onerror=y>") == r"\<img src=x onerror=y\>"
    assert escape_markdown("a|b\n# c") == r"a\|b \# c"
    assert escape_markdown("rat1_day1") == "rat1_day1"
    assert escape_markdown("_x_ *y*") == r"\_x\_ \*y\*"
    assert code_span("choice") == "`choice`"
    assert code_span("a`b``c") == "``` a`b``c ```"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("left", ""),
        ("no go", ""),
        ("CA1/ACA", ""),
        ("żółć 海馬 حصين", ""),
        ("le\u202eft", "character 3 is U+202E (right-to-left override)"),
        ("left\u200b", "character 5 is U+200B (zero width space)"),
        ("a\tb", "character 2 is U+0009 (control character)"),
        ("a\x00", "character 2 is U+0000 (control character)"),
        ("\u2066a", "character 1 is U+2066 (left-to-right isolate)"),
        ("a\u200fb", "character 2 is U+200F (right-to-left mark)"),
        ("a\u2028b", "character 2 is U+2028 (line separator)"),
    ],
)
def test_characters_that_no_name_may_hold(name: str, message: str) -> None:
    assert forbidden_character(name) == message
