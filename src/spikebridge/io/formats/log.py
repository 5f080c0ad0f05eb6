"""What is wrong or unusual in the files of a recording, collected while they are read: one error names all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io.limits import raise_limit

MAX_CHARACTERS = 300
MIN_STEP_MS = 0.05
"""About one sample of an amplifier."""


@dataclass(frozen=True)
class ReadLog:
    """What is wrong and unusual in the files of one recording.

    Reading goes on after an error, so that one DataError names everything that is wrong.

    Parameters
    ----------
    errors : list of Finding
        One finding for each thing that is wrong.
    notes : list of Finding
        One finding for each thing that is unusual.
    """

    errors: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    def add_error(self, code: str, path: Path, text: str) -> None:
        """Add what is wrong with one file.

        Parameters
        ----------
        code : str
            The code of the finding.
        path : Path
            The file; the error shows its name.
        text : str
            What was expected and what was found.
        """
        self.errors.append(Finding.error(code, path.name, f"{path.name}: {text}"))

    def add_refusal(self, error: DataError) -> None:
        """Add the findings of an error that was raised.

        Parameters
        ----------
        error : DataError
            The error.
        """
        self.errors.extend(error.refusal.complete)

    def raise_errors(self, path: Path | str) -> None:
        """Raise everything that is wrong as one error; do nothing where nothing is wrong.

        Parameters
        ----------
        path : Path or str
            The recording.

        Raises
        ------
        DataError
            With one line for each error.
        """
        raise_errors(path, self.errors)


def raise_errors(path: Path | str, errors: Sequence[Finding]) -> None:
    """Raise everything that is wrong in a recording as one error; do nothing where nothing is wrong.

    Parameters
    ----------
    path : Path or str
        The recording.
    errors : Sequence[Finding]
        One finding for each thing that is wrong.

    Raises
    ------
    DataError
        With one line for each error.
    """
    if errors:
        raise DataError.about(path, errors)


def error_summary(error: BaseException) -> str:
    """Describe in one line what a library raised: the class of the error and the first line of its message.

    Where h5py fails while it holds its lock, Python names the lock, not the file (SystemError: <cyfunction
    FastRLock.__exit__ at ...> returned a result with an exception set). Then the error below it is described.

    Parameters
    ----------
    error : BaseException
        What h5py, numpy, scipy, zarr or another library raised.

    Returns
    -------
    str
        At most `MAX_CHARACTERS` of the message.
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


def precision_notes(
    values: NDArray[Any], where: str, ticks_per_s: float = 1.0, min_step_ms: float = MIN_STEP_MS
) -> list[Finding]:
    """Note where times have single (or half) precision and are too large for it.

    Parameters
    ----------
    values : NDArray, shape (time,)
        Times as the file holds them, before they become float64.
    where : str
        Name of the file and column.
    ticks_per_s : float
        Unit of the values.
    min_step_ms : float
        A smaller rounding step, in ms, is not noted.

    Returns
    -------
    list[Finding]
        One note with the rounding step at the largest time, or none.
    """
    if values.dtype.kind != "f" or values.dtype.itemsize > 4:
        return []
    largest = np.max(np.abs(values), initial=0, where=np.isfinite(values))
    step_ms = 1e3 * float(np.spacing(largest)) / ticks_per_s
    if step_ms < min_step_ms:
        return []
    bits = 8 * values.dtype.itemsize
    text = f"{where}: float{bits} holds these times only to {step_ms:.2g} ms;"
    return [Finding.warning("times-in-low-precision", where, text, "save them as float64 (double)")]
