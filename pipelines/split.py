"""Stage `split`: windows -> the one manifest of folds, data/splits.json."""

from __future__ import annotations

from spikebridge import config
from spikebridge.artifacts.splits import SPLITS_FILE, save_splits
from spikebridge.artifacts.windows import WINDOWS_FOLDER, load_animals, load_windows
from spikebridge.runtime.stage import output, stage_main
from spikebridge.splits import make_splits


def main(arguments: list[str]) -> None:
    settings = config.load("params.yaml")
    with output(SPLITS_FILE) as path:
        windows = load_windows(WINDOWS_FOLDER)
        splits = make_splits(windows, settings.split, animals=load_animals(WINDOWS_FOLDER))
        save_splits(splits, path)


if __name__ == "__main__":
    stage_main(main)
