"""The copy of the font: found by its name, with the characters of the figures; others come from the whole font."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager

from spikebridge.figures import fonts, style


@pytest.mark.parametrize("weight", ["normal", "bold"])
@pytest.mark.parametrize("slant", ["normal", "italic"])
def test_the_copy_is_found_by_its_name(weight: str, slant: str) -> None:
    name, whole = fonts.families()
    asked = font_manager.FontProperties(family=[name], weight=weight, style=slant)
    path = Path(font_manager.findfont(asked, fallback_to_default=False))
    assert path.parent.parent == Path(mpl.get_cachedir())
    complete = font_manager.findfont(font_manager.FontProperties(family=[whole], weight=weight, style=slant))
    assert Path(complete).name == path.name
    characters, all_characters = (TTFont(file).getBestCmap() for file in (path, complete))
    assert {ord(c) for c in "aZäßµΔα−≤≥±·×²…→□"} <= set(characters)
    assert len(characters) < 0.6 * len(all_characters)


def test_a_character_that_the_copy_lacks_is_drawn(tmp_path: Path) -> None:
    copy, _ = fonts.families()
    assert ord("Ж") not in TTFont(font_manager.findfont(copy, fallback_to_default=False)).getBestCmap()
    with warnings.catch_warnings(), style.styled():
        warnings.simplefilter("error")  # matplotlib warns of a character that no font has
        figure = style.new(3, 2)
        figure.text(0.1, 0.5, "recording Ж, ≥ 5 units")
        style.save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.pdf").stat().st_size > 1000


def test_the_folder_of_the_copy_holds_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpl, "get_cachedir", lambda: str(tmp_path))
    known = list(font_manager.fontManager.ttflist)
    try:
        for _ in range(2):
            fonts.families.cache_clear()
            fonts.families()
        (folder,) = tmp_path.iterdir()
        assert sorted(path.name for path in folder.iterdir()) == sorted(fonts.FILES)
    finally:
        font_manager.fontManager.ttflist[:] = known
        fonts.families.cache_clear()
