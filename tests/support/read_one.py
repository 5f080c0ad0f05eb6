"""One recording, read and checked as `ingest` does it, without a folder of tables."""

from __future__ import annotations

from pathlib import Path

from spikebridge.config import RecordingSections
from spikebridge.io import read_contents
from spikebridge.io.ingest import checked_recording
from spikebridge.types import Recording


def read_recording(path: Path, sections: RecordingSections, name: str = "") -> Recording:
    """name: as for `read_contents`. Raises DataError with the file and all errors in it."""
    return checked_recording(read_contents(path, sections.data, name, sections.trials.times), sections)
