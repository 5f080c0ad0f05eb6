"""Rows that stay in their file are the rows of numpy's own reading; broken files are told, not read."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikebridge.errors import DataError
from spikebridge.models.parts.features import join
from spikebridge.types import Windows
from spikebridge.types.lazy_arrays import StoredRows, stored_members

COUNTS = np.random.default_rng(0).poisson(0.5, (12, 5, 3)).astype(np.uint8)


@pytest.fixture
def rows(tmp_path: Path) -> StoredRows:
    np.savez(tmp_path / "some.npz", counts=COUNTS, other=np.arange(3.0))
    return stored_members(tmp_path / "some.npz", ["counts"])["counts"]


@pytest.mark.parametrize(
    "index",
    [
        slice(None), slice(2, 9, 3), np.array([4, 0, 4]), np.arange(12) % 2 == 0, 3, -1, np.array([], np.int64),
        (slice(1, 4), 2), (3, 1, 2), (np.array([1, 5]), slice(1, 3)), (Ellipsis, 1),
    ],
)  # fmt: skip
def test_reading_is_indexing(rows: StoredRows, index: Any) -> None:
    found, expected = rows[index], COUNTS[index]
    assert np.array_equal(found, expected) and found.shape == expected.shape and found.dtype == expected.dtype


def test_a_selection_of_a_selection(rows: StoredRows) -> None:
    some = rows.select(np.arange(12) > 3).select(np.array([5, 1]))
    assert isinstance(some, StoredRows) and some.shape == (2, 5, 3) and len(some) == 2
    assert np.array_equal(some, COUNTS[4:][[5, 1]]) and np.array_equal(some[1:], COUNTS[[5]])


def test_it_can_be_reckoned_with(rows: StoredRows) -> None:
    assert rows.mean() == COUNTS.mean() and rows.astype(float).dtype == float
    assert np.array_equal(rows * 2 + rows, COUNTS * 3) and (rows == COUNTS).all()
    assert np.array_equal(np.concatenate([rows, rows]), np.concatenate([COUNTS, COUNTS]))
    assert np.array_equal(pickle.loads(pickle.dumps(rows.select(slice(2)))), COUNTS[:2])
    with pytest.raises(AttributeError):
        rows.nothing_of_the_kind  # noqa: B018


@pytest.mark.parametrize("fitting", [np.asfortranarray(COUNTS), np.empty((0, 5, 3), np.uint8), np.array(1.0)])
def test_what_cannot_be_read_in_place_is_left_to_numpy(tmp_path: Path, fitting: np.ndarray) -> None:
    np.savez(tmp_path / "some.npz", counts=fitting)
    assert stored_members(tmp_path / "some.npz", ["counts"]) == {}
    np.savez_compressed(tmp_path / "packed.npz", counts=COUNTS)
    assert stored_members(tmp_path / "packed.npz", ["counts"]) == {}


def test_a_file_that_is_not_what_its_directory_says(tmp_path: Path) -> None:
    path = tmp_path / "some.npz"
    np.savez(path, counts=COUNTS)
    with zipfile.ZipFile(path) as archive:
        place = archive.infolist()[0].header_offset
    whole = path.read_bytes()
    for at, wrong in ((place, b"XX"), (place + 26, b"\xff\x7f"), (place + 60, b"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{")):
        path.write_bytes(whole[:at] + wrong + whole[at + len(wrong) :])
        with pytest.raises(DataError, match=r"some.npz: counts.npy is not where"):
            stored_members(path, ["counts"])


def test_windows_in_place_are_the_windows(windows: list[Windows], tmp_path: Path) -> None:
    w = windows[0]
    w.save(tmp_path / "w.npz")
    there = Windows.load(tmp_path / "w.npz", in_place=True)
    assert isinstance(there.source, StoredRows) and isinstance(there.target, StoredRows)
    assert there.digest() == w.digest()
    first, second = (there.select(rows) for rows in (np.array([0, 4]), np.array([2, 7])))
    both = join(first, second)
    assert isinstance(both.source, StoredRows)
    assert both.digest() == w.select(np.array([0, 2, 4, 7])).digest()
    assert join(first, w.select(np.array([2, 7]))).digest() == both.digest()


def test_windows_are_written_over_the_file_that_they_lie_in(windows: list[Windows], tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    windows[0].save(path)
    there = Windows.load(path, in_place=True)
    there.select(np.array([3, 1])).save(path)
    assert Windows.load(path).digest() == windows[0].select(np.array([3, 1])).digest()
    assert there.digest() == windows[0].digest()  # still its own file
    assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]
