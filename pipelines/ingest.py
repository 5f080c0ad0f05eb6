"""Stage `ingest`: recordings of any format -> checked tables in data/ingested."""

from __future__ import annotations

from dataclasses import replace

from spikebridge import config
from spikebridge.artifacts.recordings import INGESTED_FOLDER
from spikebridge.io import IngestSections, ingest
from spikebridge.remote import with_local_copy
from spikebridge.runtime.stage import output, say, stage_main


def main(arguments: list[str]) -> None:
    sections = IngestSections.of(config.load("params.yaml"))
    sections = replace(sections, data=with_local_copy(sections.data, say))
    with output(INGESTED_FOLDER) as folder:
        ingest(sections, folder, earlier=INGESTED_FOLDER, say=say)


if __name__ == "__main__":
    stage_main(main)
