"""What a source holds: the NWB files of a set in an archive, of a bucket, or at one address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from spikebridge.errors import ConfigError, RemoteError
from spikebridge.errors.messages import listed
from spikebridge.remote.compact_zarr import KeySource, consolidated_metadata
from spikebridge.remote.http import HttpClient, HttpSource
from spikebridge.remote.s3 import SCHEME, Bucket, S3Folder, S3Object, S3Source, bucket_and_key
from spikebridge.runtime.hashing import digest

WEB = ("http://", "https://")
PAGE = re.compile(r"/dandiset/(\d{6})(?:/(?:draft|[\d.]+))?/?$")
"""Address of the page of a set in an archive, as a browser shows it."""
ZARR = ".zarr"
FILE = ".nwb"


@dataclass(frozen=True)
class RemoteAsset:
    """One NWB file or Zarr folder elsewhere.

    Parameters
    ----------
    path : str
        Where it lies in the set, with /.
    url : str
        What is read.
    size : int
        Bytes; -1 where it is not known.
    identity : dict
        What changes with its contents: digests of the archive, or ETag and last change.
    is_zarr : bool
        Whether it is a Zarr folder.
    asset_id : str
        Of the archive; else "".
    """

    path: str
    url: str
    size: int
    identity: dict[str, str]
    is_zarr: bool = False
    asset_id: str = ""


@dataclass(frozen=True)
class Listing:
    """The NWB files of a source.

    Parameters
    ----------
    source : str
        As the user names it, without a version.
    version : str
        Of the set in the archive; else "".
    assets : tuple of RemoteAsset
        By path.
    n_others : int
        Files that are no NWB, which are not fetched.
    about : dict
        Metadata of the set: name, license, citation, doi, ...; empty where nothing is known.
    """

    source: str
    version: str
    assets: tuple[RemoteAsset, ...]
    n_others: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(max(asset.size, 0) for asset in self.assets)


def is_address(text: str) -> bool:
    """Whether a text is the address of something on a web server or in a bucket.

    Parameters
    ----------
    text : str
        What a user names.

    Returns
    -------
    bool
        True for http://, https:// and s3://.
    """
    return text.lower().startswith((*WEB, SCHEME))


def is_web(url: str) -> bool:
    """Whether an address is that of a web server."""
    return url.lower().startswith(WEB)


def at_address(url: str, client: HttpClient) -> Listing:
    """List what lies at an address.

    Parameters
    ----------
    url : str
        A file or a Zarr folder on a web server; a file, a Zarr folder or a folder of them in a bucket.
    client : HttpClient
        Makes the requests.

    Returns
    -------
    Listing
        Without version and metadata.

    Raises
    ------
    ConfigError
        For an address that holds a password.
    RemoteError
        Where there is no NWB file, or it cannot be read.
    """
    _check_address(url)
    if url.lower().startswith(SCHEME):
        return _in_bucket(url, client)
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    if not name:
        raise RemoteError(f"{url}: expected the address of an NWB file, or of a Zarr folder")
    if name.lower().endswith(ZARR):
        folder = f"{url.rstrip('/')}/"
        _, etag = consolidated_metadata(HttpFolder(folder, client))
        return Listing(url, "", (RemoteAsset(name, folder, -1, _identity(etag), is_zarr=True),))
    source = HttpSource(url, client)
    return Listing(url, "", (RemoteAsset(name, url, source.size, _identity(source.etag, source.changed)),))


def _check_address(url: str) -> None:
    """Raise RemoteError for a text that is no address, and ConfigError for an address with a password or of a web page.

    The password is not shown.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RemoteError(f"{url}: this is no address of a web server or of a bucket") from None
    if parts.password is not None:
        raise ConfigError(
            f"the address of {parts.hostname} holds a password, which would be written into files and messages: put "
            "it into ~/.netrc, and name the address without it"
        )
    if page := PAGE.search(url):
        raise ConfigError(
            f"{url}: this is the page of a set of recordings; spikebridge fetch dandi:{page[1]} fetches it"
        )


def _identity(etag: str, changed: str = "") -> dict[str, str]:
    return {key: value for key, value in (("etag", etag.strip('"')), ("last_modified", changed)) if value}


def _in_bucket(url: str, client: HttpClient) -> Listing:
    name, prefix = bucket_and_key(url)
    if not name:
        raise RemoteError(f"{url}: expected s3://bucket/key")
    bucket = Bucket(url, client.transfer)
    objects = bucket.list(prefix)
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    objects = [o for o in objects if o.key == prefix or o.key.startswith(folder)]
    root = PurePosixPath(prefix)
    if any(o.key == prefix for o in objects) or prefix.rstrip("/").lower().endswith(ZARR):
        root = root.parent
    files: list[RemoteAsset] = []
    zarrs: dict[PurePosixPath, list[S3Object]] = {}
    for entry in objects:
        key = PurePosixPath(entry.key)
        above = next((p for p in (*reversed(key.parents),) if p.name.lower().endswith(ZARR)), None)
        if above is not None:
            zarrs.setdefault(above, []).append(entry)
        elif key.name.lower().endswith(FILE):
            path = key.relative_to(root).as_posix()
            files.append(RemoteAsset(path, f"{SCHEME}{bucket.name}/{key}", entry.size, _identity(entry.etag)))
    for key, entries in zarrs.items():
        etag = digest(*(text for e in entries for text in (e.key.removeprefix(str(key)), e.etag)))
        size = sum(e.size for e in entries)
        path = key.relative_to(root).as_posix()
        files.append(RemoteAsset(path, f"{SCHEME}{bucket.name}/{key}/", size, _identity(etag), is_zarr=True))
    if not files:
        raise RemoteError(f"{url}: no NWB file there; expected names that end in {FILE} or {ZARR}")
    n_taken = len(files) - len(zarrs) + sum(len(entries) for entries in zarrs.values())
    return Listing(url, "", tuple(sorted(files, key=lambda a: a.path)), len(objects) - n_taken)


class HttpFolder:
    """A Zarr folder on a web server.

    Parameters
    ----------
    url : str
        With a slash at its end.
    client : HttpClient
        Makes the requests.
    """

    def __init__(self, url: str, client: HttpClient) -> None:
        self.name, self._client = url, client

    def get(self, key: str) -> tuple[bytes, str] | None:
        """The bytes of a file and its ETag; None where there is none. Raises RemoteError."""
        return self._client.content(self.name + key)


def open_file(asset: RemoteAsset, client: HttpClient) -> HttpSource | S3Source:
    """An asset that is a file, for reading by ranges."""
    s3 = asset.url.startswith(SCHEME)
    return S3Source(asset.url, client.transfer) if s3 else HttpSource(asset.url, client)


def open_folder(asset: RemoteAsset, client: HttpClient) -> KeySource:
    """An asset that is a Zarr folder."""
    s3 = asset.url.startswith(SCHEME)
    return S3Folder(asset.url, client.transfer) if s3 else HttpFolder(asset.url, client)


def chosen(listing: Listing, subjects: Sequence[str] = (), files: str = "", most: int | None = None) -> Listing:
    """The files of some subjects, or with some names.

    Parameters
    ----------
    listing : Listing
        All files.
    subjects : sequence of str
        Names of subjects, with or without sub-; empty for all.
    files : str
        A pattern (*, ?, [...]) for the path or the name of a file; empty for all.
    most : int, optional
        At most so many files, the first by path.

    Returns
    -------
    Listing
        With the files that remain.

    Raises
    ------
    ConfigError
        For a subject without files, and where no file remains; it names what there is.
    """
    names = [s.removeprefix("sub-") for s in subjects]
    known = sorted({s for asset in listing.assets if (s := subject_of(asset.path))})
    if absent := [name for name in names if name not in known]:
        raise ConfigError(
            f"--subject {listed(absent)}: no file of {listing.source}; subjects there: {listed(known, 20)}"
        )
    assets = [a for a in listing.assets if not names or subject_of(a.path) in names]
    assets = [a for a in assets if not files or _fits(a.path, files)]
    if not assets:
        paths = listed((a.path for a in listing.assets), 5)
        what = f"--files {files!r}: no file" if files else "no NWB file"
        raise ConfigError(f"{what} of {listing.source}; NWB files there: {paths}")
    return replace(listing, assets=tuple(assets[:most]))


def subject_of(path: str) -> str:
    """The subject in the path of a file: that of its folder sub-X, or of its name sub-X_...; "" where there is none."""
    for part in PurePosixPath(path).parts:
        if part.startswith("sub-"):
            return part.removeprefix("sub-").partition("_")[0].removesuffix(ZARR).removesuffix(FILE)
    return ""


def _fits(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(PurePosixPath(path).name, pattern)


def check_paths(assets: Iterable[RemoteAsset]) -> None:
    """Raise RemoteError for paths that lead out of a folder, or of which two are the same on some file systems."""
    seen: dict[str, str] = {}
    for asset in assets:
        path = PurePosixPath(asset.path)
        if path.is_absolute() or ".." in path.parts or "\\" in asset.path or not path.parts or "\0" in asset.path:
            raise RemoteError(f"{asset.path!r}: this path of a file leads out of the folder; it is not fetched")
        if (other := seen.setdefault(asset.path.casefold(), asset.path)) != asset.path:
            raise RemoteError(
                f"{other} and {asset.path} differ in case alone: many file systems take them for one file"
            )
