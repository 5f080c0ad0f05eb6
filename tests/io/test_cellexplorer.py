"""CellExplorer sessions as MATLAB writes them, version 5 (by scipy) and 7.3 (by h5py), against SpikeInterface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sorters import oracle, random_samples, read, same, trains, write_csv

from spikebridge.errors import DataError
from spikebridge.io.readers import cellexplorer

Struct = dict[str, Any]
RATE = 20000.0


def cell(rows: list[Any]) -> np.ndarray:
    """A cell array of one row: times as columns, text as it is."""
    made = np.empty((1, len(rows)), dtype=object)
    for i, row in enumerate(rows):
        made[0, i] = row if isinstance(row, (str, dict)) else np.asarray(row, dtype=float).reshape(-1, 1)
    return made


def spikes_struct(n: int = 3, seed: int = 0) -> Struct:
    rng = np.random.default_rng(seed)
    return {
        "UID": np.arange(1.0, n + 1)[None],
        "times": cell([random_samples(rng, 50 + i) / RATE for i in range(n)]),
        "shankID": np.arange(1.0, n + 1)[None],
        "cluID": np.arange(2.0, n + 2)[None],
        "sr": RATE,
        "numcells": float(n),
        "filtWaveform": cell([np.zeros(4)] * n),
    }


def metrics_struct(n: int = 3) -> Struct:
    return {
        "UID": np.arange(1.0, n + 1)[None],
        "brainRegion": cell((["HC", "PFC"] * n)[:n]),
        "putativeCellType": cell(["Pyramidal Cell"] * n),
        "firingRate": np.arange(float(n))[None],
        "animal": cell(["MS22"] * n),
        "general": {"basename": "day1"},
    }


SESSION = {
    "general": {"name": "day1"},
    "animal": {"name": "MS22"},
    "extracellular": {"sr": RATE},
    "epochs": cell(
        [{"name": "sleep", "startTime": 0.0, "stopTime": 5.0}, {"name": "maze", "startTime": 5.0, "stopTime": 15.0}]
    ),
}


def save(path: Path, version: str, **variables: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    if version == "5":
        from scipy.io import savemat

        savemat(path, variables)
        return
    import h5py

    with h5py.File(path, "w", userblock_size=512) as handle:
        for name, value in variables.items():
            _put(handle, handle, name, value)
    with open(path, "r+b") as raw:
        raw.write(
            b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Tue Nov 24 03:00:00 2026 HDF5 schema 1.00 .".ljust(
                116
            )
        )
        raw.write(b"\x00" * 8 + b"\x00\x02" + b"IM")


def _put(handle: Any, group: Any, name: str, value: Any) -> Any:
    """One MATLAB value in the layout of version 7.3: columns first, cells as references."""
    import h5py

    if isinstance(value, dict):
        made = group.create_group(name)
        made.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, field_value in value.items():
            _put(handle, made, key, field_value)
        return made
    if isinstance(value, str):
        made = group.create_dataset(name, data=np.array([[ord(c)] for c in value], dtype=np.uint16))
        made.attrs["MATLAB_class"] = np.bytes_("char")
        return made
    value = np.atleast_2d(value)
    if value.dtype == object:
        refs = handle.require_group("#refs#")
        rows = [_put(handle, refs, f"r{len(refs)}", v).ref for v in value[0]]
        made = group.create_dataset(name, data=np.array(rows, dtype=h5py.ref_dtype).reshape(-1, 1))
        made.attrs["MATLAB_class"] = np.bytes_("cell")
        return made
    made = group.create_dataset(name, data=value.T)
    made.attrs["MATLAB_class"] = np.bytes_("double")
    return made


def session(path: Path, version: str = "5", n: int = 3) -> Path:
    save(path / "day1.spikes.cellinfo.mat", version, spikes=spikes_struct(n))
    save(path / "day1.cell_metrics.cellinfo.mat", version, cell_metrics=metrics_struct(n))
    save(path / "day1.session.mat", version, session=SESSION)
    return path


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("n", [1, 3])
def test_as_spikeinterface_reads_it(tmp_path: Path, version: str, n: int) -> None:
    path = session(tmp_path / "day1", version, n)
    assert cellexplorer.can_read(path)
    contents = read("cellexplorer", path)
    assert contents.units["unit"].tolist() == list(range(1, n + 1))
    assert contents.units["brain_region"].tolist() == ["HC", "PFC", "HC"][:n]
    assert contents.units["putativeCellType"].tolist() == ["Pyramidal Cell"] * n
    assert contents.units["shankID"].tolist() == list(range(1, n + 1))
    assert "filtWaveform" not in contents.units
    assert contents.animal == "MS22"
    assert contents.tables["epochs"]["name"].tolist() == ["sleep", "maze"]
    assert contents.tables["epochs"]["stop_time"].tolist() == [5.0, 15.0]
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    if n == 1:  # SpikeInterface does not read a session of one unit
        same(trains(contents), {1: random_samples(np.random.default_rng(0), 50) / RATE})
        return
    theirs = oracle(extractors.read_cellexplorer(path / "day1.spikes.cellinfo.mat"))
    same(trains(contents), {int(float(u)): t for u, t in theirs.items()})


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_times_between_samples_and_units_of_few_spikes(tmp_path: Path, version: str) -> None:
    spikes = spikes_struct() | {"times": cell([[0.1234567], [], [0.3, 0.2]])}
    save(tmp_path / "a.spikes.cellinfo.mat", version, spikes=spikes)
    contents = read("cellexplorer", tmp_path / "a.spikes.cellinfo.mat")
    assert {u: t.tolist() for u, t in trains(contents).items()} == {1: [0.1234567], 2: [], 3: [0.3, 0.2]}
    assert (contents.name, contents.source_file) == ("a", "a.spikes.cellinfo.mat")
    assert contents.animal == "unknown"


def test_a_folder_of_several_sessions_is_none(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"{name}.spikes.cellinfo.mat", "5", spikes=spikes_struct())
        write_csv(tmp_path, f"{name}.units.csv", unit=[1, 2, 3], region=["HC", "PFC", "HC"])
    assert not cellexplorer.can_read(tmp_path)
    file = tmp_path / "a.spikes.cellinfo.mat"
    assert cellexplorer.can_read(file)
    assert read("cellexplorer", file).units["region"].tolist() == ["HC", "PFC", "HC"]
    assert {p.name for p in cellexplorer.files_of(file)} == {"a.spikes.cellinfo.mat", "a.units.csv"}
    with pytest.raises(DataError, match="expected one file"):
        read("cellexplorer", tmp_path)


def test_metrics_are_matched_by_uid(tmp_path: Path) -> None:
    path = session(tmp_path / "day1")
    metrics = metrics_struct() | {"UID": np.array([[3.0, 1.0, 2.0]])}
    save(path / "day1.cell_metrics.cellinfo.mat", "5", cell_metrics=metrics)
    assert read("cellexplorer", path).units["brain_region"].tolist() == ["PFC", "HC", "HC"]
    save(path / "day1.cell_metrics.cellinfo.mat", "5", cell_metrics=metrics_struct(2))
    contents = read("cellexplorer", path)
    assert "brain_region" not in contents.units
    assert any("cell_metrics are of 2 other units" in str(n) for n in contents.notes)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        ({"UID": np.array([[1.0]])}, "spikes has no field 'times'; fields: UID"),
        (spikes_struct(3) | {"UID": np.array([[1.0, 2.0]])}, r"spikes.times of 2 units \(spikes.UID\), got 3"),
        (spikes_struct(3) | {"UID": np.array([[1.0, 2.5, 3.0]])}, "whole numbers in spikes.UID"),
        (spikes_struct(2) | {"times": cell(["a", "b"])}, "expected numbers in spikes.times"),
        ("text", "expected a struct 'spikes', found none"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, spikes: Any, message: str) -> None:
    save(tmp_path / "a.spikes.cellinfo.mat", "5", spikes=spikes)
    with pytest.raises(DataError, match=message):
        read("cellexplorer", tmp_path / "a.spikes.cellinfo.mat")


def test_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "a.spikes.cellinfo.mat").write_bytes(b"no MATLAB file")
    with pytest.raises(DataError, match=r"a\.spikes\.cellinfo\.mat: expected a MATLAB file"):
        read("cellexplorer", tmp_path / "a.spikes.cellinfo.mat")


def test_what_we_write_spikeinterface_reads(tmp_path: Path, recording: Any) -> None:
    extractors = pytest.importorskip("spikeinterface.extractors", reason="extra sorters")
    path = cellexplorer.write(recording, tmp_path)
    contents = read("cellexplorer", path)
    assert contents.units["brain_region"].tolist() == ["HC", "PFC"]
    theirs = extractors.read_cellexplorer(path / "small.spikes.cellinfo.mat", sampling_frequency=1000.0)
    same(trains(contents), {int(float(u)): t for u, t in oracle(theirs).items()})


def test_other_files_of_a_session_are_no_files_of_it(tmp_path: Path) -> None:
    path = session(tmp_path / "day1")
    for name in ("day1.dat", "day1.ripples.events.mat", "other.units.csv"):
        (path / name).touch()
    names = {p.name for p in cellexplorer.files_of(path)}
    assert "day1.dat" not in names and "day1.ripples.events.mat" not in names
    assert {"day1.spikes.cellinfo.mat", "day1.session.mat", "day1.cell_metrics.cellinfo.mat"} <= names


def test_a_persons_tags_are_labels(tmp_path: Path) -> None:
    path = session(tmp_path)
    tags = {"Bad": np.array([[2.0, 3.0]]), "Good": np.array([[1.0, 3.0]]), "InverseSpike": np.array([[1.0]])}
    save(path / "day1.cell_metrics.cellinfo.mat", "5", cell_metrics=metrics_struct() | {"tags": tags})
    units = read("cellexplorer", path).units
    assert dict(zip(units["unit"], units["tags"], strict=True)) == {1: "Good", 2: "Bad", 3: "Bad"}


def test_words_of_both_structs_count_cell_by_cell(tmp_path: Path) -> None:
    path = session(tmp_path)
    own = spikes_struct() | {"quality": cell(["good", "good", ""])}
    save(path / "day1.spikes.cellinfo.mat", "5", spikes=own)
    metrics = metrics_struct() | {"quality": cell(["good", "mua", "noise"])}
    save(path / "day1.cell_metrics.cellinfo.mat", "5", cell_metrics=metrics)
    contents = read("cellexplorer", path)
    assert contents.units["quality"].tolist() == ["good", "mua", "noise"]
    assert any("unit 2 (spikes: good, cell_metrics: mua; used: mua)" in str(n) for n in contents.notes)


@pytest.mark.parametrize("name", ["..spikes.cellinfo.mat", "._day1.spikes.cellinfo.mat"])
def test_a_hidden_file_is_no_second_session(tmp_path: Path, name: str) -> None:
    path = session(tmp_path)
    (path / name).write_bytes(b"stray")
    assert cellexplorer.can_read(path)
    assert len(read("cellexplorer", path).units) == 3
