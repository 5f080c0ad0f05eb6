"""The pages: complete, safe with hostile names, within their size, and every link leads to a file."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import fake_project
import pytest
from html_page import Page, roles_in
from report_project import HOSTILE, PLAIN, PNG, written

from spikebridge import figures
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun
from spikebridge.artifacts.report import ReportRun
from spikebridge.errors import DataError
from spikebridge.report import ReportSections, pictures, write_report


@pytest.fixture(scope="module")
def pages(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """Group page ("") and the pages of the recordings."""
    folder = made / "reports" / "report"
    write_report(ReportSections.of(fake_project.settings()), made, folder, {"simulate": 75.0})
    run = ReportRun(folder)
    return {"": Page(run.index), **{name: Page(run.page(name)) for name in (PLAIN, HOSTILE)}}


def test_every_element_is_closed_and_every_id_is_there_once(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert page.open == []
        ids = [about["id"] for _, about in page.elements if "id" in about]
        assert len(ids) == len(set(ids))


def test_names_from_data_are_text(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert "b" not in {tag for tag, about in page.elements if about}, "the name of a recording became an element"
        assert not [about for _, about in page.elements if any(key.startswith("on") for key in about)]
        assert HOSTILE in page.text
        assert "i" not in {tag for tag, _ in page.elements}, "the text of a warning became an element"
        assert "a <i>rate</i> doubles. Look at it." in page.text
    assert HOSTILE in pages[""].values("tr", "data-recording")
    assert HOSTILE in pages[""].values("option", "value")


def test_every_link_leads_to_a_file_or_a_part_of_the_page(pages: dict[str, Page]) -> None:
    for page in pages.values():
        ids = {about["id"] for _, about in page.elements if "id" in about}
        addresses = page.values("a", "href")
        assert len(addresses) > 5
        for address in addresses:
            if address.startswith("#"):
                assert address[1:] in ids
            else:
                assert (page.path.parent / unquote(address)).is_file(), address


def test_nothing_comes_from_elsewhere(pages: dict[str, Page]) -> None:
    for page in pages.values():
        sources = [*page.values("img", "src"), *page.values("link", "href")]
        assert sources
        assert all(source.startswith("data:") for source in sources)
        assert not page.values("script", "src")
        text = page.path.read_text(encoding="utf-8")
        assert not re.findall(r"https?://(?!www\.w3\.org/)", text)
        assert "@import" not in text
        assert "url(" not in text.replace("url(#tip)", "")


def test_the_group_page_has_every_section_or_says_why_not(pages: dict[str, Page]) -> None:
    page = pages[""]
    sections = [about["id"] for tag, about in page.elements if tag == "section"]
    assert sections == [
        "answer", "data", "translation", "latents", "decisions", "nested", "states", "nulls", "power", "leaks",
        "findings", "settings", "stages", "methods", "recordings",
    ]  # fmt: skip
    assert "No table of nested models" not in page.text, "the communication gain is one of their numbers"
    for line in ("No table of latents", "No table of states", "no numbers on power"):
        assert line in page.text
    assert "Figure Bits per spike: not drawn, because the evaluation has no table bits_per_spike." in page.text
    assert "Figure PSTHs by decision: not drawn, because the evaluation has no table psth." in page.text


def test_regions_have_their_names_and_not_their_roles(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert not roles_in(page.text)


def test_figures_have_a_good_and_a_bad_example(pages: dict[str, Page]) -> None:
    page = pages[""]
    names = [about["id"].removeprefix("figure-") for tag, about in page.elements if tag == "figure"]
    buttons = page.values("button", "aria-label")
    with_examples = {name.partition("_rat")[0] for name in names} & set(figures.modules())
    assert len(buttons) == 2 * len(with_examples) == 4
    assert [title.partition(": ")[2].partition(":")[0] for title in buttons] == ["Good", "Bad"] * len(with_examples)


def test_figures_have_caption_files_and_tables(pages: dict[str, Page]) -> None:
    page = pages[""]
    figures = {about["id"] for tag, about in page.elements if tag == "figure"}
    run = FigureRun(page.path.parents[2] / FIGURES_FOLDER)
    drawn = {f"figure-{path.stem}" for path in run.folder.glob("*.png")}
    assert drawn <= figures
    assert "../figures/nulls.png" in page.values("a", "href")
    assert "../evaluation/tables/nulls.csv" in page.values("a", "href")
    assert all(page.values("img", "alt"))


def test_times_of_stages(pages: dict[str, Page]) -> None:
    assert "1 min 15 s" in pages[""].text
    assert "not recorded" in pages[""].text


def test_the_page_of_a_recording_is_about_it_alone(pages: dict[str, Page]) -> None:
    other = {PLAIN: HOSTILE, HOSTILE: PLAIN}
    for name in other:
        recordings = {about["data-recording"] for _, about in pages[name].elements if "data-recording" in about}
        assert recordings == {name}
        assert "Figure" not in pages[name].text or name in pages[name].text


def test_the_same_results_write_the_same_pages(project: Path) -> None:
    first = {path.name: path.read_bytes() for path in written(project).parent.iterdir()}
    assert {path.name: path.read_bytes() for path in written(project).parent.iterdir()} == first
    assert len(first) == 8


def test_svg_is_embedded_and_a_large_one_is_not(project: Path) -> None:
    run = FigureRun(project / FIGURES_FOLDER)
    drawing = run.image("nulls").with_suffix(".svg")
    drawing.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    run.image("nulls").with_suffix(".pdf").write_bytes(b"%PDF-1.4")
    page = Page(written(project))
    assert [source[:20] for source in page.values("img", "src")].count("data:image/svg+xml;b") == 1
    assert {"../figures/nulls.svg", "../figures/nulls.pdf", "../figures/nulls.png"} <= set(page.values("a", "href"))
    drawing.write_text("<svg>" + " " * pictures.MAX_SVG_BYTES + "</svg>", encoding="utf-8")
    assert "image/svg" not in written(project).read_text(encoding="utf-8")


def test_a_page_of_many_large_images_has_at_most_ten_megabytes(project: Path) -> None:
    run = FigureRun(project / FIGURES_FOLDER)
    for path in run.folder.glob("*.png"):
        path.write_bytes(PNG + bytes(2_500_000))
    page = written(project)
    assert 6_000_000 < page.stat().st_size < 10_000_000
    assert "Not embedded" in Page(page).text


def test_a_recording_called_index_has_its_own_page(tmp_path: Path) -> None:
    run = ReportRun(tmp_path)
    names = ["index", "Index", "index ", "inde.x78.", "day/1"]
    pages = {run.page(name).name.lower() for name in names}
    assert "index.html" not in pages
    assert len({run.page(name).name for name in names}) == len(names)


def test_without_an_evaluation_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing has been evaluated yet") as error:
        written(tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "reports").exists()


def test_tables_that_are_not_there_leave_no_trace_but_a_line(project: Path) -> None:
    run = EvaluationRun(project / EVALUATION_FOLDER)
    for path in [*run.tables.glob("*.csv"), *(project / FIGURES_FOLDER).glob("*")]:
        path.unlink()
    run.write_metrics({"models": {}, "translation": {}})
    page = Page(written(project))
    assert "No model translated." in page.text
    assert "No model predicted decisions." not in page.text, "comparisons.csv still has rows"
    assert "roc" not in {about.get("id", "")[7:] for tag, about in page.elements if tag == "figure"}
