"""A figure as it is drawn, before it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spikebridge import figures
from spikebridge.figures import style


def figure_of(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **page: str) -> Figure:
    kept: list[Figure] = []
    monkeypatch.setattr(style, "save", lambda figure, path: kept.append(figure) or True)
    assert figures.modules()[name].draw(folder, folder / "a.png", **page)
    return kept[0]


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def note_of(figure: Figure) -> str:
    """The title of the legend: what a reader must know."""
    return str(figure.legends[0].get_title().get_text())
