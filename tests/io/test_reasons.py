"""Words for what libraries raise."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikebridge.errors import DataError
from spikebridge.io.formats import error_summary
from spikebridge.io.formats.binned import arrays

LOCK = "<cyfunction FastRLock.__exit__ at 0x7f0a> returned a result with an exception set"


def test_what_lies_below_the_lock_counts() -> None:
    lock = SystemError(LOCK)
    assert error_summary(lock) == "the library that reads such files broke off without a reason"
    lock.__cause__ = RuntimeError("Object visitation failed (bad local heap signature)")
    assert error_summary(lock) == "RuntimeError: Object visitation failed (bad local heap signature)"


def test_one_line_of_bounded_length() -> None:
    assert error_summary(ValueError("a\nb")) == "ValueError: a"
    assert error_summary(EOFError()) == "EOFError"
    assert len(error_summary(OSError("x" * 1000))) < 320


def test_readers_of_hdf5_show_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(path: Path) -> None:
        raise SystemError(LOCK) from UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(arrays, "hdf5_headers", stumble)
    with pytest.raises(DataError, match=r"a.h5: cannot be read as .npz or HDF5 \(UnicodeDecodeError: 'utf-8' codec"):
        arrays.array_headers(tmp_path / "a.h5")
