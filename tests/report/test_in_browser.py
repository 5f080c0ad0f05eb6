"""The pages in a real browser: nothing is asked for from anywhere, every image is drawn, the filters work."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser, browser
from html_page import Page, roles_in
from report_project import HOSTILE, PLAIN, written

from spikebridge import figures
from spikebridge.artifacts.report import REPORT_FOLDER, ReportRun

SHOWN = "return [...document.querySelectorAll('tr[data-recording]')].filter((r) => r.offsetParent).length"
UNDRAWN = "return [...document.images].filter((i) => !(i.complete && i.naturalWidth > 0)).map((i) => i.alt)"
LINKS = "return [...document.querySelectorAll('a[href]')].map((a) => a.href)"
LOST = """
return [...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href").slice(1))
  .filter((id) => !document.getElementById(id))
"""
"""Links to parts of the page that are not there."""
CHOOSE = """
const form = document.getElementById("filter");
form.elements.recording.value = arguments[0] ?? "NAME";
form.dispatchEvent(new Event("change", {bubbles: true}));
"""
CHOOSE_MODEL = CHOOSE.replace("recording", "model")
LEFT_OUT = {"communication_gain", "latents_by_position"}
"""Figures whose tables the study of the tests does not have."""


def check_page(window: Browser, page: Path) -> None:
    """The page asks for nothing, logs nothing, draws every image, fits the window, and its links lead somewhere."""
    window.open(page.as_uri())
    asked = {url.partition("#")[0] for url in window.requests() if not url.startswith("data:")}
    assert asked == {page.as_uri()}
    assert window.messages() == []
    assert window.run("return document.images.length") > 0
    assert window.run(UNDRAWN) == []
    wide, seen = window.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen, "the page scrolls sideways"
    for address in window.run(LINKS):
        assert address.startswith("file:")
        path = window.run(f"return decodeURIComponent(new URL({address!r}).pathname)")
        assert Path(path).is_file(), address
    assert window.run(LOST) == []


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True])
def test_the_pages_are_complete_offline_and_on_a_phone(phone: bool, project: Path, tmp_path: Path) -> None:
    run = ReportRun(written(project).parent)
    with browser(tmp_path, phone=phone) as window:
        for page in (run.index, run.page(PLAIN), run.page(HOSTILE)):
            check_page(window, page)


@pytest.mark.slow
def test_the_report_of_eight_recordings_has_at_most_ten_megabytes(drawn: Path) -> None:
    run = ReportRun(drawn / REPORT_FOLDER)
    page = Page(run.index)
    assert len(page.values("option", "value")) > 8
    assert "Not embedded" not in page.text, "every figure is in the page"
    assert sum(path.stat().st_size for path in run.folder.iterdir()) < 10_000_000, "all pages together"


@pytest.mark.slow
def test_a_whole_report_says_neither_source_nor_target(drawn: Path) -> None:
    run = ReportRun(drawn / REPORT_FOLDER)
    for path in (run.index, run.page("rat1_day1")):
        assert not roles_in(Page(path).text)


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True])
def test_every_figure_is_drawn_in_the_pages(phone: bool, drawn: Path, tmp_path: Path) -> None:
    run = ReportRun(drawn / REPORT_FOLDER)
    with browser(tmp_path, phone=phone) as window:
        for page in (run.page("rat1_day1"), run.index):
            check_page(window, page)
        figures_shown = window.run("return [...document.querySelectorAll('figure')].map((f) => f.id.slice(7))")
        assert (
            set(figures.modules()) - {name.removesuffix("_all").partition("_rat")[0] for name in figures_shown}
            <= LEFT_OUT
        )
        if phone:
            sizes = window.run("return [...document.querySelectorAll('.wide img')].map((i) => i.clientWidth)")
            assert max(sizes) > 375, "wide figures scroll in their frame, so that their text can be read"
        window.run("document.querySelector('.example button').click()")
        assert window.run("return document.querySelector('.example').classList.contains('large')")
        assert window.run("return document.querySelector('.example button').getAttribute('aria-pressed')") == "true"
        wide, seen = window.run("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen, "an enlarged example makes the page scroll sideways"


@pytest.mark.slow
def test_the_filters_of_a_whole_study(drawn: Path, tmp_path: Path) -> None:
    run = ReportRun(drawn / REPORT_FOLDER)
    with browser(tmp_path) as window:
        window.open(run.index.as_uri())
        models = "return [...document.querySelectorAll('tr[data-model]:not(.filtered)')].map((r) => r.dataset.model)"
        assert {"seq2seq", "ridge"} < set(window.run(models))
        window.run(CHOOSE_MODEL.replace("NAME", "ridge"))
        assert set(window.run(models)) == {"ridge"}
        window.run(CHOOSE_MODEL.replace("NAME", ""))
        window.run(CHOOSE.replace("NAME", "rat2_day1"))
        shown = "return [...document.querySelectorAll('figure[data-recording]')].filter((f) => f.offsetParent)"
        assert window.run(f"{shown}.map((f) => f.dataset.recording)") == ["rat2_day1"], "its fold is opened"
        window.open(run.page("rat1_day1").as_uri())
        window.run(CHOOSE_MODEL.replace("NAME", "ridge"))
        assert set(window.run(models)) == {"ridge"}


@pytest.mark.slow
def test_the_filter_hides_the_rows_of_other_recordings(project: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        window.open(written(project).as_uri())
        every = window.run(SHOWN)
        window.run(CHOOSE.replace("NAME", PLAIN))
        assert 0 < window.run(SHOWN) < every
        assert window.run("return document.querySelector('#filter output').textContent").endswith("hidden")
        window.run(CHOOSE.replace("NAME", ""))
        assert window.run(SHOWN) == every
        window.print(tmp_path / "page.pdf")
        assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
