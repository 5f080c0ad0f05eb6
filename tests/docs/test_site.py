"""The docs site: built from the sources without a warning, and nothing in it comes from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import PHONE, browser
from import_graph import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        subprocess.run([sys.executable, "-c", "import myst_parser, mermaidx, sphinx_gallery"], check=False).returncode
        != 0,
        reason="needs the packages of the extra dev that build the docs",
    ),
]
LOADED = {"link": "href"} | dict.fromkeys(("script", "img", "iframe", "source", "audio", "video"), "src")
"""What a browser loads by itself: the element, and the attribute with its address."""
PAGES = (
    *("index", "get-started", "concepts", "gallery", "parameters", "architecture", "pipeline", "measurements/gates"),
    *("api/index", "api/spikebridge.statistics"),
    *("tutorials/simulator", "tutorials/notebook", "tutorials/recordings"),
)


class Loaded(HTMLParser):
    """The addresses that a page loads, and those that it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if address := values.get(LOADED.get(tag, "")):
            self.loads.append(address)
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        if values.get("id"):
            self.ids.add(str(values["id"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with its tutorials run."""
    out = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, str(ROOT / "scripts" / "build_docs.py"), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return out


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Loaded]:
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path] = Loaded()
        pages[path].feed(path.read_text(encoding="utf-8"))
    assert {f"{name}.html" for name in PAGES} <= {path.relative_to(site).as_posix() for path in pages}
    return pages


def test_nothing_is_loaded_from_elsewhere(site: Path, parsed: dict[Path, Loaded]) -> None:
    outside = {
        path.relative_to(site).as_posix(): [a for a in page.loads if urlsplit(a).netloc or a.startswith("//")]
        for path, page in parsed.items()
    }
    assert not {path: addresses for path, addresses in outside.items() if addresses}
    for sheet in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]+", sheet.read_text(encoding="utf-8"))


def test_links_within_the_site_lead_somewhere(site: Path, parsed: dict[Path, Loaded]) -> None:
    lost = []
    for path, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = parsed.get(target)
            if not target.exists() or (parts.fragment and known and unquote(parts.fragment) not in known.ids):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert not lost


def test_the_tutorials_were_run(site: Path) -> None:
    text = (site / "tutorials" / "simulator.html").read_text(encoding="utf-8")
    assert "held-out trials: 0." in text
    assert text.count("sphx_glr_simulator_00") >= 3, "figures"


def test_pages_are_drawn_without_a_network(site: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        for name in PAGES:
            window.open((site / f"{name}.html").as_uri())
            assert window.run("return [...document.images].every(image => image.naturalWidth > 0)"), name
            assert [text for text in window.messages() if "[PST]" not in text] == [], name  # notes of the theme
        drawn = "return document.querySelector('.diagram svg').getBoundingClientRect().width"
        window.open((site / "pipeline.html").as_uri())
        assert window.run(drawn) > 100
        assert "nested_models" in window.text()
        window.open((site / "search.html").as_uri() + "?q=baseline")
        window.wait_for("The baseline")
        assert [a for a in window.requests() if a.startswith(("http:", "https:", "ws:", "wss:"))] == []


def test_pages_fit_on_a_phone(site: Path, tmp_path: Path) -> None:
    with browser(tmp_path, phone=True) as window:
        for name in PAGES:
            window.open((site / f"{name}.html").as_uri())
            assert window.run("return document.documentElement.scrollWidth") <= PHONE["width"] + 1, name
