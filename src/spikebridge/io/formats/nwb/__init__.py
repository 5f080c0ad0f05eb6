"""Parts of the NWB readers: from an open file to Contents, and back.

pynwb keeps a copy of its schema in the user's cache folder and cannot be imported where that cannot be made, as on
clusters whose nodes see no home. Whoever reads or writes NWB imports this package first, which then names another folder.
"""

from __future__ import annotations

import os
import tempfile

from platformdirs import PlatformDirs

CACHE = "XDG_CACHE_HOME"


def _have_a_cache() -> None:
    """The folder is a temporary one, new for each process and taken away with it: what lies in it is unpickled."""
    try:
        folder = PlatformDirs(appname="pynwb-hdmf").user_cache_path
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return
    except (OSError, RuntimeError):
        pass
    os.environ[CACHE] = _HELD.name


_HELD = tempfile.TemporaryDirectory(prefix="spikebridge-cache-")
_have_a_cache()
