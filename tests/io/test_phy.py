"""Phy folders: one exported by SpikeInterface, and others with what real ones go through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import make_case
from sorters import oracle, read, same, trains, write_csv

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
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


@pytest.mark.slow
def test_what_spikeinterface_exported(exported: tuple[Path, Any]) -> None:
    folder, sorting = exported
    assert phy.can_read(folder)
    contents = read("phy", folder)
    same({str(u): t for u, t in trains(contents).items()}, oracle(sorting))
    assert contents.units["brain_area"].tolist() == ["HC", "HC", "PFC", "PFC"]
    assert contents.units["quality"].tolist() == [""] * 4
    assert {"isi_violations_ratio", "si_unit_id", "channel_group"} <= set(contents.units)


@pytest.mark.slow  # SpikeInterface takes seconds to load
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
    contents = read("phy", path)
    assert contents.units["unit"].tolist() == [9, 2, 5, 77]
    assert contents.units["quality"].tolist() == ["mua", "good", "noise", ""]
    assert contents.units["depth"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert contents.spikes["unit"].tolist() == [9, 2, 2, 2, 5, 5, 5]
    assert any("cluster_group.tsv: 1 clusters have no spikes" in str(n) for n in contents.notes)
    assert any("column group differs" in str(n) for n in contents.notes)
    assert any("1 of 4 clusters have neither a group nor a label" in str(n) for n in contents.notes)


def test_old_tables_with_tabs_in_csv_and_id(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "cluster_groups.csv").write_text("id\tgroup\n2\tgood\n5\tmua\n9\tnoise\n")
    assert read("phy", path).units["quality"].tolist() == ["good", "mua", "noise"]


def test_templates_where_nothing_was_curated(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "spike_clusters.npy").rename(path / "spike_templates.npy")
    contents = read("phy", path)
    assert contents.units["unit"].tolist() == [2, 5, 9]
    assert "spike_templates.npy" in str(contents.notes[0])


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
    ("params", "options", "message"),
    [
        ("", {}, r"no sampling rate: expected it in params\.py; or write data\.options: \{sampling_rate_hz: 30000\}"),
        ("sample_rate = 2 * rate", {}, r"params\.py: expected sample_rate = a number, got '2 \* rate'"),
        ("sample_rate = 25000", {"sampling_rate_hz": 30000}, "differ: params.py gives 25000 Hz, data.options"),
        ("sample_rate = 0", {}, "params.py gives a sampling rate of 0 Hz"),
    ],
)
def test_sampling_rate(tmp_path: Path, params: str, options: dict[str, Any], message: str) -> None:
    path = folder_of(tmp_path / "a", params=params)
    with pytest.raises(DataError, match=message):
        read("phy", path, **options)


def test_sampling_rate_that_is_asked_for(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    (path / "params.py").unlink()
    assert read("phy", path, sampling_rate_hz=10000).spikes["time_s"].max() == 0.018


@pytest.mark.parametrize(
    ("samples", "clusters", "message"),
    [
        ([1, 2, 3], [0, 1], "spike_times.npy has 3 spikes, spike_clusters.npy has 2"),
        ([0.5, 2.0], [0, 1], r"spike_times.npy: expected whole numbers \(samples\), got 0.5: are these seconds\?"),
        ([1, 2], [0.5, 1.0], r"spike_clusters.npy: expected whole numbers \(ids of clusters\), got 0.5$"),
        ([1, 2], [0.0, np.nan], "expected a cluster for every spike, found NaN"),
        ([[1, 2], [3, 4]], [0, 1], r"expected one number a spike, got int64 of shape \(2, 2\)"),
        (np.array([1, None]), [0, 1], "spike_times.npy cannot be read as an array"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, samples: Any, clusters: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read("phy", folder_of(tmp_path / "a", samples, clusters))


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    table(path, "group", cluster_id=["two"], group=["good"])
    with pytest.raises(DataError, match="expected whole numbers in cluster_id"):
        read("phy", path)


def test_tables_beside_give_regions_and_trials(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    assert any("units.csv" in str(n) for n in read("phy", path).notes)
    write_csv(path, "units.csv", unit=[2, 5, 9], region=["HC", "PFC", "HC"])
    write_csv(path, "trials.csv", start_time=[0.0], stop_time=[1.0], choice=["stay"])
    table(path, "KSLabel", cluster_id=[2, 5, 9], KSLabel=["mua", "good", "good"])
    contents = read("phy", path)
    assert contents.units["region"].tolist() == ["HC", "PFC", "HC"]
    assert contents.tables["trials"]["choice"].tolist() == ["stay"]
    assert contents.notes == ()
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
    message = "cluster_info: no row for 1, which have spikes: was it saved before a merge or split, or cut short?"
    assert message in map(str, read("phy", path).notes)
    info.write_text("".join(lines)[:-1], encoding="utf-8")
    ending = "cluster_info.tsv: the last line does not end; unless it was typed so, was the file cut short?"
    assert read("phy", path).notes == (Finding.warning("last-line-without-end", "cluster_info.tsv", ending),)


def lines(path: Path, name: str, *rows: str) -> None:
    (path / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def note_about(path: Path, part: str) -> str:
    """The one note that has these words."""
    (note,) = [n for n in map(str, read("phy", path).notes) if part in n]
    return note


def quality(path: Path) -> dict[int, str]:
    units = read("phy", path).units
    return dict(zip(units["unit"].tolist(), units["quality"].tolist(), strict=True))


def test_a_row_without_a_number_of_a_cluster_is_left_out(tmp_path: Path) -> None:
    truth = make_case("02_phy_blank_cluster_id", tmp_path)
    contents = read("phy", tmp_path / "day1")
    used = contents.units[contents.units["region"].isin(list(truth["units"]))]
    assert used["region"].value_counts().to_dict() == truth["units"]
    assert used["quality"].tolist() == ["good"] * 8
    assert len(contents.spikes) == truth["spikes"]
    assert "cluster_info.tsv: 1 row left out: row 11 (no whole number in cluster_id: " in note_about(
        tmp_path / "day1", "left out"
    )


def test_words_come_from_every_table_cell_by_cell(tmp_path: Path) -> None:
    truth = make_case("02c_phy_group_fills_gaps", tmp_path)
    labels = quality(tmp_path / "day1")
    assert labels == dict.fromkeys([0, 2, 5, 6, 7, 21], "good") | {1: "mua", 20: "noise", 3: "good", 4: "good"}
    assert {k: w for k, w in labels.items() if w != "good"} == {int(k): w for k, w in truth["not_good"].items()}


@pytest.mark.parametrize(
    ("info", "group", "used"),
    [
        ("good", "mua", "mua"),
        ("noise", "good", "noise"),
        ("mua", "noise", "noise"),
        ("good", "doubtful", "doubtful"),
        ("unsorted", "good", "good"),
        ("good", "unsorted", "good"),
        ("", "mua", "mua"),
        ("Good", "good", "Good"),
    ],
)
def test_two_words_of_persons(tmp_path: Path, info: str, group: str, used: str) -> None:
    """Copies lose the times of files, so nobody knows which table is the later one: the careful word counts."""
    path = folder_of(tmp_path / "a")
    lines(path, "cluster_info.tsv", "cluster_id\tKSLabel\tgroup", f"2\tgood\t{info}", "5\tgood\tgood", "9\tgood\tmua")
    lines(path, "cluster_group.tsv", "cluster_id\tgroup", f"2\t{group}", "5\tgood")
    assert quality(path) == {2: used, 5: "good", 9: "mua"}
    contradict = {info.lower(), group} - {"unsorted", ""}
    notes = [n for n in map(str, read("phy", path).notes) if "contradict" in n]
    if len(contradict) == 1:
        assert notes == []
    else:
        assert f"cluster 2 (cluster_info.tsv: {info}, cluster_group.tsv: {group}; used: {used})" in notes[0]


def test_a_persons_word_before_a_programs_before_a_sorters(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    table(path, "KSLabel", cluster_id=[2, 5, 9], KSLabel=["good", "good", "mua"])
    table(path, "bc_unitType", cluster_id=[2, 5], bc_unitType=["NOISE", "MUA"])
    table(path, "group", cluster_id=[2], group=["good"])
    assert quality(path) == {2: "good", 5: "MUA", 9: "mua"}
    write_csv(path, "units.csv", unit=[2, 5, 9], region=["HC", "PFC", "HC"], quality=["noise", "", "good"])
    assert quality(path) == {2: "noise", 5: "MUA", 9: "good"}
    assert "cluster 2 (quality: noise, group: good; used: noise)" in note_about(path, "contradict")


@pytest.mark.parametrize(
    ("rows", "labels", "note"),
    [
        (["2.0\tmua", "5\tgood", "9\tnoise"], {2: "mua", 5: "good", 9: "noise"}, ""),
        ([" 2 \t mua ", "5\tgood", "9\tnoise", "\t", ""], {2: "mua", 5: "good", 9: "noise"}, ""),
        (
            ["\tmua", "5\tgood"],
            {2: "", 5: "good", 9: ""},
            "1 row left out: row 2 (no whole number in cluster_id: ' | mua')",
        ),
        (["nan\tmua", "5\tgood"], {2: "", 5: "good", 9: ""}, "row 2 (no whole number in cluster_id: 'nan | mua')"),
        (["2.5\tmua", "5\tgood"], {2: "", 5: "good", 9: ""}, "row 2 (no whole number in cluster_id: '2.5 | mua')"),
        (["two\tmua", "5\tgood"], {2: "", 5: "good", 9: ""}, "row 2 (no whole number in cluster_id: 'two | mua')"),
        (["2\tmua\tx", "5\tgood"], {2: "", 5: "good", 9: ""}, "row 2 (3 fields in 2 columns: '2 | mua | x')"),
        (["2\tmua", "2\tmua", "5\tgood"], {2: "mua", 5: "good", 9: ""}, "more than one row, all the same, for 2"),
        (
            ["2\tgood", "2\tmua", "5\tgood"],
            {2: "mua", 5: "good", 9: ""},
            "more than one row, with different content, for cluster 2 (rows 2, 3; used: group mua)",
        ),
        (["2", "5\tgood"], {2: "", 5: "good", 9: ""}, ""),
    ],
)
def test_one_odd_row_refuses_no_folder(tmp_path: Path, rows: list[str], labels: dict[int, str], note: str) -> None:
    path = folder_of(tmp_path / "a")
    lines(path, "cluster_group.tsv", "cluster_id\tgroup", *rows)
    assert quality(path) == labels
    if note:
        assert note_about(path, note).startswith("cluster_group.tsv: ")
    else:
        assert not any("row" in n for n in map(str, read("phy", path).notes) if n.startswith("cluster_group"))


def test_only_the_cells_that_contradict_are_empty(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    lines(
        path, "cluster_info.tsv", "id\tch\tdepth\tarea", "2\t1\t10.5\tNA", "2\t3\t10.5\tNA", "5\t2\t20\tPL", "9\t4\t\t"
    )
    units = read("phy", path).units.set_index("unit")
    assert units["ch"].fillna(-1).to_dict() == {2: -1, 5: 2, 9: 4}
    assert units["depth"].fillna(-1).to_dict() == {2: 10.5, 5: 20.0, 9: -1}
    assert units["area"].fillna("").to_dict() == {2: "NA", 5: "PL", 9: ""}, "NA is nucleus accumbens"
    table(path, "depth", cluster_id=[5, 9], depth=[25.0, 30.0])
    assert read("phy", path).units["depth"].tolist() == [10.5, 20.0, 30.0]
    assert "cluster 5 (20 and 25)" in note_about(
        path, "cluster_depth.tsv: column depth differs from that of cluster_info.tsv"
    )


@pytest.mark.parametrize("name", ["cluster_group_old.tsv", "cluster_group (1).tsv", "cluster_group - Copy.tsv",
                                  "cluster_group.bak.tsv", "cluster_group_20210304.csv"])  # fmt: skip
def test_a_copy_of_a_table_is_passed_over(tmp_path: Path, name: str) -> None:
    path = folder_of(tmp_path / "a")
    lines(path, name, "cluster_id\tgroup", "2\tnoise", "5\tmua", "9\tgood")
    assert quality(path) == {2: "noise", 5: "mua", 9: "good"}, "alone it is the only judgement there is"
    lines(path, "cluster_group.tsv", "cluster_id\tgroup", "2\tgood", "5\tgood", "9\tgood")
    assert quality(path) == {2: "good", 5: "good", 9: "good"}
    assert note_about(path, name).startswith(f"{name} is passed over")


def test_tables_as_spreadsheets_save_them(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a")
    text = 'Cluster_ID;group;comment\n2;mua;5" probe\n5;good;\n9;noise;µ\n'
    for encoding in ("utf-8-sig", "utf-16", "utf-8"):
        (path / "cluster_group.csv").write_text(text, encoding=encoding)
        assert quality(path) == {2: "mua", 5: "good", 9: "noise"}
    (path / "cluster_group.csv").write_text(text, encoding="latin-1")
    assert quality(path) == {2: "mua", 5: "good", 9: "noise"}
    assert "not utf-8" in note_about(path, "characters")
    lines(path, "cluster_sizes.csv", "name,size", "a,1")
    assert "it has no column cluster_id, but name, size" in note_about(path, "cluster_sizes.csv is not read")
