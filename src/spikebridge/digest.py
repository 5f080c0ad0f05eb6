"""Hashes that say whether two things are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import spikebridge


def digest(*parts: str) -> str:
    """SHA-256 of the parts, each with its length, so that no two lists of parts run together."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        h.update(f"{len(raw)}:".encode())
        h.update(raw)
    return h.hexdigest()


def files_digest(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names (relative to root) and bytes of files."""
    parts = [f"{f.relative_to(root).as_posix()}={hashlib.sha256(f.read_bytes()).hexdigest()}" for f in sorted(files)]
    return digest(*parts)


def source_hash() -> str:
    """Digest of the package's own source code."""
    root = Path(spikebridge.__file__).parent
    return files_digest((p for p in root.rglob("*.py") if "__pycache__" not in p.parts), root)
