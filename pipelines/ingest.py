"""Stage `ingest`: recordings of any format -> checked tables in data/ingested."""

from __future__ import annotations

from pathlib import Path

from spikebridge import config
from spikebridge.io import ingest
from spikebridge.stage import output, stage_main


def main(arguments: list[str]) -> None:
    settings = config.load("params.yaml")
    with output(Path("data/ingested")) as folder:
        ingest(settings, folder)


if __name__ == "__main__":
    stage_main(main)
