"""Recordings in a bucket, on a server that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from same_contents import assert_same
from whole_recordings import write_whole, write_whole_zarr

from lab_servers import S3, running
from spikebridge.artifacts.fetched import load_fetch_record
from spikebridge.errors import RemoteError
from spikebridge.remote import HttpClient, fetch, list_source

boto3 = pytest.importorskip("boto3", reason='the extra "server" is not installed')
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    if reason := S3.missing():
        pytest.skip(reason)
    with running(S3(tmp_path_factory.mktemp("s3"))) as server:
        server.make_bucket("lab")
        yield server


@pytest.fixture
def bucket(server: S3, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (server.environment() | {"NO_PROXY": "127.0.0.1"}).items():
        monkeypatch.setenv(name, value)
    return server.client()


def test_files_and_zarr_folders_of_a_bucket(bucket: Any, tmp_path: Path) -> None:
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed")
    file = write_whole(tmp_path / "rat1.nwb", samples=100_000)
    folder = write_whole_zarr(tmp_path / "rat2.nwb.zarr")
    bucket.upload_file(str(file), "lab", "study/sub-1/rat1.nwb")
    bucket.put_object(Bucket="lab", Key="study/notes.txt", Body=b"none")
    bucket.put_object(Bucket="lab", Key="study2/other.nwb", Body=b"none")
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), "lab", f"study/sub-2/rat2.nwb.zarr/{path.relative_to(folder)}")
    client, out = HttpClient(), tmp_path / "out"
    listing = list_source("s3://lab/study/", client)
    assert [asset.path for asset in listing.assets] == ["sub-1/rat1.nwb", "sub-2/rat2.nwb.zarr"]
    assert listing.n_others == 1
    summary = fetch(listing, out, client)
    assert summary.transferred < 0.3 * summary.full_size
    assert_same(file, out / "sub-1/rat1.nwb")
    assert_same(folder, out / "sub-2/rat2.nwb.zarr")
    record = load_fetch_record(out)
    assert record is not None
    assert record.files["sub-1/rat1.nwb"].full_size == file.stat().st_size
    single = list_source("s3://lab/study/sub-1/rat1.nwb", client)
    assert [asset.path for asset in single.assets] == ["rat1.nwb"]
    assert [a.path for a in list_source("s3://lab/study/sub-2/rat2.nwb.zarr", client).assets] == ["rat2.nwb.zarr"]


def test_a_chunk_that_changes_changes_a_zarr_folder(bucket: Any) -> None:
    """The metadata and the number of bytes stay the same."""
    for name, body in ((".zmetadata", b"{}"), ("units/0", b"a")):
        bucket.put_object(Bucket="lab", Key=f"changing/rat.nwb.zarr/{name}", Body=body)
    before = list_source("s3://lab/changing/rat.nwb.zarr", HttpClient()).assets[0]
    bucket.put_object(Bucket="lab", Key="changing/rat.nwb.zarr/units/0", Body=b"b")
    after = list_source("s3://lab/changing/rat.nwb.zarr", HttpClient()).assets[0]
    assert before.size == after.size
    assert before.identity != after.identity


def test_a_bucket_that_fails_gives_one_line(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = HttpClient()
    with pytest.raises(RemoteError, match="s3://absent/x: the bucket answers 404 NoSuchBucket: it does not exist"):
        list_source("s3://absent/x", client)
    with pytest.raises(RemoteError, match=r"s3://lab/nothing/: no NWB file there; expected names that end in \.nwb"):
        list_source("s3://lab/nothing/", client)
    bucket.put_object(Bucket="lab", Key="a.nwb", Body=b"x" * 1000)
    listing = list_source("s3://lab/a.nwb", client)
    bucket.put_object(Bucket="lab", Key="a.nwb", Body=b"y" * 1000)
    with pytest.raises(RemoteError, match="the object changed since it was listed"):
        fetch(listing, tmp_path / "out", client)
    bucket.put_object(Bucket="lab", Key="odd/rat#1?.nwb", Body=b"x" * 1000)
    listing = list_source("s3://lab/odd/rat#1?.nwb", client)
    assert [(asset.path, asset.size) for asset in listing.assets] == [("rat#1?.nwb", 1000)]
    with pytest.raises(RemoteError, match=r"^s3://lab/odd/rat#1\?\.nwb: cannot be read as HDF5"):
        fetch(listing, tmp_path / "odd", client)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(RemoteError, match=r"s3://lab/: cannot be reached \(Could not connect"):
        list_source("s3://lab/", client)
