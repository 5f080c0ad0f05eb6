"""The pages of the docs site: each is in the menu once, and its links lead to pages, headings and files that exist."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from import_graph import ROOT

import build_docs
import spikebridge

MADE = {"api/index", "measurements/index", "tutorials/index"}
"""Pages of the menu that no file of the repository is."""
PAGES = build_docs.pages()


def headings(path: Path) -> set[str]:
    """The anchors of a page, as code hosts and the site make them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    anchors: set[str] = set()
    for title in re.findall(r"^#{1,4} (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", title).replace("`", "").strip().lower()
        kept = "".join(c for c in plain if c in "-_ " or unicodedata.category(c)[0] in "LN")
        anchors.add(kept.replace(" ", "-"))
    return anchors


def test_every_page_is_in_the_menu_once() -> None:
    menu = [page for names in build_docs.navigation().values() for page in names]
    measured = {page for page in PAGES if page.startswith("measurements/")}  # on a page of their own
    assert len(menu) == len(set(menu))
    assert set(menu) - MADE == {page.removesuffix(".md") for page in PAGES.keys() - measured} - {"index"}
    assert set(menu) >= MADE


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_to_pages_headings_and_files(page: str) -> None:
    source = PAGES[page]
    text = source.read_text(encoding="utf-8")
    lost = []
    for match in build_docs.LINK.finditer(text):
        path = (source.parent / match[1]).resolve()
        anchor = (match[2] or "").removeprefix("#")
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in headings(path)):
            lost.append(match[0])
    lost += [a for a in re.findall(r"\]\(#([^)]+)\)", text) if a not in headings(source)]
    assert not lost


def test_links_are_moved_with_their_pages() -> None:
    def moved(link: str, page: str) -> str:
        return build_docs.moved(f"[x]({link})", PAGES[page], page)[4:-1]

    assert moved("../benchmarks/results/gates.md", "trust.md") == "measurements/gates.md"
    assert moved("statistics.md#nulls", "trust.md") == "statistics.md#nulls"
    assert moved("../CONTRIBUTING.md", "reference.md") == "contributing.md"
    assert moved("docs/gallery.md", "contributing.md") == "gallery.md"
    assert moved("cases.md", "reports/README.md") == "cases.md"
    examples = "src/spikebridge/report/examples"
    assert moved(f"../{examples}/scores_good.png", "concepts.md") == f"files/{examples}/scores_good.png"
    assert moved("src/spikebridge/models/majority.py", "contributing.md") == "files/src/spikebridge/models/majority.py"
    assert moved("tutorials/simulator.py", "index.md") == "tutorials/simulator.rst"
    assert moved("https://dvc.org", "trust.md") == "https://dvc.org"


def test_a_link_to_nothing_is_named() -> None:
    with pytest.raises(SystemExit, match=r"docs/trust\.md: there is no file nowhere\.md"):
        build_docs.moved("[x](nowhere.md)", PAGES["trust.md"], "trust.md")


def test_gathered_pages_have_every_public_name(tmp_path: Path) -> None:
    build_docs.gather(tmp_path)
    text = (tmp_path / "api" / "spikebridge.rst").read_text(encoding="utf-8")
    assert all(f":: {name}" in text for name in spikebridge.__all__ if not name.startswith("__"))
    assert (tmp_path / "api" / "spikebridge.models.rst").read_text(encoding="utf-8").count("autofunction") > 3
    assert "reports/cases" not in (tmp_path / "your-data.md").read_text(encoding="utf-8").split("```{toctree}")[0]
    assert "get-started\n" in (tmp_path / "index.md").read_text(encoding="utf-8")


def test_the_site_is_not_in_git() -> None:
    assert "/site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
