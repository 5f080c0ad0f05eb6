"""`spikebridge fetch` from an archive: versions, files, resuming, and what lies beside the recordings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from archive_server import Handler, Server
from command_line import Run, called
from same_contents import assert_same
from whole_recordings import write_whole, write_whole_zarr

from spikebridge.artifacts.fetched import FetchRecord, load_fetch_record

VERSION = "0.240511.0307"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return called(capsys)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Path in the set -> file; two files have the same name, and one is no NWB."""
    folder = tmp_path_factory.mktemp("small")
    files = {
        f"sub-{s}/ses-{k}/{name}.nwb": write_whole(folder / s / k / f"{name}.nwb", seed=seed, samples=50_000)
        for seed, (s, k, name) in enumerate(
            [("A", "1", "recording"), ("A", "2", "recording"), ("B", "1", "sub-B_ses-1"), ("C", "1", "sub-C_ses-1")], 1
        )
    }
    (folder / "notes.txt").write_text("no recording")
    return files | {"notes.txt": folder / "notes.txt"}


def record_of(folder: Path) -> FetchRecord:
    record = load_fetch_record(folder)
    assert record is not None
    return record


def test_a_set_is_fetched_with_licence_and_citation(
    run: Run, server: Server, small: dict[str, Path], tmp_path: Path
) -> None:
    server.publish("000978", VERSION, small)
    out = tmp_path / "000978"
    code, text, err = run("fetch", "dandi:000978", "--archive", server.api, "--out", str(out))
    assert code == 0, err
    assert f"dandi:000978@{VERSION}: 4 files" in text
    assert "not NWB: 1 file" in text
    assert "file 4 of 4, sub-C/ses-1/sub-C_ses-1.nwb: " in err
    nwb = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.nwb"))
    assert nwb == sorted(path for path in small if path.endswith(".nwb"))
    assert (out / "LICENSE.txt").read_text().endswith("CC-BY-4.0: https://spdx.org/licenses/CC-BY-4.0.html\n")
    assert f"Rat, A. (2024) A set (Version {VERSION})" in (out / "CITATION.txt").read_text()
    record = record_of(out)
    assert (record.source, record.version, record.license) == ("dandi:000978", VERSION, ["CC-BY-4.0"])
    assert all(entry.identity.keys() == {"dandi:sha2-256"} for entry in record.files.values())
    whole = sum(path.stat().st_size for path in small.values())
    assert sum(entry.transferred for entry in record.files.values()) < server.received() < 0.4 * whole


def test_the_same_command_again_reads_no_file(run: Run, server: Server, small: dict[str, Path], tmp_path: Path) -> None:
    server.publish("000978", VERSION, small)
    command = ("fetch", f"dandi:000978@{VERSION}", "--archive", server.api, "--out", str(tmp_path / "d"))
    assert run(*command)[0] == 0
    held = {p: p.read_bytes() for p in (tmp_path / "d").rglob("*") if p.is_file()}
    server.log.clear()
    code, text, err = run(*command)
    assert code == 0, err
    assert "0 files fetched, 4 files finished before" in text
    assert not [request for request in server.log if "/s3/" in request.path]
    assert held == {p: p.read_bytes() for p in (tmp_path / "d").rglob("*") if p.is_file()}


def test_subjects_files_and_a_dry_run(run: Run, server: Server, small: dict[str, Path], tmp_path: Path) -> None:
    server.publish("000978", VERSION, small)
    at = ("--archive", server.api, "--out", str(tmp_path / "d"))
    code, text, _ = run("fetch", "dandi:000978", "--subject", "A", "sub-B", "--dry", *at)
    assert code == 0
    assert text.count(".nwb") == 3
    assert not (tmp_path / "d").exists()
    code, text, _ = run("fetch", "dandi:000978", "--files", "*ses-2/*", "--dry", *at)
    assert text.count(".nwb") == 1
    code, text, _ = run("fetch", "dandi:000978", "--max-files", "2", "--dry", *at)
    assert "2 files" in text
    assert "not asked for: 2 files" in text
    for arguments, message in (
        (("--subject", "Z"), "--subject Z: no file of dandi:000978; subjects there: A, B, C"),
        (("--files", "*.abf"), "--files '*.abf': no file of dandi:000978; NWB files there: sub-A"),
        (("--max-files", "0"), "--max-files: expected at least 1, got 0"),
    ):
        code, _, err = run("fetch", "dandi:000978", *arguments, *at)
        assert code == 2
        assert message in err
        assert err.count("\n") == 1


def test_versions(run: Run, server: Server, small: dict[str, Path], tmp_path: Path) -> None:
    """The latest published one by default; a draft only by name; another version never into the same folder."""
    files = dict(list(small.items())[:1])
    server.publish("000978", "draft", files)
    at = ("--archive", server.api, "--out", str(tmp_path / "d"))
    code, _, err = run("fetch", "dandi:000978", *at)
    assert code == 2
    assert "has no published version; a draft may change and cannot be cited: dandi:000978@draft fetches it" in err
    code, _, err = run("fetch", "DANDI:000978/draft", *at)
    assert code == 0, err
    assert "This is a draft: it may change, and cannot be cited." in err
    assert "cannot be cited" in (tmp_path / "d" / "CITATION.txt").read_text()
    server.publish("000978", VERSION, files)
    code, _, err = run("fetch", "dandi:000978", *at)
    assert code == 2
    assert f"holds dandi:000978@draft, and dandi:000978@{VERSION} is asked for" in err
    code, _, err = run("fetch", "dandi:000978@0.1", *at)
    assert f"dandi:000978@0.1: no such version; versions: draft, {VERSION}" in err
    code, _, err = run("fetch", "dandi:000979", *at)
    assert f"dandi:000979: 127.0.0.1:{server.port} has no set of this number" in err
    code, _, err = run("fetch", "dandi:000979@0.1", *at)
    assert f"dandi:000979: 127.0.0.1:{server.port} has no set of this number" in err
    code, _, err = run("fetch", "dandi:978", *at)
    assert "dandi:978: expected dandi:000978 or dandi:000978@0.240511.0307, with six digits" in err
    code, _, err = run("fetch", "000978", *at)
    assert "000978: expected dandi:NUMBER, https://... or s3://..." in err


def test_a_file_that_changed_there_or_here_is_an_error(
    run: Run, server: Server, small: dict[str, Path], tmp_path: Path
) -> None:
    server.publish("000978", "draft", dict(list(small.items())[:2]))
    out = tmp_path / "d"
    command = ("fetch", "dandi:000978@draft", "--archive", server.api, "--out", str(out))
    assert run(*command)[0] == 0
    address = next(a for a in server.answers if "/assets/" in a and "digest" in server.answers[a])
    digest = server.answers[address]["digest"]["dandi:sha2-256"]
    server.answers[address]["digest"] = {"dandi:sha2-256": "0" * 64}
    code, _, err = run(*command)
    assert code == 2
    assert f"it was dandi:sha2-256 {digest}, and is dandi:sha2-256 {'0' * 64} now" in err
    server.answers[address]["digest"] = {"dandi:sha2-256": digest}
    copy = out / "sub-A/ses-1/recording.nwb"
    copy.write_bytes(copy.read_bytes() + b"x")
    code, _, err = run(*command)
    assert code == 2
    assert f"{copy}: was changed after it was fetched: move it away to fetch it again" in err
    copy.unlink()
    assert run(*command)[0] == 0
    assert copy.is_file()


def test_a_folder_of_others_is_left_alone(run: Run, server: Server, small: dict[str, Path], tmp_path: Path) -> None:
    server.publish("000978", VERSION, small)
    (tmp_path / "mine.csv").write_text("a,b")
    code, _, err = run("fetch", "dandi:000978", "--archive", server.api, "--out", str(tmp_path))
    assert code == 2
    assert f"{tmp_path}: holds files that were not fetched (mine.csv): name a new folder with --out" in err
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["mine.csv"]


@pytest.mark.slow
def test_a_killed_fetch_goes_on(server: Server, small: dict[str, Path], tmp_path: Path) -> None:
    """The server kills the program while it reads the third file; the next run reads the last two only."""
    server.publish("000978", VERSION, small)
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assets = [about for about in server.answers.values() if str(about.get("path")).endswith(".nwb")]
    places = [str(about["contentUrl"][1]).removeprefix(server.url) for about in assets]
    third = places[2]
    processes: list[subprocess.Popen[bytes]] = []

    def kill(_: Handler) -> bool:
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        return False

    server.fail(third, kill, times=1)
    words = [sys.executable, "-m", "spikebridge.cli", "fetch", "dandi:000978", "--archive", server.api, "--out"]
    gate = subprocess.Popen([*words, str(out)], env=os.environ | {"NO_PROXY": "127.0.0.1"}, stderr=subprocess.DEVNULL)
    processes.append(gate)
    assert gate.wait() == -signal.SIGKILL
    assert len(record_of(out).files) == 2
    server.log.clear()
    subprocess.run([*words, str(out)], check=True, capture_output=True)
    reached = {request.path for request in server.log if "/s3/" in request.path}
    assert reached == set(places[2:])
    subprocess.run([*words, str(whole)], check=True, capture_output=True)
    assert not list(out.rglob("*.partial"))
    sums = [{path: entry.sha256 for path, entry in record_of(folder).files.items()} for folder in (whole, out)]
    assert sums[0] == sums[1]


def test_paths_that_lead_out_of_the_folder_are_refused(
    run: Run, server: Server, small: dict[str, Path], tmp_path: Path
) -> None:
    files = {"../../outside.nwb": small["sub-A/ses-1/recording.nwb"]}
    server.publish("000978", VERSION, files)
    code, _, err = run("fetch", "dandi:000978", "--archive", server.api, "--out", str(tmp_path / "d"))
    assert code == 2
    assert "'../../outside.nwb': this path of a file leads out of the folder; it is not fetched" in err


@pytest.mark.slow
def test_an_asset_in_zarr(run: Run, server: Server, tmp_path: Path) -> None:
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed")
    whole = write_whole_zarr(tmp_path / "rat.nwb.zarr")
    server.publish("000978", VERSION, {"sub-A/rat.nwb.zarr": whole})
    out = tmp_path / "d"
    code, _, err = run("fetch", "dandi:000978", "--archive", server.api, "--out", str(out))
    assert code == 0, err
    assert_same(whole, out / "sub-A/rat.nwb.zarr")
    entry = record_of(out).files["sub-A/rat.nwb.zarr"]
    assert entry.transferred < 0.2 * entry.full_size
    assert "acquisition/longer/data" in {array["name"] for array in entry.left_out}
    shutil.rmtree(out / "sub-A")
    assert run("fetch", "dandi:000978", "--archive", server.api, "--out", str(out))[0] == 0
    assert json.loads((out / "fetch.json").read_text())["files"].keys() == {"sub-A/rat.nwb.zarr"}
