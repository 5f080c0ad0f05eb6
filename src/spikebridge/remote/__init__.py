"""Recordings that stay where they are: NWB files in an archive, on a web server or in a bucket, read by ranges."""

from spikebridge.remote.assets import Listing, RemoteAsset, chosen, is_address
from spikebridge.remote.dandi import ARCHIVE, DRAFT, is_set
from spikebridge.remote.data_path import is_elsewhere, local_copy, with_local_copy
from spikebridge.remote.fetch import FetchSummary, fetch, list_source, size_text
from spikebridge.remote.http import HttpClient, HttpSource, TransferCount

__all__ = [
    "ARCHIVE",
    "DRAFT",
    "FetchSummary",
    "HttpClient",
    "HttpSource",
    "Listing",
    "RemoteAsset",
    "TransferCount",
    "chosen",
    "fetch",
    "is_address",
    "is_elsewhere",
    "is_set",
    "list_source",
    "local_copy",
    "size_text",
    "with_local_copy",
]
