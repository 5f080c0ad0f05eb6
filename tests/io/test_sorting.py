"""Sortings saved by SpikeInterface itself, and formats read by the name of its extractor."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sorters import oracle, random_samples, read, same, trains, write_csv

from spikebridge import io
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.readers import sorting

si = pytest.importorskip("spikeinterface.full", reason="extra sorters")
SAVED = ("numpy_folder", "npz_folder", "zarr", "npz", "analyzer", "analyzer_zarr")


def make(ids: list[Any], segments: int = 1, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    units = [{u: random_samples(rng, 50 + i, 290_000) for i, u in enumerate(ids)} for _ in range(segments)]
    made = si.NumpySorting.from_unit_dict(units, sampling_frequency=30000.0)
    made.set_property("brain_area", np.resize(["HC", "PFC"], len(ids)))
    made.set_property("snr", np.arange(float(len(ids))))
    return made


def save(made: Any, folder: Path, kind: str) -> Path:
    """One of SAVED, by SpikeInterface's own functions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "npz":
            folder.mkdir(exist_ok=True)
            si.NpzSortingExtractor.write_sorting(made, folder / "day1.npz")
            return folder / "day1.npz"
        path = folder / ("day1.zarr" if "zarr" in kind else "day1")
        if not kind.startswith("analyzer"):
            made.save(folder=path, format=kind)
            return path
        recording = si.generate_recording(num_channels=2, durations=[10.0], sampling_frequency=30000.0, seed=0)
        form = "zarr" if "zarr" in kind else "binary_folder"
        analyzer = si.create_sorting_analyzer(made, recording, sparse=False, format=form, folder=path)
        analyzer.compute(["random_spikes", "templates", "noise_levels"], verbose=False)
        analyzer.compute("quality_metrics", metric_names=["firing_rate"], verbose=False)
        return path


@pytest.mark.parametrize("kind", SAVED)
@pytest.mark.parametrize("ids", [[7, 3, 4], ["a#1", "b#2", "b#10"]])
def test_what_spikeinterface_saved(tmp_path: Path, kind: str, ids: list[Any]) -> None:
    made = make(ids)
    path = save(made, tmp_path / "raw", kind)
    assert sorting.can_read(path)
    assert [n for n in io.reader_names() if io.get_reader(n).can_read(path)] == ["sorting"]
    contents = read("sorting", path)
    assert contents.name == "day1"
    same(trains(contents, "unit" if ids[0] == 7 else "name"), oracle(made))
    if kind != "npz":  # that format holds no properties
        assert contents.units["brain_area"].tolist() == ["HC", "PFC", "HC"]
        assert contents.units["snr"].tolist() == [0.0, 1.0, 2.0]
    assert ("firing_rate" in contents.units) == kind.startswith("analyzer")
    assert {p.name for p in sorting.files_of(path)} & {"spikes.npy", "sorting_cached.npz", "day1.npz", "0", "0.0"}


def test_ids_that_are_numbers_in_words(tmp_path: Path) -> None:
    contents = read("sorting", save(make(["10", "2"]), tmp_path, "numpy_folder"))
    assert contents.units["unit"].tolist() == [10, 2]
    assert "name" not in contents.units


def test_tables_beside_by_name(tmp_path: Path) -> None:
    path = save(make(["a", "b"]), tmp_path, "numpy_folder")
    write_csv(path, "units.csv", unit=["b", "a"], region=["PFC", "HC"])
    write_csv(path, "trials.csv", start_time=[0.0], stop_time=[1.0])
    contents = read("sorting", path)
    assert contents.units["region"].tolist() == ["HC", "PFC"]
    assert list(contents.tables) == ["trials"]


@pytest.mark.parametrize("kind", ["numpy_folder", "npz_folder", "zarr", "npz"])
def test_segments_are_named_or_refused(tmp_path: Path, kind: str) -> None:
    made = make([1, 2], segments=2)
    path = save(made, tmp_path / "raw", kind)
    with pytest.raises(
        DataError, match=r"2 segments, each with its own clock: name one in data\.options: \{segment: 0\}"
    ):
        read("sorting", path)
    with pytest.raises(DataError, match=r"data\.options\.segment = 2, but there are 2"):
        read("sorting", path, segment=2)
    theirs = {u: made.get_unit_spike_train(u, segment_index=1) / 30000.0 for u in (1, 2)}
    same(trains(read("sorting", path, segment=1)), theirs)


def test_nothing_saved_is_ever_run(tmp_path: Path) -> None:
    """Neither pickled properties nor the class that a JSON names."""
    made = make([1, 2])
    made.set_property("mixed", np.array(["x", None], dtype=object))
    made.set_property("location", np.zeros((2, 3)))
    path = save(made, tmp_path, "numpy_folder")
    about = path / "si_folder.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"class": "antigravity.Sorting"}))
    contents = read("sorting", path)
    assert "antigravity" not in sys.modules
    assert {"mixed", "location"}.isdisjoint(contents.units.columns)
    assert any("damaged or pickled: mixed" in str(n) for n in contents.notes)
    assert any("several values a unit are left out: location" in str(n) for n in contents.notes)


def test_pickled_zarr_is_not_opened(tmp_path: Path) -> None:
    path = save(make([1, 2]), tmp_path, "zarr")
    array = path / "properties" / "snr" / ".zarray"
    array.write_text(json.dumps(json.loads(array.read_text()) | {"filters": [{"id": "pickle", "protocol": 5}]}))
    with pytest.raises(DataError, match="holds pickled arrays, which are not opened"):
        read("sorting", path)


@pytest.mark.parametrize("kind", ["numpy_folder", "npz_folder", "zarr", "npz", "analyzer"])
def test_a_damaged_folder(tmp_path: Path, kind: str) -> None:
    path = save(make([1, 2]), tmp_path / "raw", kind)
    wanted = {"spikes.npy", "sorting_cached.npz", "day1.npz", "sample_index"}
    for file in (f for f in [path, *path.rglob("*")] if f.name in wanted):
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="no sorting saved" if kind == "npz" else "cannot be read"):
        sorting.read(path, sorting.Options())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"extractor": "alf"},
            "alf is not used: it takes spikes.samples, which count on the clock of the probe; data.re",
        ),
        ({"extractor": "nps"}, r"has no sorting extractor 'nps', did you mean npz\? Known: alf, "),
        ({"extractor": "numpy"}, "numpy reads no file or folder; it asks for spikes, sampling_frequency"),
        ({"extractor": "ibl"}, "ibl reads no file or folder"),
        ({"extractor": "Phy"}, "phy runs a file of the data as a program and is not used; data.reader: phy"),
        ({"extractor": "klusta"}, "klusta runs a file of the data as a program"),
        ({"extractor": "npz", "arguments": {"file_path": "x"}}, "arguments of npz: file_path is data.path"),
        (
            {"extractor": "mda", "arguments": {"sampling_freqency": 1}},
            r"unknown argument sampling_freqency, did you mean sampling_frequency\?; sampling_frequency is missing",
        ),
    ],
)
def test_extractors_that_cannot_be_used(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read("sorting", save(make([1, 2]), tmp_path, "npz"), **options)


def test_any_extractor_by_name(tmp_path: Path) -> None:
    from spikeinterface.extractors.mdaextractors import MdaSortingExtractor

    made = make([1, 2])
    folder = tmp_path / "raw" / "day1"
    folder.mkdir(parents=True)
    MdaSortingExtractor.write_sorting(made, folder / "firings.mda")
    write_csv(folder, "units.csv", unit=[1, 2], region=["HC", "PFC"])
    assert not sorting.can_read(folder)
    assert list(io.named_recordings(tmp_path / "raw", "sorting")) == [folder]
    options = {"extractor": "MDA", "arguments": {"sampling_frequency": 30000.0}}
    same(trains(read("sorting", folder, **options)), oracle(made))
    file = folder / "firings.mda"
    assert list(io.named_recordings(file, "sorting")) == [file]
    same(trains(read("sorting", file, **options)), oracle(made))
    (folder / "second.mda").touch()
    with pytest.raises(DataError, match=r"expected one file besides tables in this folder, found firings\.mda, second"):
        read("sorting", folder, **options)
    file.write_bytes(b"broken")
    with pytest.raises(DataError, match="cannot be read by SpikeInterface's extractor 'MDA'"):
        read("sorting", file, **options)


def test_an_extractor_of_a_folder(tmp_path: Path) -> None:
    path = save(make([1, 2]), tmp_path, "zarr")
    same(trains(read("sorting", path, extractor="zarr")), oracle(make([1, 2])))
    file = save(make([1, 2]), tmp_path / "b", "npz")
    with pytest.raises(DataError, match="the extractor zarr reads a folder, this is a file"):
        read("sorting", file, extractor="zarr")


def test_formats_with_a_reader_of_their_own_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    ticks = np.array([10, 20], dtype=">u4")
    (tmp_path / "a" / "TT1_1.t").write_bytes(b"%%BEGINHEADER\n%%ENDHEADER\n" + ticks.tobytes())
    contents = read("sorting", tmp_path / "a", extractor="mclust", arguments={"sampling_frequency": 10000})
    assert "data.reader: mclust does not" in str(contents.notes[0])


def test_not_a_saved_sorting(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bin").touch()
    with pytest.raises(DataError, match=r"no sorting saved by SpikeInterface; of another format, name data\.options"):
        read("sorting", tmp_path / "a")
    with pytest.raises(DataError, match="arguments without an extractor"):
        read("sorting", tmp_path / "a", arguments={"a": 1})


def test_what_we_write_spikeinterface_loads(tmp_path: Path, recording: Any) -> None:
    path = sorting.write(recording, tmp_path)
    loaded = si.load(path)
    same(trains(read("sorting", path)), oracle(loaded))
    assert loaded.get_property("region").tolist() == ["HC", "PFC"]


@pytest.mark.parametrize("kind", ["zarr", "npz"])
def test_without_spikeinterface(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(make([1, 2]), tmp_path / "raw", kind)
    monkeypatch.setitem(sys.modules, "spikeinterface.extractors", None)
    options = {"extractor": "npz"} if kind == "npz" else {}
    with pytest.raises(DataError, match=r"needs SpikeInterface: pip install 'spikebridge\[sorters\]'"):
        read("sorting", path, **options)
    assert sorting.can_read(path)


def test_asking_whether_it_can_read_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from spikebridge import io\n"
        "[io.get_reader(n).can_read(Path(p)) for n in io.reader_names() for p in sys.argv[1:]]\n"
        "print([m for m in ('spikeinterface', 'pynwb', 'h5py', 'zarr') if m in sys.modules])"
    )
    paths = [str(save(make([1, 2]), tmp_path / kind, kind)) for kind in ("zarr", "npz", "numpy_folder")]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert "spikeinterface" not in done.stdout
