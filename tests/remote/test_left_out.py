"""Which types of series are left out, also those of extensions that a file brings along."""

from __future__ import annotations

import json

import pytest

from spikebridge.remote.left_out import Array, Types, emptied_arrays, removed_columns

EXTENSION = json.dumps(
    {
        "groups": [
            {"neurodata_type_def": "TetrodeSeries", "neurodata_type_inc": "SpikeEventSeries"},
            {"neurodata_type_def": "Whiskers", "neurodata_type_inc": "SpatialSeries"},
            {"neurodata_type_def": "Loop", "neurodata_type_inc": "Loop"},
        ]
    }
)


@pytest.mark.parametrize(
    ("kind", "shape", "left_out"),
    [
        ("ElectricalSeries", (10, 4), True),
        ("SpikeEventSeries", (10, 4), True),
        ("TetrodeSeries", (10, 4), True),
        ("TwoPhotonSeries", (10, 4, 4), True),
        ("RoiResponseSeries", (10, 4), True),
        ("VoltageClampSeries", (10,), True),
        ("TimeSeries", (10, 16), False),
        ("TimeSeries", (10, 17), True),
        ("TimeSeries", (10, 2, 2), True),
        ("SpatialSeries", (5_000_001,), True),
        ("SpatialSeries", (1000, 2), False),
        ("Whiskers", (1000, 2), False),
        ("IntervalSeries", (1000,), False),
        ("Loop", (1000, 100), False),
        ("Unknown", (1000, 100), False),
        ("", (1000, 100), False),
    ],
)
def test_series(kind: str, shape: tuple[int, ...], left_out: bool) -> None:
    types = Types([EXTENSION, "no JSON"])
    arrays = {"data": Array("a/data", shape, 80), "timestamps": Array("a/timestamps", shape[:1], 80)}
    emptied = emptied_arrays(types, kind, arrays)
    assert [array.path for array in emptied] == (["a/data", "a/timestamps"] if left_out else [])


def test_columns_and_pictures() -> None:
    types = Types()
    names = ["spike_times", "waveforms", "waveforms_index", "waveforms_index_index", "waveform_mean"]
    assert removed_columns(types, "Units", names) == ["waveform_mean", "waveforms", "waveforms_index", names[3]]
    assert removed_columns(types, "TimeIntervals", names) == []
    pictures = {name: Array(name, (9, 9), n, "GrayscaleImage") for name, n in (("small", 1000), ("large", 2_000_000))}
    assert [array.path for array in emptied_arrays(types, "Images", pictures)] == ["large"]
