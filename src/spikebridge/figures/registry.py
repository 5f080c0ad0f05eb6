"""Finds every figure by its file name and draws it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

APART = {"registry", "style"}


def modules() -> dict[str, ModuleType]:
    """Figure name -> its module, in the order of names."""
    here = __name__.rpartition(".")[0]
    found = sorted(m.name for m in iter_modules([str(Path(__file__).parent)]) if m.name not in APART)
    return {name: import_module(f"{here}.{name}") for name in found}


def draw_all(tables_folder: Path, out_folder: Path) -> list[str]:
    """Draw every figure whose tables are there and hold something. Returns the names of those that were drawn."""
    out_folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, module in modules().items():
        there = all((tables_folder / f"{table}.csv").is_file() for table in module.needs)
        if there and module.draw(tables_folder, out_folder / f"{name}.png"):
            drawn.append(name)
    return drawn
