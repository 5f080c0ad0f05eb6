"""Contract of every figure that the registry finds: drawn from tables alone, readable, and never from nothing."""

from __future__ import annotations

import re
import shutil
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from drawn_figures import figure_of
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikebridge import figures
from spikebridge.artifacts.evaluation_tables import read_table, table_path
from spikebridge.artifacts.figures import FORMATS
from spikebridge.figures import style

NAMES = list(figures.modules())
UNITS = r"\((ms|s|Hz|SD|nats)|bits per spike|percent|without unit|probabilities|nats|units of each axis"
WANTED = {
    "attribution", "bits_per_spike", "reliability", "communication_gain", "confusion", "consistency",
    "time_resolved", "direction", "declared_tests", "held_out_units", "nested_models", "latent_trajectories",
    "learning_curves", "nulls", "leakage_optimism", "quality", "rasters", "latent_recovery", "scores",
    "shared_subspace", "states", "latents_by_position", "psth", "roc", "unit_scores",
}  # fmt: skip


def test_all_wanted_figures_are_found() -> None:
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "formats_of", lambda path: {"png": path})  # the others have their own test
    module = figures.modules()[name]
    assert module.name == name
    assert all((tables / f"{table}.csv").is_file() for table in module.needs)
    assert module.draw(tables, tmp_path / "a.png") is True
    image = matplotlib.image.imread(tmp_path / "a.png")
    assert image.shape[1] >= 600
    colours = np.rint(255 * image[..., :3]).astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    assert len(np.unique(colours)) > 20
    assert not pyplot.get_fignums()


@pytest.mark.parametrize("name", NAMES)
def test_captions_stand_alone(name: str) -> None:
    module = figures.modules()[name]
    caption, how = module.caption, module.how_to_read
    assert re.search(r"\bn\b|recordings", caption), "what n is"
    assert re.search(r"interval|SEM|5 to 95 %", caption)
    assert re.search(UNITS, caption), "units or that there are none"
    assert 2 <= len(re.findall(r"[.](?= [A-Z]|$)", how)) <= 4
    assert re.search(r"simulator|leaky", how), "an example with a known truth"
    for text in (caption, how):
        assert text[0].isupper() and text.endswith(".") and "  " not in text and "{" not in text


def test_equal_tables_give_equal_files(tables: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        figures.modules()["reliability"].draw(tables, path)
    for kind in FORMATS:
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert content == (tmp_path / f"b.{kind}").read_bytes()
        assert b"Matplotlib v" not in content and b"CreationDate" not in content and b"dc:date" not in content
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.tag.endswith("svg") and "href" not in {key for e in root.iter("image") for key in e.attrib}
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_the_three_files_have_one_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Laid out once, for the PNG: the SVG has the panels at the same places."""
    with style.styled():
        figure = style.new(6, 4)
        axes = figure.subplots()
        axes.set_ylabel("a label\nthat needs room")
        laid_out = []
        execute = type(figure.get_layout_engine()).execute
        monkeypatch.setattr(type(figure.get_layout_engine()), "execute", lambda *a: laid_out.append(1) or execute(*a))
        style.save(figure, tmp_path / "a.png")
    assert len(laid_out) == 1
    left = axes.get_position().x0
    image = matplotlib.image.imread(tmp_path / "a.png")
    height, width = image.shape[:2]
    spine = np.flatnonzero((image[height // 3, :, :3] < 0.7).all(axis=1))  # of the left axis
    assert np.abs(spine - left * width).min() < 4
    assert 'width="432pt"' in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_empty_tables_draw_nothing(name: str, tables: Path, tmp_path: Path) -> None:
    module = figures.modules()[name]
    for table in module.needs:
        pd.read_csv(tables / f"{table}.csv").iloc[:0].to_csv(tmp_path / f"{table}.csv", index=False)
    assert module.draw(tmp_path, tmp_path / "a.png") is False
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.slow
def test_draw_all_leaves_out_what_has_no_tables(tables: Path, tmp_path: Path) -> None:
    shutil.copytree(tables, tmp_path / "tables")
    table_path(tmp_path / "tables", "recovery").unlink()  # as without truth
    drawn = figures.draw_all(tmp_path / "tables", tmp_path / "figures", workers=2)
    one_each = set(NAMES) - {"latent_recovery", "quality", "psth"}
    recordings = set(pd.read_csv(tables / "quality.csv")["recording"])
    paged = {f"quality_{r}" for r in recordings} | {f"psth_{r}" for r in [*recordings, "all"]}
    assert set(drawn) == one_each | paged
    files = {f"{name}.{kind}" for name in drawn for kind in FORMATS}
    assert {p.name for p in (tmp_path / "figures").iterdir()} == files
    for name in sorted(one_each)[::5]:  # in one process
        figures.modules()[name].draw(tmp_path / "tables", tmp_path / f"{name}.png")
        for kind in FORMATS:
            file = f"{name}.{kind}"
            assert (tmp_path / file).read_bytes() == (tmp_path / "figures" / file).read_bytes(), file


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.quick_cases(8)
def test_no_text_overlaps_or_leaves_the_page(
    name: str, three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    monkeypatch.setattr(style, "save", lambda figure, path: kept.append(figure) or True)
    with style.styled():
        figures.modules()[name].draw(three_classes, tmp_path / "a.png")
        figure = kept[0]
        figure.canvas.draw()
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts_of(figure)]
        page = figure.bbox
    assert len(boxes) > 5
    for text, box in boxes:
        assert page.x0 - 2 <= box.x0 and box.x1 <= page.x1 + 2, text
        assert page.y0 - 2 <= box.y0 and box.y1 <= page.y1 + 2, text
    for (first_text, a), (second_text, b) in combinations(boxes, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 2 or down < 4, f"{first_text!r} overlaps {second_text!r}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.quick_cases(6)
def test_no_text_says_source_or_target_where_regions_have_names(
    name: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tables, tmp_path / "tables")
    table = read_table(tables, "quality")
    named = table.assign(region=np.where(table["role"] == "source", "HC", "PFC"))
    named.to_csv(tmp_path / "tables" / "quality.csv", index=False)
    texts = [text.get_text() for text in figure_of(name, tmp_path / "tables", monkeypatch).findobj(Text)]
    assert not [text for text in texts if re.search(r"(?<!\()\b(source|target)\b", text, re.IGNORECASE)]


def texts_of(figure: Figure) -> list[Text]:
    """Every text that is drawn and lies straight: tick labels outside the limits are not drawn."""
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) - 1e-9 <= tick.get_loc() <= max(axis.get_view_interval()) + 1e-9
    }
    drawn = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible() and t not in hidden]
    return [t for t in drawn if t.get_rotation() in (0, 90)]
