"""Counts in bins that the reader refuses, in words, and never by loading a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binned_files import N_UNITS, WIDTH, complaint, npz
from numpy.typing import NDArray

from spikebridge.io.readers import binned
from spikebridge.io.readers.binned import Options


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            {"counts": -1.0},
            {},
            "counts: expected counts of spikes, found 1 negative (first -1.0 in trial 1, bin 2, unit 3)",
        ),
        ({"counts": np.nan}, {}, "found 1 NaN or infinite (first nan in trial 1, bin 2, unit 3)"),
        (
            {"counts": 0.5},
            {},
            "found 1 not whole (first 0.5 in trial 1, bin 2, unit 3): are these rates, or smoothed?",
        ),
        ({"bin_width_s": None}, {}, "how wide are the bins? Expected an array 'bin_width_s'"),
        ({"bin_width_s": None}, {"bin_width_s": "with"}, "Expected an array 'with', did you mean width?"),
        ({"bin_width_s": 0.0}, {}, "bin_width_s: expected one width of the bins in seconds, found [0.]"),
        ({"region": ["HC"]}, {}, "region: expected one value for each of 5 units, found 1"),
        ({}, {"region": "area"}, "data.options.region: no array 'area'"),
        ({"unit": ["a"] * 5}, {}, "unit: expected whole numbers"),
        ({"units/depth": [1.0]}, {}, "units/depth: expected one value for each of 5 units, found the shape (1,)"),
        (
            {"trials/choice": [1, 2]},
            {},
            "trials/choice: expected one value for each of 7 trials, found the shape (2,)",
        ),
        (
            {"start_time": np.arange(7) * 0.2},
            {},
            "bins of trials 0 and 1, 1 and 2, 2 and 3, 3 and 4, 4 and 5 and 1 more lie",
        ),
        (
            {"start_time": [0.0, np.nan, 2, 3, 4, 5, 6]},
            {},
            "start_time: expected a time in seconds for each of 7 trials",
        ),
        ({"start_time": [0.0]}, {}, "start_time: expected a time in seconds for each of 7 trials"),
        ({}, {"start_time": "go"}, "data.options.start_time: no array and no column of the trial table 'go'"),
        ({}, {"counts": "cuonts"}, "data.options.counts: no array 'cuonts', did you mean counts?"),
        ({}, {"counts": "width"}, "width is float64 (), expected numbers (trial, bin, unit)"),
        (
            {"b": np.zeros((7, 3, 5))},
            {"counts": ["counts", "b"]},
            "must agree in bins and units: counts (7, 12, 5), b (7, 3, 5)",
        ),
        (
            {"b": np.zeros((6, 12, 5))},
            {"source_counts": "counts", "target_counts": "b"},
            "must agree in trials and bins",
        ),
    ],
)
def test_what_is_refused(
    tmp_path: Path, counts: NDArray[np.uint8], change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    arrays: dict[str, Any] = {"counts": counts.astype(float), "bin_width_s": WIDTH, "width": WIDTH, **change}
    if isinstance(change.get("counts"), float):
        arrays["counts"] = counts.astype(float)
        arrays["counts"][1, 2, 3] = change["counts"]
    path = npz(tmp_path / "a.npz", **{k: v for k, v in arrays.items() if v is not None})
    assert binned.can_read(path)
    assert message in complaint(path, **options)


def test_everything_wrong_is_said_at_once(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    path = npz(tmp_path / "a.npz", counts=counts - 0.5, region=["HC"], trials__choice=[1], start_time=[1.0])
    text = complaint(path)
    assert text.count("\n  - ") == 5
    for part in ("not whole", "region:", "trials/choice", "start_time", "how wide"):
        assert part in text


@pytest.mark.parametrize("name", ["region", "counts"])
def test_no_pickle_is_loaded(tmp_path: Path, counts: NDArray[np.uint8], name: str) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    arrays = {
        "counts": counts,
        "bin_width_s": WIDTH,
        "spikes": counts,
        name: np.array([Trap()] * N_UNITS, dtype=object),
    }
    path = npz(tmp_path / "a.npz", **arrays)
    assert binned.can_read(path)
    if name == "region":
        assert "region holds Python objects (a pickle), never loaded" in complaint(path)
    else:
        binned.read(path, Options())
    assert not (tmp_path / "sprung").exists()


def test_two_places_of_trials(tmp_path: Path, counts: NDArray[np.uint8]) -> None:
    path = npz(tmp_path / "a.npz", counts=counts, bin_width_s=WIDTH, trials__choice=np.arange(7))
    (tmp_path / "a.trials.csv").write_text("start_time,stop_time\n0,1\n")
    text = complaint(path)
    assert "which are right?" in text
    assert "has 1 rows, the counts have 7 trials" in text
