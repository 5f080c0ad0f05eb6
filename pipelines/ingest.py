"""Stage `ingest`: recordings of any format -> checked tables in data/ingested."""

from __future__ import annotations

from pathlib import Path

from spikebridge import config
from spikebridge.io import IngestSections, ingest
from spikebridge.runtime.stage import output, say, stage_main

INGESTED = Path("data/ingested")


def main(arguments: list[str]) -> None:
    sections = IngestSections.of(config.load("params.yaml"))
    with output(INGESTED) as folder:
        ingest(sections, folder, earlier=INGESTED, say=say)


if __name__ == "__main__":
    stage_main(main)
