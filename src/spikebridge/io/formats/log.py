"""What is wrong or unusual in the files of a recording, collected while they are read: one error names all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.io.limits import raise_limit

MAX_CHARACTERS = 300
COARSE_MS = 0.05
"""About one sample of an amplifier."""


@dataclass(frozen=True)
class Log:
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fail(self, path: Path, text: str) -> None:
        """Note what is wrong with a file."""
        self.wrong.append(f"{path.name}: {text}")

    def check(self, path: Path | str) -> None:
        """Raise DataError with everything wrong, if anything is."""
        if self.wrong:
            raise DataError(
                f"{path}:"
                + (f" {self.wrong[0]}" if len(self.wrong) == 1 else "".join(f"\n  - {w}" for w in self.wrong))
            )


def error_summary(error: BaseException) -> str:
    """The kind of an error and the first line of what it says.

    Where h5py stumbles while it holds its lock, Python tells of the lock, not of the file (SystemError: <cyfunction
    FastRLock.__exit__ at ...> returned a result with an exception set): then it is the error below that counts.
    """
    while isinstance(error, SystemError):
        below = error.__cause__ or error.__context__
        if below is None:
            return "the library that reads such files broke off without a reason"
        error = below
    if isinstance(error, MemoryError):
        return f"it asks for more memory than it may take; if that is right, {raise_limit('max_bytes')}"
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:MAX_CHARACTERS]}".removesuffix(": ")


def coarse(values: NDArray[Any], where: str, ticks_per_s: float = 1.0, least_ms: float = COARSE_MS) -> list[str]:
    """A note where times are of single (or half) precision and too large for it: the step at the largest of them.

    values: as the file holds them, before they become float64. least_ms: a smaller step is not worth a note.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize > 4:
        return []
    largest = np.max(np.abs(values), initial=0, where=np.isfinite(values))
    step_ms = 1e3 * float(np.spacing(largest)) / ticks_per_s
    if step_ms < least_ms:
        return []
    bits = 8 * values.dtype.itemsize
    return [f"{where}: float{bits} holds these times only to {step_ms:.2g} ms; save them as float64 (double)"]
