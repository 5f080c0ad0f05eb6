"""Small inputs of public reports about tables and labels of units. See docs/reports/labels.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sorters import read, write_csv

from spikebridge.labels.sorter_labels import unit_labels
from spikebridge.labels.unit_labels import find_label_columns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of Kilosort with clusters 0 to 5."""
    path = tmp_path / "day1"
    path.mkdir()
    np.save(path / "spike_times.npy", np.arange(600) * 300)
    np.save(path / "spike_clusters.npy", np.arange(600) % 6)
    (path / "params.py").write_text("sample_rate = 30000\n")
    return path


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text("\n".join("\t".join(line.split("|")) for line in text.split()) + "\n", encoding="utf-8")


def quality(folder: Path) -> list[str]:
    units = read("phy", folder).units.sort_values("unit")
    return [str(word) for word in units["quality"]]


def test_phy_leaves_unsorted_clusters_out_of_its_table(folder: Path) -> None:
    put(folder, "cluster_group.tsv", "cluster_id|group 0|good 1|mua 2|noise")
    put(folder, "cluster_KSLabel.tsv", "cluster_id|KSLabel 0|good 1|good 2|good 3|mua 4|good 5|mua")
    assert quality(folder) == ["good", "mua", "noise", "mua", "good", "mua"]


def test_the_new_label_is_in_group_and_kslabel_stays(folder: Path) -> None:
    put(folder, "cluster_info.tsv", "id|KSLabel|group 0|mua|good 1|good|mua 2|good|noise 3|good| 4|mua| 5|good|good")
    assert quality(folder) == ["good", "mua", "noise", "good", "mua", "good"]


def test_kilosort_copies_its_labels_into_cluster_group(folder: Path) -> None:
    text = "cluster_id|KSLabel 0|good 1|mua 2|good 3|mua 4|good 5|mua"
    put(folder, "cluster_group.tsv", text)
    put(folder, "cluster_KSLabel.tsv", text)
    assert quality(folder) == ["good", "mua"] * 3
    put(folder, "cluster_group.tsv", "cluster_id|group 1|good")  # what Phy writes over it
    assert quality(folder) == ["good", "good", "good", "mua", "good", "mua"]


def test_columns_of_cluster_info_went_blank_during_curation(folder: Path) -> None:
    put(folder, "cluster_info.tsv", "cluster_id|KSLabel|Amplitude|ch 0|||1 1|mua|20.5|2 2|||3 3|||4 4|||5 5|||6")
    put(folder, "cluster_KSLabel.tsv", "cluster_id|KSLabel 0|mua 1|mua 2|good 3|good 4|good 5|good")
    put(folder, "cluster_Amplitude.tsv", "cluster_id|Amplitude 0|10.5 1|20.5 2|30.5 3|40.5 4|50.5 5|60.5")
    units = read("phy", folder).units
    assert units["Amplitude"].tolist() == [10.5, 20.5, 30.5, 40.5, 50.5, 60.5]
    assert units["quality"].tolist() == ["mua", "mua", "good", "good", "good", "good"]


def test_where_no_group_was_given_the_sorters_noise_is_no_good_unit(folder: Path) -> None:
    rows = "0|mua| 1|noise| 2|good|good 3|good|nan 4|mua|None 5|mua|good"
    put(folder, "cluster_info.tsv", f"cluster_id|KSLabel|group {rows}")
    assert quality(folder) == ["mua", "noise", "good", "good", "mua", "good"]


def test_cluster_info_with_units_of_measurement(folder: Path) -> None:
    rows = " ".join(f"{k}|{40 + k}.50000000|mua|{k}.7_spk/s||{k}" for k in range(6))
    put(folder, "cluster_info.tsv", f"id|Amplitude|KSLabel|firing_rate|group|shank {rows}")
    units = read("phy", folder).units
    assert units["Amplitude"].tolist() == [40.5, 41.5, 42.5, 43.5, 44.5, 45.5]
    assert units["firing_rate"].tolist()[1] == "1.7_spk/s"
    assert units["quality"].tolist() == ["mua"] * 6


def test_a_module_that_finds_noise_writes_groups_of_some_clusters(folder: Path) -> None:
    put(folder, "cluster_KSLabel.tsv", "cluster_id|KSLabel 0|good 1|good 2|good 3|good 4|good 5|good")
    put(folder, "cluster_group.tsv", "cluster_id|group 0|noise 1|unsorted 2|noise")
    assert quality(folder) == ["noise", "good", "noise", "good", "good", "good"]


def test_units_that_bombcell_left_out_keep_the_sorters_label(folder: Path) -> None:
    put(folder, "cluster_KSLabel.tsv", "cluster_id|KSLabel 0|good 1|good 2|mua 3|mua 4|good 5|good")
    put(folder, "cluster_bc_unitType.tsv", "cluster_id|bc_unitType 0|GOOD 1|MUA 3|GOOD 4|NON-SOMA")
    assert quality(folder) == ["GOOD", "MUA", "mua", "GOOD", "NON-SOMA", "good"]


def test_a_merged_cluster_has_no_label_until_somebody_judges(folder: Path) -> None:
    put(folder, "cluster_KSLabel.tsv", "cluster_id|KSLabel 0|good 1|good 2|good 3|good 4|good")
    assert quality(folder) == [*["good"] * 5, ""]
    assert any("1 of 6 clusters have neither a group nor a label" in str(n) for n in read("phy", folder).notes)


def test_label_of_ibl_counts_metrics_and_labels_is_of_the_channel() -> None:
    units = pd.DataFrame({"unit": range(4), "label": [1.0, 2 / 3, 1 / 3, 1.0], "labels": [0.0, 1.0, 0.0, 0.0]})
    assert find_label_columns(units) == []
    (warning,) = unit_labels(units, units, "auto", "day1").warnings
    assert "label (1: 2, 0.666666666667: 1, 0.333333333333: 1)" in warning.text
    assert "labels (0: 3, 1: 1)" in warning.text
    assert unit_labels(units, units, "label", "day1").words == ("1", "0.666666666667", "0.333333333333", "1")


def test_klusta_has_numbers_and_names_of_groups() -> None:
    units = pd.DataFrame(
        {"unit": range(4), "cluster_group": [0, 1, 2, 3], "cluster_group_name": ["Noise", "MUA", "Good", "Unsorted"]}
    )
    labels = unit_labels(units, units, "auto", "day1")
    assert labels.words == ("Noise", "MUA", "Good", "Unsorted")
    assert "cluster_group (0: 1, 1: 1, 2: 1, 3: 1)" in str(labels.warnings[0])


def test_a_custom_word_of_a_person_is_not_good(folder: Path) -> None:
    put(folder, "cluster_KSLabel.tsv", "cluster_id|KSLabel 0|good 1|good 2|good 3|good 4|good 5|good")
    put(folder, "cluster_group.tsv", "cluster_id|group 0|67 1|poor 2|fine 3|68")
    assert quality(folder) == ["67", "poor", "fine", "68", "good", "good"]
    write_csv(folder, "units.csv", unit=range(6), region=["HC"] * 6)
    assert quality(folder) == ["67", "poor", "fine", "68", "good", "good"]
