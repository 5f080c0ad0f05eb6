"""Hashes that say whether two things are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def digest(*parts: str) -> str:
    """SHA-256 of the parts, each with its length, so that no two lists of parts run together."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        h.update(f"{len(raw)}:".encode())
        h.update(raw)
    return h.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of the bytes of a file, read piece by piece."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def files_digest(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names (relative to root where they lie in it) and bytes of files."""
    names = {f: (f.relative_to(root) if f.is_relative_to(root) else f).as_posix() for f in files}
    return digest(*(f"{name}={file_digest(f)}" for f, name in sorted(names.items())))


def same_files(folder: Path, digests: Mapping[str, str]) -> bool:
    """True where the folder holds every named file with these very bytes."""
    return bool(digests) and all((folder / n).is_file() and file_digest(folder / n) == d for n, d in digests.items())


def source_hash(*rooms: str) -> str:
    """Digest of the package's own source code; of some rooms ("io", "types") where they are named."""
    root = Path(__file__).parents[1]
    files = (p for p in root.rglob("*.py") if "__pycache__" not in p.parts)
    return files_digest((p for p in files if not rooms or p.relative_to(root).with_suffix("").parts[0] in rooms), root)
