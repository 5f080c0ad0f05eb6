"""Neurodata Without Borders: an open file as Contents, and a recording as a file.

pynwb keeps a copy of its schema in the user's cache folder, and cannot be imported where that folder cannot be made, as
on nodes of clusters without a home. This package is imported before pynwb, and names another folder in that case.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from spikebridge.io.formats.nwb.contents import NWBOptions, contents_of
from spikebridge.io.formats.nwb.hdf5 import open_hdf5
from spikebridge.io.formats.nwb.write import nwb_file

__all__ = ["NWBOptions", "contents_of", "nwb_file", "open_hdf5"]

CACHE = "XDG_CACHE_HOME"


def _cache_is_there() -> bool:
    try:
        folder = Path(os.environ.get(CACHE) or Path.home() / ".cache") / "pynwb-hdmf"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or nothing can be made there
        return False
    return os.access(folder, os.W_OK | os.X_OK)


if not _cache_is_there():
    # A new folder for each process, removed with it: pynwb unpickles what lies there.
    _held = tempfile.TemporaryDirectory(prefix="spikebridge-")
    os.environ[CACHE] = _held.name
