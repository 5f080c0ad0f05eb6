"""Links that a data manager made: DVC keeps files in a cache, git-annex below .git; both leave links in their place."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path


def managed(target: Path, folder: Path) -> bool:
    """Whether a resolved path lies in the DVC cache or the annex of the project that a resolved folder belongs to."""
    return any(_in_annex(target, above) or _in_cache(target, above) for above in (folder, *folder.parents))


def _in_annex(target: Path, above: Path) -> bool:
    """Of a submodule, .git is a link or a file; its annex lies below the .git of the project above."""
    git = above / ".git"
    return git in target.parents and "annex" in target.relative_to(git).parts


def _in_cache(target: Path, above: Path) -> bool:
    return (above / ".dvc").is_dir() and any(cache in target.parents for cache in _caches(above / ".dvc"))


def _caches(dvc: Path) -> Iterator[Path]:
    """The cache of a DVC project: .dvc/cache, or where its configuration says."""
    yield (dvc / "cache").resolve()
    for name in ("config", "config.local"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(dvc / name, encoding="utf-8")
            said = parser.get("cache", "dir", fallback="")
        except (configparser.Error, OSError, ValueError):
            continue
        if said:
            yield (dvc / said.strip("'\"")).resolve()
