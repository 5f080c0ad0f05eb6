"""A compact copy holds what the reader reads, is valid NWB, and costs a small part of the whole file's bytes."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from archive_server import Server
from project import ROOT
from same_contents import assert_same, contents

from spikebridge import config
from spikebridge.artifacts.fetched import load_fetch_record
from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.io import IngestSections, ingest
from spikebridge.preprocess import PreprocessSections, write_windows
from spikebridge.remote import HttpClient, fetch, list_source


def fetched(url: str, out: Path, client: HttpClient) -> Path:
    fetch(list_source(url, client), out, client)
    return out


def test_the_copy_holds_what_the_reader_reads(whole: Path, server: Server, tmp_path: Path) -> None:
    client = HttpClient()
    out = fetched(server.put("/files/rat1.nwb", whole), tmp_path / "out", client)
    assert_same(whole, out / "rat1.nwb")
    size = whole.stat().st_size
    assert size > 45_000_000
    assert client.transfer.n_bytes == server.received() < 0.03 * size
    assert (out / "rat1.nwb").stat().st_size < 0.02 * size
    record = load_fetch_record(out)
    assert record is not None
    entry = record.files["rat1.nwb"]
    assert (entry.full_size, entry.transferred) == (size, client.transfer.n_bytes - 1)  # 1 byte: the list asks for size
    left_out = {array["name"]: tuple(array["shape"]) for array in entry.left_out}
    assert left_out == {
        "acquisition/audio/data": (10, 20),
        "acquisition/raw/data": (1_000_000, 20),
        "acquisition/raw/timestamps": (1_000_000,),
        "processing/ecephys/LFP/lfp/data": (500, 2),
        "units/waveform_mean": (12, 40, 20),
    }


def test_the_copy_is_valid_nwb_with_every_name(whole: Path, server: Server, tmp_path: Path) -> None:
    from pynwb import NWBHDF5IO, validate

    copy = fetched(server.put("/rat1.nwb", whole), tmp_path / "out", HttpClient()) / "rat1.nwb"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert validate(path=str(copy)) == []
        with NWBHDF5IO(str(copy), "r") as io:
            nwb = io.read()
            raw = nwb.acquisition["raw"]
            assert raw.data.shape == (0,)
            assert nwb.trials["timeseries"][0][0].timeseries is raw
            assert raw.electrodes.table is nwb.electrodes
            assert nwb.units["electrode_group"][0] is nwb.electrode_groups["CA1"]
            assert "waveform_mean" not in nwb.units.colnames
            speed, position = nwb.processing["behavior"]["speed"], nwb.processing["behavior"]["Position"]["position"]
            assert speed.timestamps[:].tolist() == position.timestamps[:].tolist()
    assert names(whole) - names(copy) == {"units/waveform_mean"}
    assert not names(copy) - names(whole)


def names(path: Path) -> set[str]:
    held: set[str] = set()
    with h5py.File(path, "r") as file:
        file.visit(held.add)
    return held


def test_nwbinspector_has_nothing_critical(whole: Path, server: Server, tmp_path: Path) -> None:
    inspector = pytest.importorskip("nwbinspector", reason="nwbinspector is not installed")
    copy = fetched(server.put("/rat1.nwb", whole), tmp_path / "out", HttpClient()) / "rat1.nwb"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        messages = list(inspector.inspect_nwbfile(nwbfile_path=str(copy)))
    assert messages
    assert not [m for m in messages if m.importance.name in ("CRITICAL", "ERROR", "PYNWB_VALIDATION")]


@pytest.mark.parametrize("links", [1, 2])
def test_timestamps_that_a_kept_series_shares_with_a_raw_one_are_kept(
    links: int, whole: Path, server: Server, tmp_path: Path
) -> None:
    """Two links: speed leads to the clock of the field potentials, and that one to the clock of the raw traces."""
    import shutil

    shared = tmp_path / "shared.nwb"
    shutil.copyfile(whole, shared)
    with h5py.File(shared, "r+") as file:
        lfp, speed = file["processing/ecephys/LFP/lfp"], file["processing/behavior/speed"]
        assert isinstance(lfp.get("timestamps", getlink=True), h5py.SoftLink)
        owner = lfp if links == 1 else file["acquisition/raw"]
        attributes = dict(file["acquisition/raw/timestamps"].attrs)
        del owner["timestamps"], speed["timestamps"], speed["data"]
        owner["timestamps"] = np.arange(500) / 5.0
        owner["timestamps"].attrs.update(attributes)
        speed["timestamps"] = h5py.SoftLink("/processing/ecephys/LFP/lfp/timestamps")
        speed["data"] = np.arange(500.0)
        speed["data"].attrs.update({"unit": "cm/s", "conversion": 1.0, "resolution": -1.0, "offset": 0.0})
    out = fetched(server.put("/shared.nwb", shared), tmp_path / "out", HttpClient())
    assert_same(shared, out / "shared.nwb")
    assert (contents(out / "shared.nwb").behavior["series"] == "speed").sum() == 500


@pytest.mark.slow
def test_windows_of_the_copy_are_those_of_the_whole_file(whole: Path, server: Server, tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["trials"] = {"table": "trials", "align": "stop_time", "window_s": [-2.0, 0.0], "label": "choice"}
    copies = fetched(server.put("/sub-rat1_ses-1.nwb", whole), tmp_path / "copies", HttpClient())
    cut: list[dict[str, bytes]] = []
    for folder in (whole.parent, copies):
        params["data"] = {"path": str(folder), "source": ["CA1"], "target": ["PFC"]}
        settings, out = config.parse(params, "params.yaml"), tmp_path / f"windows{len(cut)}"
        assert ingest(IngestSections.of(settings), out / "ingested") == ["sub-rat1_ses-1"]
        write_windows(IngestedRecordings(out / "ingested"), PreprocessSections.of(settings), out / "windows")
        files = [p for p in sorted((out / "windows").rglob("*")) if p.is_file() and p.suffix != ".json"]
        cut.append({p.relative_to(out).as_posix(): p.read_bytes() for p in files})
    assert any(name.endswith((".npz", ".npy")) for name in cut[0])
    assert cut[0] == cut[1]
