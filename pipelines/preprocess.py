"""Stage `preprocess`: ingested recordings -> windows of counts in data/windows."""

from __future__ import annotations

from spikebridge import config
from spikebridge.artifacts.recordings import INGESTED_FOLDER, IngestedRecordings
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.preprocess import PreprocessSections, write_windows
from spikebridge.runtime.stage import output, say, stage_main


def main(arguments: list[str]) -> None:
    sections = PreprocessSections.of(config.load("params.yaml"))
    with output(WINDOWS_FOLDER) as folder:
        write_windows(IngestedRecordings(INGESTED_FOLDER), sections, folder, earlier=WINDOWS_FOLDER, say=say)


if __name__ == "__main__":
    stage_main(main)
