"""Phy folders: one exported by SpikeInterface, and others with what real ones go through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sorters import oracle, read, same, trains, write_csv

from spikebridge.errors import DataError
from spikebridge.io.readers import phy
from spikebridge.types import Recording

SAMPLES = [30, 60, 60, 90, 120, 150, 180]
CLUSTERS = [5, 2, 5, 2, 9, 5, 2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder written by SpikeInterface's export_to_phy, and the sorting it came from."""
    si = pytest.importorskip("spikeinterface.full", reason="extra sorters")
    recording, sorting = si.generate_ground_truth_recording(durations=[10.0], num_channels=4, num_units=4, seed=1)
    sorting.set_property("brain_area", np.array(["HC", "HC", "PFC", "PFC"]))
    analyzer = si.create_sorting_analyzer(sorting, recording, sparse=False, format="memory")
    analyzer.compute(["random_spikes", "templates", "noise_levels"], verbose=False)
    analyzer.compute("quality_metrics", metric_names=["isi_violation", "presence_ratio"], verbose=False)
    folder = tmp_path_factory.mktemp("phy") / "day1"
    options = {"compute_pc_features": False, "compute_amplitudes": False, "copy_binary": False, "verbose": False}
    si.export_to_phy(analyzer, folder, additional_properties=["brain_area"], **options)
    return folder, sorting


def folder_of(path: Path, samples: Any = SAMPLES, clusters: Any = CLUSTERS, params: str | None = None) -> Path:
    path.mkdir(exist_ok=True)
    np.save(path / "spike_times.npy", np.asarray(samples))
    np.save(path / "spike_clusters.npy", np.asarray(clusters))
    text = (
        "dat_path = 'C:\\Users\\x.dat'\nsample_rate = 30000.  # Hz\nhp_filtered = False\n" if params is None else params
    )
    (path / "params.py").write_text(text)
    return path


def table(path: Path, name: str, **columns: list[Any]) -> None:
    pd.DataFrame(columns).to_csv(path / f"cluster_{name}.tsv", sep="\t", index=False)


def test_what_spikeinterface_exported(exported: tuple[Path, Any]) -> None:
    folder, sorting = exported
    assert phy.can_read(folder)
    found = read("phy", folder)
    same({str(u): t for u, t in trains(found).items()}, oracle(sorting))
    assert found.units["brain_area"].tolist() == ["HC", "HC", "PFC", "PFC"]
    assert found.units["quality"].tolist() == [""] * 4
    assert {"isi_violations_ratio", "si_unit_id", "channel_group"} <= set(found.units)


def test_as_spikeinterface_reads_it(exported: tuple[Path, Any]) -> None:
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    same(trains(read("phy", exported[0])), oracle(extractors.read_phy(exported[0])))


def test_what_we_write_spikeinterface_reads(tmp_path: Path, recording: Any) -> None:
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    path = phy.write(recording, tmp_path)
    same(trains(read("phy", path)), oracle(extractors.read_phy(path)))


def test_curated_labels_before_kilosorts(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    table(path, "KSLabel", cluster_id=[2, 5, 9], KSLabel=["mua", "good", "good"])
    table(path, "group", cluster_id=[2, 5], group=["good", "unsorted"])
    table(path, "amplitude_cutoff", cluster_id=[2, 5, 9], amplitude_cutoff=[0.1, 0.2, None])
    units = read("phy", path).units.set_index("unit")
    assert units["quality"].to_dict() == {2: "good", 5: "good", 9: "good"}
    assert units["KSLabel"].to_dict() == {2: "mua", 5: "good", 9: "good"}
    assert units.loc[5, "amplitude_cutoff"] == 0.2


def test_cluster_info_says_what_there_is_and_keeps_silent_units(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    info = {
        "cluster_id": [9, 2, 5, 77],
        "depth": [1.0, 2.0, 3.0, 4.0],
        "ch": [1, 2, 3, 4],
        "group": ["mua", "good", "noise", None],
    }
    pd.DataFrame(info).to_csv(path / "cluster_info.tsv", sep="\t", index=False)
    table(path, "group", cluster_id=[2, 9, 40], group=["good", "good", "good"])
    found = read("phy", path)
    assert found.units["unit"].tolist() == [9, 2, 5, 77]
    assert found.units["quality"].tolist() == ["mua", "good", "noise", ""]
    assert found.units["depth"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found.spikes["unit"].tolist() == [9, 2, 2, 2, 5, 5, 5]
    assert any("cluster_group.tsv: 1 clusters have no spikes" in n for n in found.notes)
    assert any("column group differs" in n for n in found.notes)
    assert any("1 of 4 clusters have neither a group nor a label" in n for n in found.notes)


def test_old_tables_with_tabs_in_csv_and_id(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "cluster_groups.csv").write_text("id\tgroup\n2\tgood\n5\tmua\n9\tnoise\n")
    assert read("phy", path).units["quality"].tolist() == ["good", "mua", "noise"]


def test_templates_where_nothing_was_curated(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "spike_clusters.npy").rename(path / "spike_templates.npy")
    found = read("phy", path)
    assert found.units["unit"].tolist() == [2, 5, 9]
    assert "spike_templates.npy" in found.notes[0]


def test_spikes_come_as_they_are(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", [[60], [-30], [30], [30]], [[1], [1], [0], [0]])
    assert read("phy", path).spikes["time_s"].tolist() == [0.001, 0.001, 0.002, -0.001]


def test_params_is_never_run(tmp_path: Path) -> None:
    path = folder_of(
        tmp_path / "a", params=f"open({str(tmp_path / 'ran')!r}, 'w')\nsample_rate = 25e3\nimport nowhere\n"
    )
    assert read("phy", path).spikes["time_s"].max() == 180 / 25e3
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("params", "options", "said"),
    [
        ("", {}, r"no sampling rate: expected it in params\.py; or write data\.options: \{sampling_rate_hz: 30000\}"),
        ("sample_rate = 2 * rate", {}, r"params\.py: expected sample_rate = a number, got '2 \* rate'"),
        ("sample_rate = 25000", {"sampling_rate_hz": 30000}, "differ: params.py gives 25000 Hz, data.options"),
        ("sample_rate = 0", {}, "params.py gives a sampling rate of 0 Hz"),
    ],
)
def test_sampling_rate(tmp_path: Path, params: str, options: dict[str, Any], said: str) -> None:
    path = folder_of(tmp_path / "a", params=params)
    with pytest.raises(DataError, match=said):
        read("phy", path, **options)


def test_sampling_rate_that_is_asked_for(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "params.py").unlink()
    assert read("phy", path, sampling_rate_hz=10000).spikes["time_s"].max() == 0.018


@pytest.mark.parametrize(
    ("samples", "clusters", "said"),
    [
        ([1, 2, 3], [0, 1], "spike_times.npy has 3 spikes, spike_clusters.npy has 2"),
        ([0.5, 2.0], [0, 1], r"spike_times.npy: expected whole numbers \(samples\), got 0.5: are these seconds\?"),
        ([1, 2], [0.5, 1.0], r"spike_clusters.npy: expected whole numbers \(ids of clusters\), got 0.5$"),
        ([1, 2], [0.0, np.nan], "expected a cluster for every spike, found NaN"),
        ([[1, 2], [3, 4]], [0, 1], r"expected one number a spike, got int64 of shape \(2, 2\)"),
        (np.array([1, None]), [0, 1], "spike_times.npy cannot be read as an array"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, samples: Any, clusters: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read("phy", folder_of(tmp_path / "a", samples, clusters))


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    table(path, "group", cluster_id=[2, 2], group=["good", "mua"])
    with pytest.raises(DataError, match=r"cluster_group\.tsv: expected one row a cluster, more than one for 2"):
        read("phy", path)
    table(path, "group", cluster_id=["two"], group=["good"])
    with pytest.raises(DataError, match="expected whole numbers in cluster_id"):
        read("phy", path)


def test_tables_beside_give_regions_and_trials(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    assert any("units.csv" in n for n in read("phy", path).notes)
    write_csv(path, "units.csv", unit=[2, 5, 9], region=["HC", "PFC", "HC"])
    write_csv(path, "trials.csv", start_time=[0.0], stop_time=[1.0], choice=["stay"])
    table(path, "KSLabel", cluster_id=[2, 5, 9], KSLabel=["mua", "good", "good"])
    found = read("phy", path)
    assert found.units["region"].tolist() == ["HC", "PFC", "HC"]
    assert found.tables["trials"]["choice"].tolist() == ["stay"]
    assert found.notes == ()
    write_csv(path, "units.csv", unit=[2, 6], region=["HC", "PFC"])
    with pytest.raises(DataError, match="no such units as 6"):
        read("phy", path)


def test_the_raw_recording_is_no_file_of_it(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "recording.dat").touch()
    (path / "pc_features.npy").touch()
    table(path, "group", cluster_id=[2], group=["good"])
    names = {p.name for p in phy.files_of(path)}
    assert names == {"spike_times.npy", "spike_clusters.npy", "params.py", "cluster_group.tsv"}


def test_a_table_of_clusters_that_misses_some(tmp_path: Path, recording: Recording) -> None:
    path = phy.write(recording, tmp_path)
    assert read("phy", path).notes == ()
    info = path / "cluster_info.tsv"
    lines = info.read_text(encoding="utf-8").splitlines(keepends=True)
    info.write_text("".join(lines[:-1]), encoding="utf-8")
    said = "cluster_info: no row for 1, which have spikes: was it saved before a merge or split, or cut short?"
    assert said in read("phy", path).notes
    info.write_text("".join(lines)[:-1], encoding="utf-8")
    ending = "cluster_info.tsv: the last line does not end; unless it was typed so, was the file cut short?"
    assert read("phy", path).notes == (ending,)
