"""Why a library could not read a file, in one line that is fit to be shown."""

from __future__ import annotations

from spikebridge.io.limits import raise_limit

LONGEST = 300


def reason(error: BaseException) -> str:
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
    return f"{type(error).__name__}: {lines[0][:LONGEST]}".removesuffix(": ")
