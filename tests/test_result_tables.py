"""Tables of results in README.md and docs/ are made by scripts/result_tables.py from kept results."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from project import ROOT

import result_tables

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_no_table_is_stale() -> None:
    assert [page.name for page, _ in result_tables.stale()] == []


def test_every_table_is_shown_somewhere() -> None:
    shown = {name for page in PAGES for name in re.findall(r"<!-- table: (\w+) -->", page.read_text(encoding="utf-8"))}
    assert shown == set(result_tables.TABLES)


def test_a_changed_number_is_seen() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert result_tables.written(text) == text
    number = re.search(r"\| 0\.\d\d\d \[", text)
    assert number is not None
    typed = text.replace(number[0], "| 0.999 [", 1)
    assert typed != text and result_tables.written(typed) == text


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(SystemExit, match="no table scors; there are scores"):
        result_tables.written("<!-- table: scors -->\n<!-- end of table -->")


def test_the_mean_over_real_recordings_is_that_of_the_file() -> None:
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "quality.csv")
    rows = table[(table["data"] == "real") & (table["metric"] == "auc") & (table["model"] == "seq2seq")]
    each = rows[~rows["recording"].isin(["all", "mean of recordings"])]["value"]
    assert len(each) == 4
    assert result_tables.real("auc")["seq2seq"]["value"] == pytest.approx(each.mean())


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150


def test_links_to_pages_and_pictures_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_no_table_of_numbers_is_typed_into_the_readme() -> None:
    text = result_tables.TABLE.sub("", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert not re.findall(r"\|\s*\**\d+\.\d{2,}", text)


@pytest.mark.parametrize("name", [Path("README.md"), Path("docs/results.md")])
def test_pages_name_the_command(name: Path) -> None:
    assert "scripts/result_tables.py" in (ROOT / name).read_text(encoding="utf-8")
