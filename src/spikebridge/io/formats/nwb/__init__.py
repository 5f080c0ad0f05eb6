"""Parts of the NWB readers: from an open file to Contents, and back.

pynwb keeps a copy of its schema in the user's cache folder, and cannot be imported where that cannot be made, as on
nodes of clusters without a home. This package is imported before pynwb, and then names another folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

CACHE = "XDG_CACHE_HOME"


def _cache_is_there() -> bool:
    try:
        folder = Path(os.environ.get(CACHE) or Path.home() / ".cache") / "pynwb-hdmf"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or nothing can be made there
        return False
    return os.access(folder, os.W_OK | os.X_OK)


if not _cache_is_there():
    # New for each process and taken away with it: pynwb unpickles what lies there.
    _held = tempfile.TemporaryDirectory(prefix="spikebridge-")
    os.environ[CACHE] = _held.name
