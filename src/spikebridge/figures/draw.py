"""Finds every figure by its file name and draws it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from spikebridge.text.keys import safe_key

APART = {"draw", "style"}


def modules() -> dict[str, ModuleType]:
    """Figure name -> its module, in the order of names."""
    here = __name__.rpartition(".")[0]
    found = sorted(m.name for m in iter_modules([str(Path(__file__).parent)]) if m.name not in APART)
    return {name: import_module(f"{here}.{name}") for name in found}


def draw_all(tables_folder: Path, out_folder: Path) -> list[str]:
    """Draw every figure whose tables are there and hold something. Returns the names of the images.

    A figure with `pages` has one image a page, <name>_<key of the page>.png.
    """
    out_folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, module in modules().items():
        if not all((tables_folder / f"{table}.csv").is_file() for table in module.needs):
            continue
        pages = module.pages(tables_folder) if hasattr(module, "pages") else [""]
        for page in pages:
            image = f"{name}_{safe_key(page)}" if page else name
            which = {"page": page} if page else {}
            if module.draw(tables_folder, out_folder / f"{image}.png", **which):
                drawn.append(image)
    return drawn
