"""Stage `preprocess`: ingested recordings -> windows of counts in data/windows."""

from __future__ import annotations

from pathlib import Path

from spikebridge import config
from spikebridge.io import IngestedRecordings
from spikebridge.preprocess import write_windows
from spikebridge.stage import output, stage_main


def main(arguments: list[str]) -> None:
    settings = config.load("params.yaml")
    with output(Path("data/windows")) as folder:
        write_windows(IngestedRecordings(Path("data/ingested")), settings, folder)


if __name__ == "__main__":
    stage_main(main)
