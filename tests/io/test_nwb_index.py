"""Ragged columns of NWB: the index is held against the values, never taken on trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import generate, truths
from nwb_contents import Writer

from spikebridge.config import DataConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.io import read_contents
from spikebridge.io.contents import Contents, no_behavior
from spikebridge.io.formats.nwb.columns import row_lengths
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.io.validation.units import check_numbers
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals

SPIKES = {unit: [unit + 0.5 * k for k in range(4 + unit)] for unit in range(4)}
ENDS = [4, 9, 15, 22]


def with_index(path: Path, column: str, index: Any) -> Path:
    """Put another index into an NWB file of HDF5 or Zarr, with the attributes of the old one."""
    if path.suffix == ".zarr":
        import zarr

        group = zarr.open_group(str(path / "units"), mode="r+")
        attributes = group[f"{column}_index"].attrs.asdict()
        group.create_dataset(f"{column}_index", data=np.asarray(index), overwrite=True).attrs.update(attributes)
        zarr.consolidate_metadata(str(path))
        return path
    import h5py

    with h5py.File(path, "r+") as handle:
        attributes = dict(handle[f"units/{column}_index"].attrs)
        del handle[f"units/{column}_index"]
        handle.create_dataset(f"units/{column}_index", data=np.asarray(index)).attrs.update(attributes)
    return path


def contents(path: Path) -> Contents:
    data = DataConfig(path=str(path), source=["HC"], target=["PFC"])
    return read_contents(path, data)


def complaint(path: Path) -> str:
    with pytest.raises(DataError) as error:
        contents(path)
    return str(error.value)


@pytest.mark.slow
def test_the_public_report(tmp_path: Path) -> None:
    """An index of int64, one that wrapped round in 16 bits, and one of starts."""
    truth = truths(generate("37", tmp_path))[0]["spikes"]
    for name in ("b_uint16_wrapped", "c_zero_based"):
        message = complaint(tmp_path / name / f"{name}.nwb")
        assert "spike_times_index" in message and "orrect the file" in message, message
    read = contents(tmp_path / "a_int64" / "a_int64.nwb")
    assert len(read.spikes) == truth["a_int64"]
    assert read.spikes["unit"].nunique() == 12
    assert "holds uint16, whose largest number is 65535" in complaint(
        tmp_path / "b_uint16_wrapped/b_uint16_wrapped.nwb"
    )
    assert "it holds where each row starts" in complaint(tmp_path / "c_zero_based/c_zero_based.nwb")


@pytest.mark.parametrize("suffix", [".nwb", ".nwb.zarr"])
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32, np.float64])
def test_ends_of_any_type(tmp_path: Path, write_nwb: Writer, suffix: str, kind: Any) -> None:
    if suffix.endswith("zarr"):
        pytest.importorskip("hdmf_zarr")
    path = with_index(write_nwb(tmp_path / f"a{suffix}", spikes=SPIKES), "spike_times", np.array(ENDS, dtype=kind))
    read = contents(path).spikes
    assert {u: t["time_s"].tolist() for u, t in read.groupby("unit")} == SPIKES


@pytest.mark.parametrize("suffix", [".nwb", ".nwb.zarr"])
def test_starts_for_ends(tmp_path: Path, write_nwb: Writer, suffix: str) -> None:
    if suffix.endswith("zarr"):
        pytest.importorskip("hdmf_zarr")
    path = with_index(write_nwb(tmp_path / f"a{suffix}", spikes=SPIKES), "spike_times", [0, *ENDS[:-1]])
    message = complaint(path)
    assert "units/spike_times_index begins with 0 and ends 7 values before the end" in message
    assert "leave out the first number of the index and add 22 at its end" in message
    mended = np.r_[[0, *ENDS[:-1]][1:], 22]  # the remedy, followed literally
    assert len(contents(with_index(path, "spike_times", mended)).spikes) == 22


@pytest.mark.parametrize("column", ["obs_intervals", "electrodes"])
def test_every_ragged_column_is_looked_at(tmp_path: Path, write_nwb: Writer, column: str) -> None:
    electrodes = {"location": ["HC", "PFC"], "of_unit": [[0], [0, 1], [1], [1]]}
    obs = [[[0.0, 5.0]], [[0.0, 5.0], [6.0, 9.0]], [[0.0, 9.0]], [[0.0, 9.0]]]
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=electrodes, obs=obs)
    assert f"units/{column}_index begins with 0" in complaint(with_index(path, column, [0, 1, 3, 4]))


def test_a_silent_first_unit_is_no_index_of_starts(tmp_path: Path, write_nwb: Writer) -> None:
    read = contents(write_nwb(tmp_path / "a.nwb", spikes=SPIKES | {0: []}))
    assert read.spikes["unit"].value_counts().to_dict() == {1: 5, 2: 6, 3: 7}


@pytest.mark.parametrize(
    ("index", "n_values", "message"),
    [
        (np.array([44, 88], dtype=np.uint8), 600, "holds uint8, whose largest number is 255, but t holds 600 values"),
        (np.array([1.5, 2.0]), 2, "expected whole numbers, found float64"),
        (np.array([np.nan, 2.0]), 2, "expected whole numbers, found float64"),
        (np.array([-3, 2]), 2, "must rise from row to row, it falls at row 0 to -3"),
        (np.array([1, 2, 3]), 3, "expected 2 rows, found 3"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_an_index_that_does_not_fit(index: Any, n_values: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        row_lengths(index, 2, n_values, "t")


def test_numbers_of_spikes_that_a_column_says(tmp_path: Path) -> None:
    """A layout that was shifted before it was written: nothing but the numbers tells."""

    def findings(n_spikes: list[float]) -> list[Finding]:
        rows = [(unit, time) for unit, times in SPIKES.items() for time in times]
        recording = Recording(
            "a", "rat", pd.DataFrame(rows, columns=["unit", "time_s"]),
            pd.DataFrame({"unit": list(SPIKES), "region": ["HC", "HC", "PFC", "PFC"], "n_spikes": n_spikes}),
            pd.DataFrame(), no_behavior(), as_intervals([[0.0, 10.0]]),
        )  # fmt: skip
        return list(
            check_numbers(
                CheckedRecording(recording, DataConfig(path="", source=["HC"], target=["PFC"]), TrialsConfig())
            )
        )

    assert findings([4, 5, 6, 7]) == []
    assert findings([40, 50, 60, 70]) == []  # of the session before it was cut
    assert [(f.is_error, "1 of 4 units have another number" in f.text) for f in findings([4, 5, 6, 8])] == [
        (False, True)
    ]
    shifted = findings([5, 6, 7, 9])
    assert (
        shifted[0].is_error
        and "column 'n_spikes' gives for the unit before it (unit 0: 4 found, 5 said)" in shifted[0].text
    )
