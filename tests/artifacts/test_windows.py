"""Windows on disk: mapped counts are the counts, and broken files are refused in one line."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.windows import (
    ARRAYS,
    data_hash,
    load_animals,
    load_quality,
    load_recording_windows,
    load_windows,
    save_quality,
    save_report,
    save_windows,
)
from spikebridge.errors import DataError
from spikebridge.models.parts.features import join
from spikebridge.types import Windows


def is_mapped(array: np.ndarray) -> bool:
    """Whether the memory of an array belongs to a mapped file."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_round_trip(windows: list[Windows], tmp_path: Path) -> None:
    w = windows[0]
    assert save_windows(w, tmp_path) == tmp_path / w.recording
    again = load_recording_windows(tmp_path, w.recording)
    for f in fields(Windows):
        a, b = getattr(w, f.name), getattr(again, f.name)
        assert type(a) is type(b) and np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
    assert again.digest() == w.digest()


def test_counts_and_behaviour_are_mapped_until_a_subset_is_copied(windows: list[Windows], tmp_path: Path) -> None:
    w = windows[0]
    save_windows(w, tmp_path)
    stored = load_recording_windows(tmp_path, w.recording)
    assert is_mapped(stored.source) and is_mapped(stored.target) and is_mapped(stored.behavior)
    run = stored.select(np.arange(3, 9))
    assert is_mapped(run.source) and run.digest() == w.select(np.arange(3, 9)).digest()
    first, second = (stored.select(rows) for rows in (np.array([0, 4]), np.array([2, 7])))
    both = join(first, second)
    assert both.digest() == w.select(np.array([0, 2, 4, 7])).digest()
    assert join(first, w.select(np.array([2, 7]))).digest() == both.digest()


def test_large_counts_are_not_read_into_memory(windows: list[Windows], tmp_path: Path) -> None:
    """Loading, hashing and reading in batches take a small part of the size of the counts."""
    w, n = windows[0], 20_000
    large = Windows(
        recording="large",
        source=np.ones((n, 20, 50), np.uint8),
        target=np.ones((n, 20, 50), np.uint8),
        start_s=np.arange(n, dtype=float),
        bin_s=0.05,
        trial=np.full(n, -1),
        label=np.full(n, -1),
        decision_s=np.full(n, np.nan),
        classes=w.classes,
        source_units=np.arange(50),
        target_units=np.arange(50) + 50,
    )
    save_windows(large, tmp_path)
    expected = large.digest()
    size = large.source.nbytes + large.target.nbytes
    del large
    tracemalloc.start()
    (stored,) = load_windows(tmp_path)
    assert stored.digest() == expected
    half = stored.select(np.arange(n) < n // 2)
    total = sum(int(half.source[rows].sum()) for rows in np.array_split(np.arange(len(half))[::-1], 50))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == n // 2 * 20 * 50
    assert peak < 0.1 * size


def test_windows_without_a_window_or_a_unit(make_windows: Callable[..., Windows], tmp_path: Path) -> None:
    w = make_windows(40, name="a")
    none = replace(w.select(np.array([], dtype=int)), recording="none")
    without = replace(w, recording="without", source=w.source[:, :, :0], source_units=w.source_units[:0])
    for part in (none, without):
        save_windows(part, tmp_path)
        assert load_recording_windows(tmp_path, part.recording).digest() == part.digest()


def test_windows_are_written_over_the_files_that_they_are_mapped_from(windows: list[Windows], tmp_path: Path) -> None:
    w = windows[0]
    place = save_windows(w, tmp_path)
    stored = load_recording_windows(tmp_path, w.recording)
    save_windows(stored.select(np.array([3, 1])), tmp_path)
    assert load_recording_windows(tmp_path, w.recording).digest() == w.select(np.array([3, 1])).digest()
    assert stored.digest() == w.digest()  # still mapped from the earlier files
    assert {p.name for p in place.iterdir()} == {"about.json", *(f"{name}.npy" for name in ARRAYS)}


@pytest.mark.parametrize("name", ["source", "label"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:100],
        lambda raw: b"",
        lambda raw: raw + b"\0",
        lambda raw: b"XX" + raw[2:],
        lambda raw: raw[:20] + b"{{{{{{" + raw[26:],
    ],
    ids=["a byte less", "cut in the header", "empty", "a byte more", "another kind", "broken header"],
)
def test_damaged_arrays_are_refused(
    windows: list[Windows], tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    path = save_windows(windows[0], tmp_path) / f"{name}.npy"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=rf"{name}\.npy: .*run the stage preprocess again") as caught:
        load_windows(tmp_path)
    assert "\n" not in str(caught.value)


def test_pickled_arrays_are_never_loaded(windows: list[Windows], tmp_path: Path) -> None:
    place = save_windows(windows[0], tmp_path)
    np.save(place / "label.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"label\.npy: cannot be read as windows"):
        load_windows(tmp_path)


def test_missing_and_inconsistent_files_are_refused(windows: list[Windows], tmp_path: Path) -> None:
    place = save_windows(windows[0], tmp_path)
    np.save(place / "label.npy", windows[0].label[:3])
    with pytest.raises(DataError, match="rows in label, got 3"):
        load_windows(tmp_path)
    (place / "label.npy").unlink()
    with pytest.raises(DataError, match=r"label\.npy: cannot be read as windows"):
        load_windows(tmp_path)
    (place / "about.json").write_text("{}")
    save_windows(windows[0], tmp_path / "other")
    np.save(place / "label.npy", windows[0].label)
    with pytest.raises(DataError, match=r"about\.json: does not describe windows"):
        load_windows(tmp_path)
    (place / "about.json").unlink()
    with pytest.raises(DataError, match="expected windows of recordings, found none"):
        load_windows(tmp_path)


def test_the_data_hash_follows_the_arrays_and_the_names(windows: list[Windows], tmp_path: Path) -> None:
    for w in windows:
        save_windows(w, tmp_path)
    first = data_hash(tmp_path)
    save_quality(pd.DataFrame({"unit": [1]}), tmp_path, windows[0].recording)
    assert data_hash(tmp_path) == first
    changed = windows[0].source.copy()
    changed[3, 2, 1] += 1
    save_windows(replace(windows[0], source=changed), tmp_path)
    assert data_hash(tmp_path) != first


def test_quality_tables_and_animals(tmp_path: Path) -> None:
    table = pd.DataFrame({"unit": [1, 2], "region": ["NA", "HC"], "sorter_label": ["=good", "mua"]})
    save_quality(table, tmp_path, "day1")
    pd.testing.assert_frame_equal(load_quality(tmp_path)["day1"], table)
    save_report({"classes": ["a"], "recordings": {"day1": {"animal": "rat"}}}, tmp_path)
    assert load_animals(tmp_path) == {"day1": "rat"}
    (tmp_path / "report.json").write_text(json.dumps({"classes": []}))
    with pytest.raises(DataError, match="expected the key recordings"):
        load_animals(tmp_path)
