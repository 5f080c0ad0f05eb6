"""Recordings in: readers found by file name, checks apart from reading, tables out."""

from spikebridge.io.registry import find_recordings, get_reader, reader_names, reader_of
from spikebridge.io.store import IngestedRecordings, ingest, load_ingested, read_recording, save_ingested
from spikebridge.io.validation import check

__all__ = [
    "IngestedRecordings",
    "check",
    "find_recordings",
    "get_reader",
    "ingest",
    "load_ingested",
    "read_recording",
    "reader_names",
    "reader_of",
    "save_ingested",
]
