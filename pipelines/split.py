"""Stage `split`: windows -> the one manifest of folds, data/splits.json."""

from __future__ import annotations

from pathlib import Path

from spikebridge import config
from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.windows import load_animals, load_windows
from spikebridge.runtime.stage import output, stage_main
from spikebridge.splits import make_splits


def main(arguments: list[str]) -> None:
    settings = config.load("params.yaml")
    with output(Path("data/splits.json")) as path:
        windows = load_windows(Path("data/windows"))
        splits = make_splits(windows, settings.split, animals=load_animals(Path("data/windows")))
        save_splits(splits, path)


if __name__ == "__main__":
    stage_main(main)
