"""The files that every project begins with. A wheel holds a copy of them; a checkout has them where they lie.

Standard library only: setup.py runs this file to copy them into the wheel, before anything is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

SHIPPED = (
    ".dvc/.gitignore",
    ".dvc/plots/*.json",
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
    "examples/demo/params.yaml",
    "params.yaml",
    "pipelines/*.py",
)
"""Patterns, relative to the folder of a checkout."""
IN_WHEEL = "shipped"
"""Folder of the copies, beside this file."""


def shipped_root() -> Path:
    """Find the folder of the shipped files.

    Returns
    -------
    Path
        In the installed package; of the checkout where the package lies in one.
    """
    here = Path(__file__).resolve()
    copies = here.with_name(IN_WHEEL)
    return copies if copies.is_dir() else here.parents[3]


def shipped_files(root: Path, start: str = "") -> Iterator[Path]:
    """List the shipped files.

    Parameters
    ----------
    root : Path
        The folder of a checkout, or of the copies.
    start : str
        Only those whose path begins with it.

    Yields
    ------
    Path
        Relative to `root`.
    """
    for pattern in SHIPPED:
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root)
            if name.as_posix().startswith(start):
                yield name


def copy_files(names: Iterator[Path], root: Path, target: Path) -> None:
    """Copy files with the folders that they lie in.

    Parameters
    ----------
    names : iterator of Path
        Relative to both folders.
    root : Path
        Where they are.
    target : Path
        Where they go.
    """
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target / name)
