"""Finds every figure by its file name and draws it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from spikebridge.artifacts.evaluation import table_path
from spikebridge.artifacts.figures import FigureRun

NOT_FIGURES = {"draw", "style"}


def modules() -> dict[str, ModuleType]:
    """Every figure.

    Returns
    -------
    dict
        Name of the figure -> its module, in the order of names.
    """
    here = __name__.rpartition(".")[0]
    names = sorted(m.name for m in iter_modules([str(Path(__file__).parent)]) if m.name not in NOT_FIGURES)
    return {name: import_module(f"{here}.{name}") for name in names}


def draw_all(tables_folder: Path, out_folder: Path) -> list[str]:
    """Draw every figure whose tables are there and hold something.

    A figure with `pages` has one image a page, <name>_<key of the page>.png.

    Parameters
    ----------
    tables_folder : Path
        The tables of evaluate, one CSV file each.
    out_folder : Path
        Gets the images.

    Returns
    -------
    list of str
        The names of the images.
    """
    out_folder.mkdir(parents=True, exist_ok=True)
    run, drawn = FigureRun(out_folder), []
    for name, module in modules().items():
        if not all(table_path(tables_folder, table).is_file() for table in module.needs):
            continue
        pages = module.pages(tables_folder) if hasattr(module, "pages") else [""]
        for page in pages:
            image = run.image(name, page)
            which = {"page": page} if page else {}
            if module.draw(tables_folder, image, **which):
                drawn.append(image.stem)
    return drawn
