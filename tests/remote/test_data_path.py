"""An address as `data.path`: inspected, used, run under DVC, and read anew when the object changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from archive_server import Handler, Server
from command_line import Run, called
from project import ROOT, copy_project, environment
from whole_recordings import write_whole

from spikebridge.config import DataConfig
from spikebridge.errors import ConfigError
from spikebridge.remote import with_local_copy

REGIONS = {"source": ["CA1"], "target": ["PFC"]}


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two versions of one recording."""
    folder = tmp_path_factory.mktemp("recordings")
    return [write_whole(folder / str(seed) / "rat.nwb", seed=seed, samples=100_000) for seed in (1, 2)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return called(capsys)


def test_a_copy_is_made_once_for_each_state_of_the_object(
    server: Server, recordings: list[Path], tmp_path: Path
) -> None:
    url = server.put("/rat.nwb", recordings[0])
    data = DataConfig(path=url, **REGIONS)
    first = with_local_copy(data, root=tmp_path)
    assert Path(first.path).parent == tmp_path / "data" / "remote"
    assert (Path(first.path) / "rat.nwb").is_file()
    server.log.clear()
    assert with_local_copy(data, root=tmp_path) == first
    assert [request.n_bytes for request in server.log] == [1]
    server.put("/rat.nwb", recordings[1])
    assert with_local_copy(data, root=tmp_path).path != first.path
    here = DataConfig(path=str(tmp_path), **REGIONS)
    assert with_local_copy(here) is here
    with pytest.raises(ConfigError, match=r"^dandi:000978 is fetched first: spikebridge fetch dandi:000978 --out"):
        with_local_copy(DataConfig(path="dandi:000978", **REGIONS))


def test_what_may_change_without_a_sign_is_no_data_path(server: Server, recordings: list[Path], tmp_path: Path) -> None:
    """A copy would be read for years after the object changed."""
    url = server.put("/rat.nwb", recordings[0])

    def without_etag(handler: Handler) -> bool:
        handler.answer(206, b"x", {"Content-Range": "bytes 0-0/1000"})
        return True

    server.fail("/rat.nwb", without_etag)
    server.answers["/other.nwb.zarr/.zmetadata"] = {"metadata": {".zgroup": {}, ".zattrs": {"nwb_version": "2.8.0"}}}
    for place in (url, f"{server.url}/other.nwb.zarr"):
        with pytest.raises(ConfigError, match=r"the server does not show whether .* changed: fetch it first"):
            with_local_copy(DataConfig(path=place, **REGIONS), root=tmp_path)
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_inspect_and_use_take_an_address(
    run: Run, server: Server, recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    url = server.put("/rat.nwb", recordings[0])
    code, out, err = run("inspect", url, "--params", "new.yaml")
    assert code in (0, 1), err
    assert "9600 spikes of 12 units" in out
    given = yaml.safe_load(Path("new.yaml").read_text(encoding="utf-8"))
    assert given["data"]["path"] == url
    code, _, err = run("use", "new.yaml", "--no-try")
    assert code == 0, err
    assert "does not exist" not in err
    code, _, err = run("inspect", "dandi:000978")
    assert code == 2
    assert err.startswith("spikebridge inspect: dandi:000978 is fetched first")


@pytest.mark.slow
def test_dvc_reads_an_address_again_only_when_it_changed(
    server: Server, recordings: list[Path], tmp_path: Path
) -> None:
    url = server.put("/rat.nwb", recordings[0])
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["data"] = {"path": url, **REGIONS}
    params["trials"] = {"table": "trials", "align": "stop_time", "window_s": [-2.0, 0.0], "label": "choice"}
    project = tmp_path / "project"
    copy_project(project, params)
    env = environment(project) | {"NO_PROXY": "127.0.0.1"}

    def dvc(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words], cwd=project, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    text = dvc("repro", "ingest")
    assert "file 1 of 1, rat.nwb: " in text
    assert "rat: read" in text
    assert "didn't change, skipping" in dvc("repro", "ingest")
    server.put("/rat.nwb", recordings[1])
    text = dvc("repro", "ingest")
    assert "rat: read" in text
    assert len(list((project / "data" / "remote").iterdir())) >= 2
