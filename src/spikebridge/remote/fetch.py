"""Fetch the NWB files of a source into a folder, without raw traces: resumable, checked, and recorded in fetch.json.

A file is finished when it stands in fetch.json with the SHA-256 of its copy. A run that was killed leaves files that
end in .partial, which the next run replaces; finished files are kept if they are unchanged here and there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from spikebridge.artifacts.fetched import (
    FetchedFile,
    FetchRecord,
    copy_digest,
    load_fetch_record,
    save_fetch_record,
    save_texts,
)
from spikebridge.errors import ConfigError, DataError, RemoteError
from spikebridge.errors.system_errors import size_of
from spikebridge.remote.assets import Listing, RemoteAsset, at_address, check_paths, is_address, open_file, open_folder
from spikebridge.remote.citation import MADE_BY, licenses, texts
from spikebridge.remote.compact_hdf5 import copy_hdf5
from spikebridge.remote.compact_zarr import copy_zarr
from spikebridge.remote.dandi import ARCHIVE, Archive, is_set
from spikebridge.remote.http import HttpClient
from spikebridge.remote.left_out import LeftOut
from spikebridge.runtime.stage import lock, output


@dataclass(frozen=True)
class FetchSummary:
    """What a call of `fetch` did.

    Parameters
    ----------
    n_fetched, n_kept : int
        Files that were fetched now, and that an earlier call had finished.
    full_size, size : int
        Bytes of all these files in their source, as far as known, and in the folder.
    transferred, requests : int
        Bytes received by this call, and the requests for them.
    """

    n_fetched: int
    n_kept: int
    full_size: int
    size: int
    transferred: int
    requests: int


def list_source(source: str, client: HttpClient, archive: str = ARCHIVE) -> Listing:
    """List the NWB files of a source.

    Parameters
    ----------
    source : str
        dandi:NUMBER[@VERSION], or an address (https://, s3://).
    client : HttpClient
        Makes the requests.
    archive : str
        Address of the archive's interface.

    Returns
    -------
    Listing
        The files, with their sizes.

    Raises
    ------
    ConfigError
        For a text that names no source, or a version that does not exist.
    RemoteError
        Where the source cannot be reached or refuses.
    """
    if is_set(source):
        return Archive(client, archive).listing(source)
    if is_address(source):
        listing = at_address(source, client)
        check_paths(listing.assets)
        return listing
    raise ConfigError(f"{source}: expected dandi:NUMBER, https://... or s3://...")


def fetch(
    listing: Listing, out: Path, client: HttpClient, archive: str = ARCHIVE, say: Callable[[str], None] = lambda _: None
) -> FetchSummary:
    """Write compact copies of the files of a listing into a folder, with fetch.json, licence and citation.

    Parameters
    ----------
    listing : Listing
        The files.
    out : Path
        The folder; files of the same source and version may be there already.
    client : HttpClient
        Makes the requests; its counter counts on.
    archive : str
        Address of the archive's interface.
    say : callable
        Called with one line for each file.

    Returns
    -------
    FetchSummary
        Numbers of files and bytes.

    Raises
    ------
    RemoteError
        Where a file cannot be read or changed, there or since an earlier call.
    DataError
        Where a copy was changed after it was fetched, or the folder holds another source or version.
    """
    of_archive = is_set(listing.source)
    before = client.transfer.n_bytes, client.transfer.requests
    with lock(out.parent / f".{out.name}.lock"):
        record = _record(listing, out, archive if of_archive else "")
        out.mkdir(parents=True, exist_ok=True)
        save_texts(out, texts(listing))
        n_kept, full, size = 0, 0, 0
        for number, asset in enumerate(listing.assets, 1):
            located = Archive(client, archive).located(asset) if of_archive else asset
            where = f"file {number} of {len(listing.assets)}, {asset.path}"
            entry = _kept(record, located, out)
            if entry is not None:
                n_kept += 1
                say(f"{where}: finished before")
            else:
                entry = _fetch_one(located, out / asset.path, client)
                record = replace(record, files={**record.files, asset.path: entry})
                save_fetch_record(record, out)
                say(f"{where}: {_bytes(entry.transferred)} of {_bytes(entry.full_size)} fetched")
            full, size = full + max(entry.full_size, 0), size + entry.size
    received, requests = client.transfer.n_bytes - before[0], client.transfer.requests - before[1]
    return FetchSummary(len(listing.assets) - n_kept, n_kept, full, size, received, requests)


def _record(listing: Listing, out: Path, archive: str) -> FetchRecord:
    """The record of the folder, or a new one. Raises DataError for another source or version."""
    earlier = load_fetch_record(out)
    about = listing.about
    if earlier is None:
        if out.is_dir() and any(out.iterdir()):
            names = sorted(p.name for p in out.iterdir() if not p.name.endswith(".partial"))
            if names and not set(names) <= set(texts(listing)):
                raise DataError(f"{out}: holds files that were not fetched ({names[0]}): name a new folder with --out")
        doi, citation, name = (str(about.get(key) or "") for key in ("doi", "citation", "name"))
        return FetchRecord(listing.source, listing.version, archive, licenses(about), citation, doi, name, MADE_BY)
    held, asked = (f"{r.source}@{r.version}".rstrip("@") for r in (earlier, listing))
    if held != asked:
        text = f"holds {held}, and {asked} is asked for: name {held}, or a new folder with --out"
        raise DataError(f"{out}: {text}")
    if earlier.archive != archive:
        raise DataError(f"{out}: holds files of {earlier.archive}, not of {archive}: name a new folder with --out")
    return earlier


def _kept(record: FetchRecord, asset: RemoteAsset, out: Path) -> FetchedFile | None:
    """The entry of a file that is finished; None where it is to be fetched. Raises where it changed here or there."""
    entry = record.files.get(asset.path)
    if entry is None:
        return None
    sizes = {entry.full_size, asset.size} - {-1}
    if entry.identity != asset.identity or len(sizes) > 1:
        held, now = (
            _bytes(size) if entry.identity == asset.identity else _identity(identity)
            for identity, size in ((entry.identity, entry.full_size), (asset.identity, asset.size))
        )
        text = f"changed in the source since it was fetched: it was {held}, and is {now} now"
        raise RemoteError(f"{asset.path}: {text}; fetch it into a new folder with --out")
    path = out / asset.path
    if not path.exists():
        return None
    if copy_digest(path) != entry.sha256:
        text = "was changed after it was fetched: move it away to fetch it again, or name a new folder with --out"
        raise DataError(f"{path}: {text}")
    return entry


def _identity(identity: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(identity.items())) or "without a digest"


def _fetch_one(asset: RemoteAsset, target: Path, client: HttpClient) -> FetchedFile:
    before = client.transfer.n_bytes
    with output(target) as path:
        left_out, full_size = _copy(asset, path, client)
    return FetchedFile(
        url=asset.url, asset_id=asset.asset_id, identity=asset.identity, full_size=full_size, size=size_of(target),
        transferred=client.transfer.n_bytes - before, sha256=copy_digest(target),
        fetched=datetime.now(UTC).isoformat(timespec="seconds"), left_out=[array.as_dict() for array in left_out],
    )  # fmt: skip


def _copy(asset: RemoteAsset, path: Path, client: HttpClient) -> tuple[list[LeftOut], int]:
    if asset.is_zarr:
        return copy_zarr(open_folder(asset, client), path), asset.size
    source = open_file(asset, client)
    if asset.size not in (-1, source.size):
        text = f"the archive states {asset.size} bytes, and {source.name} has {source.size}"
        raise RemoteError(f"{asset.path}: {text}: fetch it again later")
    etag = asset.identity.get("etag", "")
    if etag and source.etag and etag != source.etag.strip('"'):
        raise RemoteError(f"{asset.path}: the object changed since it was listed (ETag {source.etag}, not {etag})")
    return copy_hdf5(source, path), source.size


def _bytes(n: int) -> str:
    return "an unknown number of bytes" if n < 0 else size_text(n)


def size_text(n: int) -> str:
    """Write a number of bytes for people: 12.3 MB.

    Parameters
    ----------
    n : int
        Bytes.

    Returns
    -------
    str
        Three digits and a unit.
    """
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if n >= 10**power:
            return f"{n / 10**power:.3g} {unit}"
    return f"{n} bytes"
