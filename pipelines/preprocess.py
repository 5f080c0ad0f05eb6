"""Stage `preprocess`: ingested recordings -> windows of counts in data/windows."""

from __future__ import annotations

from pathlib import Path

from spikebridge import config
from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.preprocess import PreprocessSections, write_windows
from spikebridge.runtime.stage import output, say, stage_main

WINDOWS = Path("data/windows")


def main(arguments: list[str]) -> None:
    sections = PreprocessSections.of(config.load("params.yaml"))
    with output(WINDOWS) as folder:
        write_windows(IngestedRecordings(Path("data/ingested")), sections, folder, earlier=WINDOWS, say=say)


if __name__ == "__main__":
    stage_main(main)
