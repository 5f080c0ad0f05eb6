"""Read recordings: find them, read them with the reader of their format, check them, and write tables."""

from spikebridge.artifacts.recordings import IngestedRecordings, load_about, load_ingested, save_ingested
from spikebridge.io.choose import choose
from spikebridge.io.contents import Contents
from spikebridge.io.discovery import discover, read_in_child_process
from spikebridge.io.ingest import IngestSections, ingest
from spikebridge.io.reader_registry import (
    get_reader,
    name_of,
    named_recordings,
    not_recordings,
    read_contents,
    reader_names,
    reader_of,
)
from spikebridge.io.validation import check

__all__ = [
    "Contents",
    "IngestSections",
    "IngestedRecordings",
    "check",
    "choose",
    "discover",
    "get_reader",
    "ingest",
    "load_about",
    "load_ingested",
    "name_of",
    "named_recordings",
    "not_recordings",
    "read_contents",
    "read_in_child_process",
    "reader_names",
    "reader_of",
    "save_ingested",
]
