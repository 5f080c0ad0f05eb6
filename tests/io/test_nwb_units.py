"""The NWB reader: electrodes, columns, ids and spikes of units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nwb_contents import REGIONS, SPIKES, Settings, Writer, add_behavior, contents, read

from spikebridge.errors import DataError


def replace_array(path: Path, name: str, values: Any, **how: Any) -> None:
    """Put other values in the place of an array of an HDF5 file, its attributes and references to it kept."""
    import h5py

    with h5py.File(path, "r+") as handle:
        attributes = dict(handle[name].attrs)
        refers = name.endswith(("spike_times", "electrodes", "obs_intervals")) and f"{name}_index" in handle
        del handle[name]
        handle.create_dataset(name, data=values, **how)
        handle[name].attrs.update(attributes)
        if refers:
            handle[f"{name}_index"].attrs["target"] = handle[name].ref


ELECTRODES = {
    "location": ["x", "y", "y"], "of_unit": [[0], [1, 2]], "area": ["HC", "PFC", "PFC"], "depth": [1.0, 2.0, 3.0],
    "groups": [("shank0", "left CA1"), ("shank1", "PL"), ("shank1", "PL")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("region_from", "expected"),
    [
        ("electrodes", ["x", "y"]),
        ("electrodes.area", ["HC", "PFC"]),
        ("electrodes.group_name", ["shank0", "shank1"]),
        ("electrodes.group.location", ["left CA1", "PL"]),
        ("auto", ["HC", "PFC"]),
    ],
)
def test_every_text_of_the_electrodes_is_a_place(
    tmp_path: Path, write_nwb: Writer, settings: Settings, region_from: str, expected: list[str]
) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=ELECTRODES)
    assert read(path, settings(data={"region_from": region_from})).units["region"].tolist() == expected
    places = {f"electrodes.{c}" for c in ("location", "area", "group_name", "group.location")}
    assert set(contents(path).places) == places  # the depth is a number


def test_electrode_texts_as_bytes(tmp_path: Path, write_nwb: Writer) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=ELECTRODES)
    replace_array(path, "general/extracellular_ephys/electrodes/location", [b"HC", b"PFC", b"PFC"])
    assert contents(path).places["electrodes.location"] == (("HC",), ("PFC", "PFC"))


def test_the_electrode_group_of_a_unit(tmp_path: Path, write_nwb: Writer) -> None:
    def units(file: Any) -> None:
        for time, group in enumerate(file.electrode_groups.values()):
            file.add_unit(spike_times=[float(time)], electrode_group=group)

    recording = contents(write_nwb(tmp_path / "a.nwb", electrodes=ELECTRODES, extra=units))
    assert recording.units["electrode_group"].tolist() == ["shank0", "shank1"]
    assert recording.places["electrode_group.location"] == (("left CA1",), ("PL",))


def test_one_electrode_a_unit(tmp_path: Path, write_nwb: Writer) -> None:
    """The electrodes of units need not be lists."""
    import h5py

    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=ELECTRODES | {"of_unit": [[2], [0]]})
    with h5py.File(path, "r+") as handle:
        del handle["units/electrodes_index"]
    assert contents(path).places["electrodes.area"] == (("PFC",), ("HC",))


def test_an_electrode_that_does_not_exist(tmp_path: Path, write_nwb: Writer) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=ELECTRODES)
    replace_array(path, "units/electrodes", np.array([0, 1, 7]))
    with pytest.raises(DataError, match="row 7 of a table of 3 electrodes"):
        contents(path)


def test_units_columns(tmp_path: Path, write_nwb: Writer) -> None:
    """One value a unit is kept, of whatever type; several are left out, waveforms without a word."""

    def units(file: Any) -> None:
        for row in range(3):
            file.add_unit(spike_times=[1.0 + row], waveform_mean=np.zeros((5, 2)))
        file.add_unit_column("quality", "", data=["good", "mua", "noise"])
        file.add_unit_column("presence_ratio", "", data=[0.5, np.nan, 1.0])
        file.add_unit_column("is_good", "", data=[True, False, True])
        file.add_unit_column("template", "", data=np.zeros((3, 4)))
        file.add_unit_column("amplitudes", "", index=True, data=[[1.0], [2.0], [3.0, 4.0]])
        file.add_unit_column("cell_type", "", enum=["pyr", "int"], data=[1, 0, 1])

    recording = contents(write_nwb(tmp_path / "a.nwb", extra=units))
    assert list(recording.units) == ["unit", "quality", "presence_ratio", "is_good", "cell_type"]
    assert recording.units["quality"].tolist() == ["good", "mua", "noise"]
    assert recording.units["presence_ratio"].isna().tolist() == [False, True, False]
    assert recording.units["is_good"].dtype == bool
    assert recording.units["cell_type"].tolist() == ["int", "pyr", "int"]
    assert tuple(map(str, recording.notes)) == (
        "units: columns that do not hold one number or text a row are left out: template, amplitudes",
    )


def test_spike_times_come_as_they_are(tmp_path: Path, write_nwb: Writer) -> None:
    odd = {4: [3.0, np.nan, -1.0, 3.0], 9: [], 5: [1.0]}
    recording = contents(write_nwb(tmp_path / "a.nwb", spikes=odd, columns={"region": ["HC", "HC", "PFC"]}))
    assert recording.units["unit"].tolist() == [4, 9, 5]
    assert recording.spikes["unit"].tolist() == [4, 4, 4, 4, 5]
    np.testing.assert_array_equal(recording.spikes["time_s"], [3.0, np.nan, -1.0, 3.0, 1.0])


def test_single_precision_is_told(tmp_path: Path, write_nwb: Writer) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes={0: [3600.0, 3601.0]})
    replace_array(path, "units/spike_times", np.array([3600.0, 3601.0], dtype=np.float32))
    recording = contents(path)
    assert recording.spikes["time_s"].dtype == np.float64
    assert tuple(map(str, recording.notes)) == (
        "units/spike_times: float32 holds these times only to 0.24 ms; save them as float64 (double)",
    )


@pytest.mark.parametrize(
    ("ids", "unit", "names"),
    [
        ([-5, 2**62], [-5, 2**62], None),
        ([3, 3], [3, 3], None),
        (np.array([2**64 - 1, 1], dtype=np.uint64), [0, 1], ["18446744073709551615", "1"]),
    ],
)
def test_unit_ids(tmp_path: Path, write_nwb: Writer, ids: Any, unit: list[int], names: list[str] | None) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES)
    replace_array(path, "units/id", np.asarray(ids))
    recording = contents(path)
    assert recording.units["unit"].tolist() == unit
    assert recording.spikes["unit"].tolist() == [unit[0]] * 3 + [unit[1]] * 2
    assert recording.units.get("name", pd.Series(dtype=str)).tolist() == (names or [])
    assert bool(recording.notes) is (names is not None)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([3, 2], "spike_times_index must rise from row to row, it falls at row 1 to 2"),
        ([3, 9], "spike_times_index reaches to value 9, but units/spike_times holds 5: is it truncated?"),
        ([3, 5, 5], r"root/units: ValueError: Columns must be the same length"),
    ],
)
def test_broken_index(tmp_path: Path, write_nwb: Writer, index: list[int], message: str) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, columns=REGIONS)
    replace_array(path, "units/spike_times_index", np.array(index, dtype=np.uint8))
    with pytest.raises(DataError, match=message) as refused:
        contents(path)
    assert len(str(refused.value)) < 400


def test_spikes_that_belong_to_no_unit_are_told(tmp_path: Path, write_nwb: Writer) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES)
    replace_array(path, "units/spike_times_index", np.array([3, 4], dtype=np.uint8))
    recording = contents(path)
    assert len(recording.spikes) == 4
    assert "1 values at the end of units/spike_times belong to no row" in str(recording.notes[0])


def test_everything_wrong_at_once(tmp_path: Path, write_nwb: Writer) -> None:
    path = write_nwb(tmp_path / "a.nwb", spikes=SPIKES, electrodes=ELECTRODES, obs=[[[0, 9]], [[0, 9]]])
    replace_array(path, "units/spike_times_index", np.array([3, 2], dtype=np.uint8))
    replace_array(path, "units/electrodes", np.array([0, 1, 7]))
    replace_array(path, "units/obs_intervals", np.zeros((2, 3)))
    with pytest.raises(DataError) as refused:
        contents(path)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{path}:"
    assert [line.split("/")[1].split(" ")[0].rstrip(":") for line in lines[1:]] == [
        "spike_times_index", "electrodes", "obs_intervals",
    ]  # fmt: skip


def test_units_without_spike_times(tmp_path: Path, write_nwb: Writer) -> None:
    def units(file: Any) -> None:
        file.add_unit_column("quality", "")
        file.add_unit(quality="good")

    with pytest.raises(DataError, match="expected a column spike_times in units, found only quality"):
        contents(write_nwb(tmp_path / "a.nwb", extra=units))


def test_a_file_of_raw_data_says_so(tmp_path: Path, write_nwb: Writer) -> None:
    def raw(file: Any) -> None:
        from pynwb.ecephys import ElectricalSeries

        region = file.create_electrode_table_region([0], "")
        file.add_acquisition(ElectricalSeries(name="probe00", data=np.zeros((9, 1)), electrodes=region, rate=30000.0))

    with pytest.raises(DataError, match=r"the file holds raw data \(probe00\) but no units: sort the spikes first"):
        contents(write_nwb(tmp_path / "a.nwb", electrodes=ELECTRODES, extra=raw))

    def images(file: Any) -> None:
        add_behavior(file)

    with pytest.raises(DataError, match="the file holds acquisition: pair, speed; processing: behavior"):
        contents(write_nwb(tmp_path / "b.nwb", extra=images))


def test_units_in_processing(tmp_path: Path, write_nwb: Writer) -> None:
    def units(file: Any) -> None:
        from pynwb.misc import Units

        module = file.create_processing_module("ecephys", "")
        for n, name in enumerate(("kilosort", "mountainsort"), start=1):
            table = Units(name=name, description="")
            for _ in range(n):
                table.add_unit(spike_times=[1.0, 2.0])
            module.add(table)

    path = write_nwb(tmp_path / "a.nwb", extra=units)
    recording = contents(path)
    assert len(recording.units) == 1
    assert "units are read from processing/ecephys/kilosort; the file also has processing/ecephys/mountain" in str(
        recording.notes[0]
    )
    assert len(contents(path, units="processing/ecephys/mountainsort").units) == 2
    with pytest.raises(
        DataError, match=r"data.options.units = 'processing/ecephys/kilosrt'.*did you mean processing/ece"
    ):
        contents(path, units="processing/ecephys/kilosrt")


def test_waveforms_and_raw_voltage_are_never_read(
    tmp_path: Path, write_nwb: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import h5py

    def heavy(file: Any) -> None:
        from pynwb.ecephys import LFP, ElectricalSeries
        from pynwb.image import ImageSeries

        for row in range(2):
            waves = np.zeros((2, 1, 30))
            file.add_unit(spike_times=[1.0 + row], waveforms=waves, waveform_mean=waves[0], electrodes=[row])
        region = file.create_electrode_table_region([0, 1], "")
        raw = {"data": np.zeros((9, 2)), "electrodes": region, "rate": 30000.0}
        file.add_acquisition(ElectricalSeries(name="raw", **raw))
        file.create_processing_module("behavior", "").add(LFP(ElectricalSeries(name="lfp", **raw)))
        file.add_acquisition(ImageSeries(name="video", data=np.zeros((9, 2, 2)), unit="n.a.", rate=30.0))

    path = write_nwb(tmp_path / "a.nwb", electrodes=ELECTRODES, extra=heavy)
    touched: list[str] = []
    inner = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, *a: (touched.append(self.name), inner(self, *a))[1])
    recording = contents(path)
    assert len(recording.spikes) == 2 and recording.behavior.empty and recording.notes == ()
    assert "/units/spike_times" in touched
    assert not [n for n in touched if n.endswith(("/data", "waveforms", "waveform_mean"))]
