"""The pages in a real browser: nothing is asked for from anywhere, every image is drawn, the filters work."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import browser
from report_project import HOSTILE, PLAIN, written

from spikebridge.artifacts.report import ReportRun

SHOWN = "return [...document.querySelectorAll('tr[data-recording]')].filter((r) => r.offsetParent).length"
UNDRAWN = "return [...document.images].filter((i) => !(i.complete && i.naturalWidth > 0)).map((i) => i.alt)"
LINKS = "return [...document.querySelectorAll('a[href]')].map((a) => a.href)"
CHOOSE = """
const form = document.getElementById("filter");
form.elements.recording.value = arguments[0] ?? "NAME";
form.dispatchEvent(new Event("change", {bubbles: true}));
"""


@pytest.mark.slow
def test_the_pages_are_complete_offline_and_on_a_phone(project: Path, tmp_path: Path) -> None:
    run = ReportRun(written(project).parent)
    pages = [run.index, run.page(PLAIN), run.page(HOSTILE)]
    for phone in (False, True):
        folder = tmp_path / f"browser{phone}"
        folder.mkdir()
        with browser(folder, phone=phone) as window:
            for page in pages:
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
