"""`data.path` as an address: the recordings are read from a compact copy in data/remote.

The name of the copy's folder follows from the address and from ETag, last change and size of what lies there. An object
that changed is therefore fetched into a new folder, and never read from an old copy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikebridge.config import DataConfig
from spikebridge.errors import ConfigError
from spikebridge.remote.assets import is_address
from spikebridge.remote.dandi import is_set, set_name
from spikebridge.remote.fetch import fetch, list_source, size_text
from spikebridge.remote.http import HttpClient
from spikebridge.runtime.hashing import digest

REMOTE_FOLDER = Path("data") / "remote"
"""Of compact copies, in the folder of a project."""
DIGITS = 16


def with_local_copy(
    data: DataConfig, say: Callable[[str], None] = lambda _: None, root: Path = Path(), client: HttpClient | None = None
) -> DataConfig:
    """Fetch what `data.path` names, where it is an address, and name the copy instead.

    Parameters
    ----------
    data : DataConfig
        The section `data` of params.yaml.
    say : callable
        Called with one line for each file.
    root : Path
        The folder of the project.
    client : HttpClient, optional
        Makes the requests.

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
    if is_set(data.path):
        number = set_name(data.path).number
        command = f"spikebridge fetch {data.path} --out data/{number}"
        raise ConfigError(f"data.path: {data.path} is fetched first: {command}, then data.path: data/{number}")
    if not is_address(data.path):
        return data
    client = client or HttpClient()
    listing = list_source(data.path, client)
    parts = [p for a in listing.assets for p in (a.path, str(a.size), *sorted(a.identity.values()))]
    folder = root / REMOTE_FOLDER / digest(data.path, *parts)[:DIGITS]
    summary = fetch(listing, folder, client, say=say)
    if summary.n_fetched:
        say(f"{data.path}: {size_text(summary.transferred)} fetched into {folder}")
    return data.model_copy(update={"path": str(folder)})
