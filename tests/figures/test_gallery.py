"""docs/gallery.md has every figure with today's caption, and pictures that are small enough to be in the repository."""

from __future__ import annotations

import matplotlib.image
import pytest

import gallery
from spikebridge import figures


def test_the_page_has_todays_captions() -> None:
    text = gallery.PAGE.read_text(encoding="utf-8")
    assert text == gallery.page(), "python scripts/gallery.py"
    for name, module in figures.modules().items():
        assert text.count(f"### {name}\n") == 1
        assert module.caption in text and module.how_to_read in text


@pytest.mark.parametrize("name", gallery.SHOWN)
def test_pictures_are_small_and_shown(name: str) -> None:
    image = gallery.IMAGES.image(name)
    assert image.stat().st_size <= gallery.MOST_BYTES
    assert matplotlib.image.imread(image).shape[1] == gallery.WIDTH
    assert f"](figures/{name}.png)" in gallery.PAGE.read_text(encoding="utf-8")
    assert len(list(gallery.IMAGES.folder.iterdir())) == len(gallery.SHOWN) <= 6


def test_a_figure_without_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "SECTIONS", {"Data": ("quality",)})
    with pytest.raises(SystemExit, match=r"expected every figure in a section.*rasters"):
        gallery.page()
