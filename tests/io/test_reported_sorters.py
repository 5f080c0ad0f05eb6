"""Small inputs of public reports about sorters, MATLAB files and tables. See docs/reports/sorters.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat
from sorters import read, trains, write_csv

from spikebridge.errors import DataError
from spikebridge.io import reader_registry
from spikebridge.io.contents import Contents

HOUR = 3600 * 30000


def notes(contents: Contents) -> str:
    return "\n".join(map(str, contents.notes))


# MClust


def t_file(path: Path, ticks: Any, kind: str = ">u4") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"%%BEGINHEADER\n%%ENDHEADER\n" + np.asarray(ticks).astype(kind).tobytes())


def test_microseconds_in_64_bits_in_plain_t_files(tmp_path: Path) -> None:
    """After 71.6 minutes microseconds need more than 32 bits, so that the upper halves are no longer all zero."""
    ticks = np.arange(4_294_000_000, 4_299_000_000, 10_000)
    t_file(tmp_path / "a" / "TT1_1.t", ticks, ">u8")
    t_file(tmp_path / "a" / "TT1_2.t", ticks[:2], ">u8")  # too few to tell by themselves
    times = trains(read("mclust", tmp_path / "a", time_step_us=1), "name")
    np.testing.assert_array_equal(times["TT1_1"], ticks / 1e6)
    assert times["TT1_2"].tolist() == [4294.0, 4294.01]


def test_32_bits_stay_32_bits(tmp_path: Path) -> None:
    ticks = np.arange(20_000, 40_000, 100)
    t_file(tmp_path / "a" / "TT1_1.t", ticks)
    t_file(tmp_path / "a" / "TT1_2.t", [9, 20_000])
    t_file(tmp_path / "a" / "TT1_3.t", ticks[::-1].copy())  # not in order: a finding of its own, not another width
    contents = read("mclust", tmp_path / "a")
    assert contents.spikes.groupby("unit")["time_s"].count().tolist() == [200, 2, 200]
    assert trains(contents, "name")["TT1_2"].tolist() == [0.0009, 2.0]


def test_raw_files_of_mclust_ask_for_their_unit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    t_file(path / "TT1_1.raw64", [1_000_000, 2_500_001], ">u8")
    t_file(path / "TT1_2.raw32", [1_000_000, 3_000_000])
    assert reader_registry.reader_of(path) is not None
    with pytest.raises(DataError, match=r"TT1_1.raw64, TT1_2.raw32: MClust writes times .*{time_step_us: 100}"):
        read("mclust", path)
    times = trains(read("mclust", path, time_step_us=1), "name")
    assert times["TT1_1"].tolist() == [1.0, 2.500001]
    assert times["TT1_2"].tolist() == [1.0, 3.0]
    t_file(path / "TT1_1.t", [10_000, 25_000])
    (path / "TT1_2.raw32").unlink()
    both = read("mclust", path)
    assert both.spikes["time_s"].tolist() == [1.0, 2.5]
    assert "TT1_1.raw64" in notes(both)


def test_order_of_bytes_of_t_files(tmp_path: Path) -> None:
    ticks = np.arange(20_000, 40_000, 100)
    t_file(tmp_path / "a" / "TT1_1.t", ticks, "<u4")
    with pytest.raises(DataError, match=r"TT1_1.t: times do not rise as big-endian .*{byte_order: little}"):
        read("mclust", tmp_path / "a")
    contents = read("mclust", tmp_path / "a", byte_order="little")
    np.testing.assert_array_equal(contents.spikes["time_s"], ticks / 10_000)


# wave_clus


def channel(path: Path, name: str, classes: Any, times: Any) -> None:
    path.mkdir(exist_ok=True)
    savemat(path / name, {"cluster_class": np.column_stack([classes, times]), "par": {"sr": 32000.0}})


def test_wave_clus_counts_classes_within_a_channel(tmp_path: Path) -> None:
    path = tmp_path / "day1"
    channel(path, "times_CSC10.mat", [1, 0], [5000.0, 6000.25])
    channel(path, "times_CSC2.mat", [0, 1, 2, 1], [100.0, 250.5, 900.0, 1500.0])
    channel(path, "CSC2_spikes.mat", [0], [1.0])
    contents = read("waveclus", path)
    reader = reader_registry.reader_of(path)
    assert reader is not None
    assert reader_registry.key_of(reader) == "waveclus"
    assert contents.units["name"].tolist() == [
        f"CSC{k}" for k in ("2_class0", "2_class1", "2_class2", "10_class0", "10_class1")
    ]
    assert contents.units["quality"].tolist() == ["noise", "", "", "noise", ""]
    times = trains(contents, "name")
    assert times["CSC2_class1"].tolist() == [0.2505, 1.5]
    assert times["CSC10_class1"].tolist() == [5.0]
    assert "class 0 of 2 channels, 2 spikes" in notes(contents)


def test_regions_of_wave_clus_by_name(tmp_path: Path) -> None:
    path = tmp_path / "day1"
    channel(path, "times_CSC2.mat", [1, 2], [250.5, 900.0])
    write_csv(path, "units.csv", unit=["CSC2_class2", "CSC2_class1"], region=["PFC", "HC"])
    assert read("waveclus", path).units["region"].tolist() == ["HC", "PFC"]


@pytest.mark.parametrize(("per_s", "unit"), [(1e6, "us"), (1.0, "s")])
def test_times_of_wave_clus_that_are_no_milliseconds(tmp_path: Path, per_s: float, unit: str) -> None:
    seconds = 1000 + np.cumsum(np.random.default_rng(0).exponential(0.1, 200) + 0.0015)
    path = tmp_path / "day1"
    channel(path, "times_CSC1.mat", np.ones(200), seconds * per_s)
    with pytest.raises(DataError, match=f"are the times in cluster_class milliseconds.*{{time_unit: {unit}}}"):
        read("waveclus", path)
    np.testing.assert_allclose(read("waveclus", path, time_unit=unit).spikes["time_s"], seconds)
    channel(path, "times_CSC1.mat", np.ones(200), seconds * 1e3)
    np.testing.assert_allclose(read("waveclus", path).spikes["time_s"], seconds)


def test_faults_of_wave_clus_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "day1"
    channel(path, "times_CSC1.mat", [1, 1.5], [1.0, 2.0])
    savemat(path / "times_CSC2.mat", {"cluster_class": np.ones((3, 4))})
    with pytest.raises(DataError) as caught:
        read("waveclus", path)
    assert "times_CSC1.mat: expected whole numbers from 0" in str(caught.value)
    assert "times_CSC2.mat: expected cluster_class with two columns" in str(caught.value)


# MATLAB


def test_a_column_of_a_matrix(tmp_path: Path) -> None:
    channel(tmp_path, "sorted.mat", [0, 1, 1], [100.0, 250.5, 1500.0])
    file = tmp_path / "sorted.mat"
    with pytest.raises(DataError, match=r"spike_times: cluster_class\(:,2\)\n +spike_units: cluster_class\(:,1\)\n"):
        read("matlab", file)
    options = {"spike_times": "cluster_class(:,2)", "spike_units": "cluster_class(:,1)", "time_unit": "ms"}
    assert trains(read("matlab", file, **options))[1].tolist() == [0.2505, 1.5]
    with pytest.raises(DataError, match="cluster_class has no column 3, but 2"):
        read("matlab", file, **options | {"spike_times": "cluster_class(:,3)"})
    with pytest.raises(DataError, match="par is struct and has no columns"):
        read("matlab", file, **options | {"spike_times": "par(:,1)"})


@pytest.fixture
def ultramegasort(tmp_path: Path) -> Path:
    """Two trials of 10 s; clusters 3 (good) and 5 (garbage)."""
    spikes = {
        "spiketimes": np.array([[0.125, 0.5, 0.25, 0.75]], dtype="f4"),
        "trials": [[1.0, 1.0, 2.0, 2.0]],
        "unwrapped_times": np.array([[0.125, 0.5, 10.25, 10.75]], dtype="f4"),
        "assigns": [[3.0, 5.0, 3.0, 5.0]],
        "labels": [[3.0, 2.0], [5.0, 4.0]],
    }
    savemat(tmp_path / "day1.mat", {"spikes": spikes})
    return tmp_path / "day1.mat"


def test_ultramegasort_is_proposed_with_times_of_the_session(ultramegasort: Path) -> None:
    with pytest.raises(DataError) as caught:
        read("matlab", ultramegasort)
    for line in ("spike_times: spikes.unwrapped_times", "spike_units: spikes.assigns", "unit_id: spikes.labels(:,1)"):
        assert line in str(caught.value)
    contents = read(
        "matlab",
        ultramegasort,
        spike_times="spikes.unwrapped_times",
        spike_units="spikes.assigns",
        unit_id="spikes.labels(:,1)",
        units={"ums_label": "spikes.labels(:,2)"},
    )
    assert trains(contents)[3].tolist() == [0.125, 10.25]
    assert contents.units["ums_label"].tolist() == [2, 4]


def test_ultramegasorts_times_within_trials_are_refused(ultramegasort: Path) -> None:
    with pytest.raises(
        DataError, match=r"counts from the start of each trial.*set spike_times: spikes.unwrapped_times"
    ):
        read("matlab", ultramegasort, spike_times="spikes.spiketimes", spike_units="spikes.assigns")


# Kilosort and Phy: what the acquisition system says


def kilosort(path: Path, last: int = HOUR) -> Path:
    path.mkdir(parents=True)
    np.save(path / "spike_times.npy", np.linspace(0, last, 601).astype(np.int64))
    np.save(path / "spike_clusters.npy", np.arange(601) % 3)
    (path / "params.py").write_text("sample_rate = 30000.0\n")
    return path


def test_the_measured_rate_of_spikeglx_is_named_and_can_be_used(tmp_path: Path) -> None:
    path = kilosort(tmp_path / "g0_imec0" / "ks")
    (path.parent / "g0_t0.imec0.ap.meta").write_text("fileTimeSecs=3600\nimSampRate=30003.012\nnSavedChans=385\n")
    (path.parent / "g0_t0.imec0.lf.meta").write_text("imSampRate=2500\n")
    contents = read("phy", path)
    assert contents.spikes["time_s"].max() == 3600.0
    assert "g0_t0.imec0.ap.meta gives a measured sampling rate of 30003.012 Hz" in notes(contents)
    assert "the last is 0.361 s off; data.options: {sampling_rate_hz: 30003.012}" in notes(contents)
    measured = read("phy", path, sampling_rate_hz=30003.012)
    assert measured.spikes["time_s"].max() == HOUR / 30003.012
    assert "measured" not in notes(measured)
    with pytest.raises(DataError, match="sampling rates differ"):
        read("phy", path, sampling_rate_hz=25000)
    (path.parent / "g0_t0.imec0.ap.meta").write_text("imSampRate=30000\n")
    assert "measured" not in notes(read("phy", path))


@pytest.mark.parametrize(
    "text",
    [
        "Start Time for Neuropix-PXI (100) - ProbeA-AP @ 30000 Hz: 1234567\n"
        "Start Time for Neuropix-PXI (100) - ProbeA-LFP @ 2500 Hz: 102880\n",
        "Software time: 12345@1000Hz\nProcessor: Rhythm FPGA Id: 100 subProcessor: 0 start time: 1234567@30000Hz\n",
    ],
)
def test_open_ephys_events_count_from_the_start_of_acquisition(tmp_path: Path, text: str) -> None:
    path = kilosort(tmp_path / "recording1" / "continuous" / "PXI-100.ProbeA-AP" / "kilosort4")
    (tmp_path / "recording1" / "sync_messages.txt").write_text(text)
    note = "the recording started 41.152233 s after acquisition"
    assert note in notes(read("phy", path))
    assert "{spikes: 41.152233}" in notes(read("phy", path))
    write_csv(path, "trials.csv", start_time=[45.0, 60.0], stop_time=[46.0, 61.0])
    assert note in notes(read("phy", path))
    write_csv(path, "trials.csv", start_time=[5.0, 60.0], stop_time=[6.0, 61.0])  # counts from the recording
    assert note not in notes(read("phy", path))


def test_open_ephys_timestamps_measure_the_rate(tmp_path: Path) -> None:
    path = kilosort(tmp_path / "PXI-100.ProbeA-AP" / "kilosort4", last=20 * 30000)
    rate, n = 29997.173822, 30000 * 20
    np.save(path.parent / "timestamps.npy", 41.25 + np.arange(n) / rate)
    np.save(path.parent / "sample_numbers.npy", 1237500 + np.arange(n))
    text = notes(read("phy", path))
    assert "timestamps.npy gives a measured sampling rate of 29997.17382 Hz" in text
    assert "the recording started 41.250000 s after acquisition" in text


def test_a_kilosort_folder_alone_gives_no_note_on_clocks(tmp_path: Path) -> None:
    (note,) = read("phy", kilosort(tmp_path / "day1")).notes
    assert str(note) == "no column names regions: a table units.csv with columns unit and region can give them"


def test_times_that_a_lab_shifted_by_trange_are_named(tmp_path: Path) -> None:
    """As the workaround of the report writes it: the original beside the times minus trange(1)."""
    path = kilosort(tmp_path / "day1")
    np.save(path / "spike_times_original.npy", np.load(path / "spike_times.npy") + 8 * 30000)
    contents = read("phy", path)
    assert contents.spikes["time_s"].max() == 3600.0
    assert "spike_times_original.npy is not used; its times are 8 to 8 s after those of spike_times.npy" in notes(
        contents
    )
    original = read("phy", path, spike_times="spike_times_original.npy")
    assert original.spikes["time_s"].max() == 3608.0


def test_ids_of_clusters_written_as_decimals(tmp_path: Path) -> None:
    path = kilosort(tmp_path / "day1")
    (path / "cluster_group.tsv").write_text("cluster_id\tgroup\n0.0\tgood\n1.0\tmua\n2.0\tnoise\n")
    assert read("phy", path).units["quality"].tolist() == ["good", "mua", "noise"]


def test_cluster_0_and_1_of_neuroscope_are_no_good_units(tmp_path: Path) -> None:
    (tmp_path / "day1.res.1").write_text("".join(f"{20000 * k}\n" for k in range(6)))
    (tmp_path / "day1.clu.1").write_text("4\n0\n1\n2\n3\n2\n3\n")
    contents = read("neuroscope", tmp_path, sampling_rate_hz=20000)
    assert contents.units["quality"].tolist() == ["noise", "noise", "", ""]
    assert trains(contents, "name")["shank1_cluster2"].tolist() == [2.0, 4.0]


# Tables that spreadsheets save


def tables(path: Path, spikes: str, units: str = "unit,region\n1,HC\n2,PFC\n") -> Path:
    path.mkdir(exist_ok=True)
    (path / "spikes.csv").write_text(spikes, encoding="utf-8")
    (path / "units.csv").write_text(units, encoding="utf-8")
    (path / "trials.csv").write_text("start_time,stop_time\n0,1\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "spikes",
    [
        "unit,time_s\n1,0.5\n2,1.25\n1,2.5\n",
        "sep=,\nunit,time_s\n1,0.5\n2,1.25\n1,2.5\n",
        "sep=;\r\nunit;time_s\r\n1;0,5\r\n2;1,25\r\n1;2,5\r\n",
        '\ufeff"sep=;"\nunit;time_s\n1;0.5\n2;1.25\n1;2.5\n',
        "unit,time_s,,\n1,0.5,,\n2,1.25,,\n1,2.5,,\n",
        "unit;time_s\n1;0,5\n2;1,25\n1;2,5\n;\n ;\n;\n",
        "unit,time_s,,\n1,0.5,,\n2,1.25,,\n1,2.5,,\n,,,\n,,,\n",
    ],
)
def test_what_spreadsheets_leave_in_csv(tmp_path: Path, spikes: str) -> None:
    contents = read("tables", tables(tmp_path / "day1", spikes))
    assert {u: t.tolist() for u, t in trains(contents).items()} == {1: [0.5, 2.5], 2: [1.25]}
    rows = [n for n in map(str, contents.notes) if "rows without any value at the end" in n]
    assert len(rows) == ("\n;" in spikes or "\n,,," in spikes)


def test_values_in_columns_without_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a name for every column, found none for 3"):
        read("tables", tables(tmp_path / "day1", "unit,time_s,\n1,0.5,\n2,1.25,x\n"))


@pytest.mark.parametrize(
    "spikes",
    [
        'unit,time_s\n1,"1,234.5"\n',
        "unit;time_s\n1;0,5\n1;1.234,5\n",
        "unit;time_s\n1;1 234,5\n",
        "unit;time_s\n1;1'234.5\n",
    ],
)
def test_thousands_separators_are_named(tmp_path: Path, spikes: str) -> None:
    with pytest.raises(DataError, match="write numbers without thousands separators and with a decimal point"):
        read("tables", tables(tmp_path / "day1", spikes))


def test_ids_that_count_within_a_channel_are_refused(tmp_path: Path) -> None:
    spikes = pd.DataFrame({"channel": [1, 1, 2, 2], "unit": [1, 2, 1, 2], "time_s": [0.1, 0.2, 0.3, 0.4]})
    path = tables(tmp_path / "day1", spikes.to_csv(index=False))
    with pytest.raises(DataError, match="2 units with spikes in several places of the column channel") as caught:
        read("tables", path)
    assert "such as 1_1 for unit 1 of channel 1, into both tables" in str(caught.value)
    again = spikes.assign(unit=spikes["channel"].astype(str) + "_" + spikes["unit"].astype(str))
    units = "unit,region\n1_1,HC\n1_2,HC\n2_1,PFC\n2_2,PFC\n"
    contents = read("tables", tables(tmp_path / "day2", again.to_csv(index=False), units))
    assert {u: t.tolist() for u, t in trains(contents, "name").items()} == {
        "1_1": [0.1],
        "1_2": [0.2],
        "2_1": [0.3],
        "2_2": [0.4],
    }
    tables(path, "unit,time_s\n1,0.1\n", "channel,unit,region\n1,1,HC\n2,1,PFC\n")
    with pytest.raises(DataError, match="Do they count within the column channel"):
        read("tables", path)


def test_a_spike_may_lie_on_another_channel_than_its_unit(tmp_path: Path) -> None:
    spikes = "unit,time_s,channel\n1,0.1,10\n1,0.2,11\n2,0.3,11\n3,0.4,12\n4,0.5,12\n5,0.6,12\n"
    units = "unit,region\n" + "".join(f"{k},HC\n" for k in range(1, 6))
    contents = read("tables", tables(tmp_path / "day1", spikes, units))
    assert trains(contents)[1].tolist() == [0.1, 0.2]
    assert "1 unit with spikes in several places of the column channel: 1 (2)" in notes(contents)
    one_each = "unit,time_s,tetrode\n1,0.1,4\n1,0.2,4\n2,0.3,5\n"
    assert "several places" not in notes(read("tables", tables(tmp_path / "day2", one_each)))


def test_one_column_a_unit_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found SPK01a, SPK01b: is there one column for each unit"):
        read("tables", tables(tmp_path / "day1", "SPK01a,SPK01b\n0.1,0.2\n0.3,0.5\n0.4,\n"))
