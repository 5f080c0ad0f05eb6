"""`data.path` as an address: the recordings are read from a compact copy in data/remote.

The name of the copy's folder follows from the address and from ETag, last change and size of what lies there. An object
that changed is therefore fetched into a new folder, and never read from an old copy. Where a server gives neither ETag
nor last change, and of a Zarr folder on a web server, nothing shows a change: these are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikebridge.artifacts.fetched import FETCHED_FOLDER, REMOTE_FOLDER
from spikebridge.config import DataConfig
from spikebridge.errors import ConfigError
from spikebridge.remote.assets import is_address, is_web
from spikebridge.remote.dandi import is_set, set_name
from spikebridge.remote.fetch import fetch, list_source, size_text
from spikebridge.remote.http import HttpClient
from spikebridge.runtime.hashing import digest

DIGITS = 16


def with_local_copy(data: DataConfig, say: Callable[[str], None] = lambda _: None, root: Path = Path()) -> DataConfig:
    """Fetch what `data.path` names, where it is an address, and name the copy instead.

    Parameters
    ----------
    data : DataConfig
        The section `data` of params.yaml.
    say : callable
        Called with one line for each file.
    root : Path
        The folder of the project.

    Returns
    -------
    DataConfig
        With a path on this machine; unchanged where it was one.

    Raises
    ------
    ConfigError
        Where `data.path` names a set of an archive: which version of it is read must stand in the project.
    RemoteError
        Where the address cannot be read.
    """
    if not is_elsewhere(data.path):
        return data
    return data.model_copy(update={"path": str(local_copy(data.path, say, root))})


def is_elsewhere(place: str) -> bool:
    """Whether a text names recordings that are not on this machine.

    Parameters
    ----------
    place : str
        A path, an address, or the name of a set.

    Returns
    -------
    bool
        True for an address and for dandi:NUMBER.
    """
    return is_address(place) or is_set(place)


def local_copy(place: str, say: Callable[[str], None] = lambda _: None, root: Path = Path()) -> Path:
    """Fetch what lies at an address, unless the same was fetched before.

    Parameters
    ----------
    place : str
        The address.
    say : callable
        Called with one line for each file.
    root : Path
        The folder of the project.

    Returns
    -------
    Path
        The folder of the copy, in data/remote of the project.

    Raises
    ------
    ConfigError
        For the name of a set of an archive, and for what may change without a sign.
    RemoteError
        Where the address cannot be read.
    """
    if is_set(place):
        folder = FETCHED_FOLDER / set_name(place).number
        raise ConfigError(f"{place} is fetched first: spikebridge fetch {place} --out {folder}; then name {folder}")
    client = HttpClient()
    listing = list_source(place, client)
    for asset in listing.assets:
        if not asset.identity or (asset.is_zarr and is_web(asset.url)):
            raise ConfigError(
                f"{place}: the server does not show whether {asset.path} changed: fetch it first (spikebridge fetch "
                f"{place} --out FOLDER), then name FOLDER"
            )
    parts = [p for a in listing.assets for p in (a.path, str(a.size), *sorted(a.identity.values()))]
    folder_of_copy = root / REMOTE_FOLDER / digest(place, *parts)[:DIGITS]
    summary = fetch(listing, folder_of_copy, client, say=say)
    if summary.n_fetched:
        say(f"{place}: {size_text(summary.transferred)} fetched into {folder_of_copy}")
    return folder_of_copy
