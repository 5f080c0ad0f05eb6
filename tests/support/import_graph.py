"""The import graph of spikebridge, as tests ask for it; see spikebridge.runtime.source_code."""

from __future__ import annotations

import ast
from pathlib import Path

from spikebridge.runtime.source_code import Import, SourceTree, parsed

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = "spikebridge"
TREE = SourceTree(SRC / PACKAGE)


def modules() -> dict[str, Path]:
    """Every module of the package: dotted name -> file."""
    return TREE.modules


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return parsed(path)


def imports(path: Path) -> tuple[Import, ...]:
    """Every import statement of a file of the package, or of a script."""
    return TREE.imports(path)


def shown(path: Path) -> str:
    """The path of a file as a message shows it: from the top of the repository."""
    return path.relative_to(ROOT).as_posix()


FILES = sorted(modules().values())
"""The modules of the package."""
SCRIPTS = sorted((ROOT / "pipelines").glob("*.py"))
"""The scripts of the stages."""
