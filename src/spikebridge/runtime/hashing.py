"""Hashes that say whether two things are the same, or nearly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RUN = 12
"""Intervals of a run: even where times are known to 10 ms, two neurons do not fire so alike."""
STEP_S = 1.0e-6
SIZE = 128
FEWEST = 32
"""Fewer different runs say nothing, such as those of trains with a regular beat."""
PIECE = 1 << 20
"""Spikes hashed in one go."""


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


def sketch(units: NDArray[np.int64], times_s: NDArray[np.float64]) -> list[int]:
    """At most `SIZE` numbers, rising, that tell how many of its spikes one recording shares with another: `likeness`.

    They are the smallest hashes of all runs of intervals between spikes; the common ones among them estimate the share
    of common runs (bottom-k sketch: Broder 1997, "On the resemblance and containment of documents"). Runs depend
    neither on the numbers of units nor on the beginning of the clock.

    units, times_s: (spike,), grouped by unit, sorted by time within each.
    """
    smallest = np.empty(0, dtype=np.uint64)
    for first in range(0, len(times_s) - RUN, PIECE):
        piece = slice(first, first + PIECE + RUN)
        found = _hashes(units[piece], times_s[piece])
        found = found[found < smallest[-1]] if len(smallest) == SIZE else found  # sorting all of them takes longest
        smallest = np.unique(np.r_[smallest, found])[:SIZE]
    return [int(h) for h in smallest]


def likeness(one: Sequence[int], other: Sequence[int]) -> float:
    """Estimated share of runs that both have, of those that either has. 0 where there are too few to say."""
    if min(len(one), len(other)) < FEWEST:
        return 0.0
    together = sorted({*one, *other})[: max(len(one), len(other))]
    return len(set(together) & set(one) & set(other)) / len(together)


def _hashes(units: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.uint64]:
    """(run,): of the runs inside one unit. A step is no multiple of a clock's, so that rounding decides nowhere."""
    steps = np.floor(np.diff(times) / STEP_S + 0.1).astype(np.int64).view(np.uint64)
    n = len(times) - RUN
    mixed = np.zeros(n, dtype=np.uint64)
    for k in range(RUN):  # the mixing of splitmix64
        mixed = (mixed + steps[k : k + n] + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
    return mixed[units[:n] == units[RUN:]]
