"""The DANDI archive, by its documented REST interface: versions, files and metadata of a set.

Other archives that run the same software (EMBER, LINC) are read with their address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from spikebridge.errors import ConfigError, RemoteError
from spikebridge.errors.messages import listed
from spikebridge.remote.assets import FILE, ZARR, Listing, RemoteAsset, check_paths
from spikebridge.remote.http import HttpClient, MissingError

ARCHIVE = "https://api.dandiarchive.org/api"
PREFIX = "dandi:"
DRAFT = "draft"
SOURCE = re.compile(r"dandi:(?://dandi/)?(\d{6})(?:[@/]([^@/]+))?/?", re.IGNORECASE)
PAGE_SIZE = 200
MAX_PAGES = 10_000


@dataclass(frozen=True)
class SetName:
    """A set of the archive. version: "" for the latest published one."""

    number: str
    version: str = ""

    @property
    def text(self) -> str:
        """Without the version."""
        return f"{PREFIX}{self.number}"


def is_set(source: str) -> bool:
    """Whether a source is meant as the name of a set of the archive.

    Parameters
    ----------
    source : str
        What a user names.

    Returns
    -------
    bool
        True where it begins with dandi:.
    """
    return source.lower().startswith(PREFIX)


def set_name(source: str) -> SetName:
    """The set that a source names. Raises ConfigError for a text that names none."""
    match = SOURCE.fullmatch(source)
    if match is None:
        raise ConfigError(f"{source}: expected dandi:000978 or dandi:000978@0.240511.0307, with six digits")
    return SetName(match[1], match[2] or "")


class Archive:
    """The interface of one archive.

    Parameters
    ----------
    client : HttpClient
        Makes the requests.
    address : str
        Of the interface.
    """

    def __init__(self, client: HttpClient, address: str = ARCHIVE) -> None:
        self._client, self.address = client, address.rstrip("/")

    def listing(self, source: str) -> Listing:
        """The NWB files of a set, with its metadata.

        Parameters
        ----------
        source : str
            dandi:NUMBER, dandi:NUMBER@VERSION or dandi:NUMBER@draft.

        Returns
        -------
        Listing
            Of the version that is named, else of the latest published one. The files have no address yet.

        Raises
        ------
        ConfigError
            For a text that names no set, or a version that does not exist.
        RemoteError
            Where the archive cannot be reached or refuses; where nothing is published.
        """
        wanted = set_name(source)
        version = wanted.version or self._latest(wanted)
        about = self._version(wanted, version)
        entries = list(self._pages(f"{self._at(wanted, version)}/assets/?page_size={PAGE_SIZE}&order=path"))
        names = [_Entry.of(entry, self.address) for entry in entries]
        assets = [
            RemoteAsset(e.path, f"{self._at(wanted, version)}/assets/{e.asset_id}/", e.size, {}, e.is_zarr, e.asset_id)
            for e in names
            if e.is_nwb
        ]
        check_paths(assets)
        if not assets:
            paths = listed((e.path for e in names), 5)
            raise RemoteError(f"{wanted.text}@{version}: no NWB file in this version; files there: {paths}")
        return Listing(
            wanted.text, version, tuple(sorted(assets, key=lambda a: a.path)), len(names) - len(assets), about
        )

    def located(self, asset: RemoteAsset) -> RemoteAsset:
        """A file with the address of its contents and its digests, as the archive states them. Raises RemoteError."""
        about = self._client.json(asset.url)
        try:
            urls = [str(url) for url in about["contentUrl"]]
            digests = {str(k): str(v) for k, v in about["digest"].items()}
            size = int(about["contentSize"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RemoteError(f"{asset.url}: expected contentUrl, digest and contentSize of the file") from None
        direct = [url for url in urls if not url.startswith(self.address)]
        usable = direct if asset.is_zarr else [*direct, *urls]
        if not usable:
            raise RemoteError(f"{asset.path}: the archive gives no address of its contents that can be read")
        url = f"{usable[0].rstrip('/')}/" if asset.is_zarr else usable[0]
        return RemoteAsset(asset.path, url, size, digests, asset.is_zarr, asset.asset_id)

    def _at(self, wanted: SetName, version: str) -> str:
        return f"{self.address}/dandisets/{wanted.number}/versions/{version}"

    def _document(self, url: str) -> dict[str, Any] | None:
        """A JSON object; None where it does not exist."""
        try:
            document = self._client.json(url)
        except MissingError:
            return None
        if not isinstance(document, dict):
            raise RemoteError(f"{url}: expected a JSON object: is this the address of an archive?")
        return document

    def _set(self, wanted: SetName) -> dict[str, Any]:
        """What the archive states about a set. Raises ConfigError where it has none of this number."""
        about = self._document(f"{self.address}/dandisets/{wanted.number}/")
        if about is None:
            raise ConfigError(f"{wanted.text}: {urlsplit(self.address).netloc} has no set of this number")
        return about

    def _latest(self, wanted: SetName) -> str:
        """The number of the latest published version."""
        latest = self._set(wanted).get("most_recent_published_version")
        version = latest.get("version") if isinstance(latest, dict) else None
        if not version:
            text = "has no published version; a draft may change and cannot be cited:"
            raise RemoteError(f"{wanted.text}: {text} {wanted.text}@draft fetches it all the same")
        return str(version)

    def _version(self, wanted: SetName, version: str) -> dict[str, Any]:
        """The metadata of a version."""
        about = self._document(f"{self._at(wanted, version)}/")
        if about is None:
            self._set(wanted)
            address = f"{self.address}/dandisets/{wanted.number}/versions/?page_size={PAGE_SIZE}&order=-created"
            versions = [str(entry.get("version")) for entry in self._pages(address)]
            raise ConfigError(f"{wanted.text}@{version}: no such version; versions: {listed(versions, 10)}")
        return about

    def _pages(self, url: str | None) -> Iterator[dict[str, Any]]:
        """Every entry of a list that comes in pages."""
        for _ in range(MAX_PAGES):
            if not url:
                return
            page = self._client.json(url)
            if not isinstance(page, dict) or not isinstance(page.get("results"), list):
                raise RemoteError(f"{url}: expected a page of results: is this the address of an archive?")
            yield from page["results"]
            url = page.get("next")
        raise RemoteError(f"{url}: the pages of this list never end")


@dataclass(frozen=True)
class _Entry:
    """A file in the list of a version."""

    asset_id: str
    path: str
    size: int
    is_zarr: bool

    @classmethod
    def of(cls, entry: Any, address: str) -> _Entry:
        try:
            path, is_zarr = str(entry["path"]), bool(entry.get("zarr"))
            return cls(str(entry["asset_id"]), path, int(entry["size"]), is_zarr or path.lower().endswith(ZARR))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RemoteError(f"{address}: expected asset_id, path and size of each file in the list") from None

    @property
    def is_nwb(self) -> bool:
        name = PurePosixPath(self.path).name.lower()
        return name.endswith((FILE, f"{FILE}{ZARR}"))
