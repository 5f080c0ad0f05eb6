"""Servers that fail, lie or change: one clear line each, bounded retries, and nothing half-written."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_server import Handler, Server, broken_off, status, without_ranges
from command_line import Run, called
from whole_recordings import write_whole

from spikebridge.errors import RemoteError
from spikebridge.remote import HttpClient, HttpSource, fetch, list_source

WITHOUT_PAUSES = 0.0


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whole(tmp_path_factory.mktemp("recording") / "rat.nwb", samples=50_000)


def fetch_file(url: str, out: Path) -> HttpClient:
    client = HttpClient(backoff_s=WITHOUT_PAUSES)
    fetch(list_source(url, client), out, client)
    return client


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (status(404), "the server answers 404: it does not exist there"),
        (status(401), "the server answers 401: it is not public: an embargoed set, or a private address"),
        (status(403), "the server answers 403: access is refused: an embargoed set, a private bucket"),
        (status(429, {"Retry-After": "0"}), "the server answers 429: the server asks for fewer requests"),
        (status(500), "the server answers 500: Internal Server Error"),
        (status(418), "the server answers 418"),
        (without_ranges, "the server ignores ranges and would send the whole object: download it"),
        (broken_off, "the answer broke off"),
    ],
    ids=["404", "401", "403", "429", "500", "418", "ranges", "broken off"],
)
@pytest.mark.parametrize("begun", [False, True], ids=["at once", "later"])
def test_a_server_that_fails_gives_one_line(
    fault: Callable[[Handler], bool], message: str, begun: bool, recording: Path, server: Server, tmp_path: Path
) -> None:
    url = server.put("/rat.nwb", recording)
    client = HttpClient(backoff_s=WITHOUT_PAUSES)
    listing = list_source(url, client) if begun else None
    server.fail("/rat.nwb", fault)
    with pytest.raises(RemoteError) as error:
        fetch(listing or list_source(url, client), tmp_path / "out", client)
    assert message in str(error.value)
    assert str(error.value).startswith((url, f"127.0.0.1:{server.port}"))
    assert "\n" not in str(error.value)
    assert not [p for p in (tmp_path / "out").rglob("*") if p.name.endswith((".nwb", ".partial"))]
    assert len(server.log) <= 30


@pytest.mark.parametrize(
    "fault", [status(503), status(429, {"Retry-After": "0"}), broken_off], ids=["503", "429", "cut"]
)
def test_a_passing_fault_is_waited_for(
    fault: Callable[[Handler], bool], recording: Path, server: Server, tmp_path: Path
) -> None:
    url = server.put("/rat.nwb", recording)
    server.fail("/rat.nwb", fault, times=2 if fault is broken_off else 1)
    fetch_file(url, tmp_path / "out")
    assert (tmp_path / "out" / "rat.nwb").is_file()


def test_an_object_that_changes_while_it_is_read(recording: Path, server: Server, tmp_path: Path) -> None:
    url = server.put("/rat.nwb", recording)
    client = HttpClient(backoff_s=WITHOUT_PAUSES)
    source = HttpSource(url, client)
    server.etags["/rat.nwb"] = "other"
    with pytest.raises(RemoteError, match=r"the object changed while it was read \(another ETag\); fetch it again"):
        source.read(0, 100)


def test_a_changed_object_without_if_match_is_seen(recording: Path, server: Server) -> None:
    """Of a server that does not heed If-Match, the ETag and the size of each answer are compared."""
    url = server.put("/rat.nwb", recording)
    source = HttpSource(url, HttpClient(backoff_s=WITHOUT_PAUSES))
    size = recording.stat().st_size
    for headers, message in (
        ({"ETag": '"b"', "Content-Range": f"bytes 0-9/{size}"}, 'the ETag "b", not "'),
        ({"ETag": source.etag, "Content-Range": f"bytes 0-9/{size + 1}"}, f"{size + 1} bytes, not {size}"),
        ({"ETag": source.etag, "Content-Range": f"bytes 5-14/{size}"}, "the server gives another range"),
    ):

        def answer(handler: Handler, headers: dict[str, str] = headers) -> bool:
            handler.answer(206, bytes(10), headers)
            return True

        server.fail("/rat.nwb", answer, times=1)
        with pytest.raises(RemoteError) as error:
            source.read(0, 10)
        assert message in str(error.value)


def test_redirects_are_followed_and_an_expired_one_again(recording: Path, server: Server) -> None:
    """As the archive does: its download address leads to a signed one, which expires."""
    server.put("/s3/rat.nwb", recording)
    server.redirects["/download/"] = f"{server.url}/s3/rat.nwb?signature=1"
    source = HttpSource(f"{server.url}/download/", HttpClient(backoff_s=WITHOUT_PAUSES))
    for _ in range(2):
        source.read(0, 10)
    assert [r.path for r in server.log].count("/download/") == 1
    server.fail("signature=1", status(403), times=1)
    server.redirects["/download/"] = f"{server.url}/s3/rat.nwb?signature=2"
    for _ in range(2):
        assert source.read(0, 8) == recording.read_bytes()[:8]
    assert [r.path for r in server.log].count("/download/") == 2
    server.redirects["/a"], server.redirects["/b"] = f"{server.url}/b", f"{server.url}/a"
    with pytest.raises(RemoteError, match="its redirects never end"):
        HttpSource(f"{server.url}/a", HttpClient(backoff_s=WITHOUT_PAUSES))


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        client = HttpClient(backoff_s=WITHOUT_PAUSES)
        for source, archive in (
            ("dandi:000978", f"http://127.0.0.1:{port}/api"), (f"http://127.0.0.1:{port}/rat.nwb", ""),
        ):  # fmt: skip
            with pytest.raises(RemoteError) as error:
                list_source(source, client, archive)
            text = f"127.0.0.1:{port} cannot be reached (Connection refused): is there a network, or is a proxy needed"
            assert text in str(error.value)
    with pytest.raises(RemoteError, match=r"^nowhere\.invalid cannot be reached \(.*\): is there a network") as error:
        list_source("https://nowhere.invalid/rat.nwb", client)
    assert "\n" not in str(error.value)


def test_what_is_no_nwb_is_named(recording: Path, server: Server, tmp_path: Path) -> None:
    import h5py

    texts, other, cut = (tmp_path / name for name in ("page.nwb", "other.nwb", "cut.nwb"))
    texts.write_text("<html>" * 100)
    with h5py.File(other, "w") as file:
        file["x"] = 1
    cut.write_bytes(recording.read_bytes()[:100_000])
    for file, message in (
        (texts, "cannot be read as HDF5 (Unable to synchronously open file (file signature not found)): is it a whole"),
        (other, "HDF5, but no NWB: it has no nwb_version"),
        (cut, "cannot be read as HDF5 (Unable to synchronously open file (truncated file"),
    ):
        url = server.put(f"/{file.name}", file)
        with pytest.raises(RemoteError) as error:
            fetch_file(url, tmp_path / "out")
        assert message in str(error.value)
        assert str(error.value).startswith(url)
    (tmp_path / "empty.nwb").touch()
    with pytest.raises(RemoteError, match=r"the object is empty \(0 bytes\)"):
        fetch_file(server.put("/empty.nwb", tmp_path / "empty.nwb"), tmp_path / "out")
    with pytest.raises(RemoteError, match="expected the address of an NWB file"):
        fetch_file(f"{server.url}/", tmp_path / "out")
    with pytest.raises(RemoteError, match="expected a Zarr folder of format 2 with consolidated metadata"):
        fetch_file(f"{server.url}/a.nwb.zarr", tmp_path / "out")


@pytest.mark.parametrize(
    "about",
    [
        {"shape": [3], "chunks": [3]},
        {"shape": [3], "dtype": "<f8"},
        {"shape": [3], "chunks": [0], "dtype": "<f8"},
        {"shape": [3], "chunks": [3, 3], "dtype": "<f8"},
        {"shape": [3], "chunks": [3], "dtype": "unheard of"},
    ],
)
def test_damaged_metadata_of_zarr_are_named(about: dict[str, object], server: Server, tmp_path: Path) -> None:
    metadata = {".zgroup": {}, ".zattrs": {"nwb_version": "2.8.0"}, "units/.zarray": about}
    server.answers["/rat.nwb.zarr/.zmetadata"] = {"metadata": metadata}
    with pytest.raises(RemoteError, match=r"units/\.zarray in \.zmetadata does not describe an array$"):
        fetch_file(f"{server.url}/rat.nwb.zarr", tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch", "https://[x/rat.nwb", "--out", "o"], "https://[x/rat.nwb: this is no address of a web server"),
        (["fetch", "s3://[x/rat.nwb", "--out", "o"], "s3://[x/rat.nwb: this is no address of a web server or of a"),
        (
            ["fetch", "https://dandiarchive.org/dandiset/000978/0.240511.0307"],
            "spikebridge fetch dandi:000978 fetches it",
        ),
        (["inspect", "https://dandiarchive.org/dandiset/000978"], "this is the page of a set of recordings"),
        (["inspect", "https://[x/rat.nwb"], "https://[x/rat.nwb: this is no address of a web server"),
        (["fetch", "https://me:geheim@host/rat.nwb", "--out", "o"], "the address of host holds a password"),
        (["inspect", "https://me:geheim@host/rat.nwb"], "the address of host holds a password"),
    ],
)
def test_mistakes_in_an_address_are_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(capsys)(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert "geheim" not in err


def test_what_is_no_archive_is_named(
    server: Server, capsys: pytest.CaptureFixture[str], recording: Path, tmp_path: Path
) -> None:
    run: Run = called(capsys)
    server.put("/api/dandisets/000978/", recording)
    code, _, err = run("fetch", "dandi:000978", "--archive", server.api, "--out", str(tmp_path / "out"))
    assert code == 2
    assert "expected JSON, got" in err
    assert err.count("\n") == 1
    server.files.clear()
    server.answers["/api/dandisets/000978/"] = {"detail": "embargoed"}
    server.fail("000979", status(401))
    code, _, err = run("fetch", "dandi:000979", "--archive", server.api, "--out", str(tmp_path / "out"))
    assert "the server answers 401: it is not public: an embargoed set" in err
    server.answers["/api/dandisets/000980/"] = [1, 2]
    code, _, err = run("fetch", "dandi:000980", "--archive", server.api, "--dry")
    assert (code, err.count("\n")) == (2, 1)
    assert "expected a JSON object: is this the address of an archive?" in err


def test_an_answer_of_a_bucket_that_breaks_off_is_asked_for_again(
    recording: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("botocore", reason='the extra "remotes" is not installed')
    from spikebridge.remote.http import TransferCount
    from spikebridge.remote.s3 import S3Source

    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server.put("/lab/rat.nwb", recording)
    source = S3Source("s3://lab/rat.nwb", TransferCount())
    server.fail("/lab/rat.nwb", broken_off, times=2)
    assert source.read(0, 1000) == recording.read_bytes()[:1000]
    server.fail("/lab/rat.nwb", broken_off)
    with pytest.raises(RemoteError, match=r"^s3://lab/rat\.nwb: "):
        source.read(0, 1000)
    assert len(server.log) <= 10


@pytest.mark.parametrize(
    ("name", "value"), [("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "localhost")], ids=["profile", "endpoint"]
)
def test_wrong_settings_of_the_aws_tools_are_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore", reason='the extra "remotes" is not installed')
    monkeypatch.setenv(name, value)
    with pytest.raises(RemoteError, match=f"^s3://lab/rat.nwb: .*{value}") as error:
        list_source("s3://lab/rat.nwb", HttpClient())
    assert "\n" not in str(error.value)
