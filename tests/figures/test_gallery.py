"""docs/gallery.md has every figure with today's caption, and a good and a bad example that are small enough for Git."""

from __future__ import annotations

import matplotlib.image
import pytest

import gallery
from spikebridge import figures
from spikebridge.report.examples import BAD, FOLDER, GOOD, example_path, examples_of

NAMES = sorted(figures.modules())


def test_the_page_has_todays_captions() -> None:
    text = gallery.PAGE.read_text(encoding="utf-8")
    assert text == gallery.page(), "python scripts/gallery.py"
    for name, module in figures.modules().items():
        assert text.count(f"### {name}\n") == 1
        assert gallery.REGIONS.named(module.caption) in text and gallery.REGIONS.named(module.how_to_read) in text


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_good_and_a_bad_example(name: str) -> None:
    kinds = [GOOD] if name in gallery.NO_BAD_EXAMPLE else [GOOD, BAD]
    for kind in kinds:
        image = example_path(name, kind)
        assert image.stat().st_size <= gallery.MOST_BYTES
        assert 400 <= matplotlib.image.imread(image).shape[1] <= gallery.WIDTH
        assert (gallery.PAGE.parent / gallery.IMAGES / image.name).resolve() == image.resolve()
        assert f"]({gallery.IMAGES}/{image.name})" in gallery.PAGE.read_text(encoding="utf-8")
    examples = examples_of(name)
    assert [example.title.partition(":")[0].lower() for example in examples] == kinds
    assert len({example.image for example in examples}) == len(kinds)


def test_examples_leave_room_for_the_figures() -> None:
    assert len(list(FOLDER.iterdir())) == 2 * len(NAMES) - len(gallery.NO_BAD_EXAMPLE)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_200_000


def test_a_figure_that_a_user_adds_has_no_example() -> None:
    assert examples_of("another") == []


def test_a_figure_without_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "SECTIONS", {"Data": ("quality",)})
    with pytest.raises(SystemExit, match=r"expected every figure in a section.*rasters"):
        gallery.page()
