"""Windows: selection, files, digest, shape errors."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from spikebridge.errors import DataError
from spikebridge.types import Windows


def test_file_round_trip(windows: list[Windows], tmp_path: Path) -> None:
    w = windows[0]
    w.save(tmp_path / "w.npz")
    again = Windows.load(tmp_path / "w.npz")
    for f in fields(Windows):
        a, b = getattr(w, f.name), getattr(again, f.name)
        assert type(a) is type(b) and np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
    assert again.digest() == w.digest()


def test_digest_sees_every_field(windows: list[Windows]) -> None:
    w = windows[0]
    spike = w.target.copy()
    spike[3, 2, 1] += 1
    others = [
        replace(w, target=spike),
        replace(w, bin_s=w.bin_s + 1e-9),
        replace(w, recording="x"),
        replace(w, classes=("skip", "go")),
        replace(w, label=w.label - 1),
    ]
    assert len({w.digest(), *(o.digest() for o in others)}) == 6


def test_selection_and_times(windows: list[Windows]) -> None:
    w = windows[0]
    some = w.select(np.array([4, 1]))
    np.testing.assert_allclose(some.stop_s, w.start_s[[4, 1]] + w.n_bins * w.bin_s)
    assert np.array_equal(some.source, w.source[[4, 1]]) and some.source_units is w.source_units
    assert w.select(w.labelled).labelled.all() and w.labelled.sum() == 40


def test_shapes_must_agree(windows: list[Windows]) -> None:
    w = windows[0]
    with pytest.raises(DataError, match=f"expected {len(w)} rows in label, got 3"):
        replace(w, label=w.label[:3])
    with pytest.raises(DataError, match="must agree in windows and bins"):
        replace(w, target=w.target[:, :-1])
