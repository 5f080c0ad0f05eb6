"""Everything evaluate reads, checked and brought into one order of trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.latents import LatentsByFold, read_latents
from spikebridge.artifacts.out_of_fold import Decisions, Translation
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.training import TrainingIntervals, TrainingRun
from spikebridge.artifacts.windows import has_report, load_animals, load_windows
from spikebridge.errors import DataError
from spikebridge.types import Splits, Windows


@dataclass(frozen=True)
class Inputs:
    """What the models said, and what there was to say."""

    windows: Mapping[str, Windows]
    animals: Mapping[str, str]
    splits: Splits
    classes: tuple[str, ...]
    decisions: Mapping[str, Decisions]
    translations: Mapping[str, Translation]
    latents: Mapping[str, LatentsByFold]
    training_intervals: Mapping[str, TrainingIntervals]
    history: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def recordings(self) -> list[str]:
        return sorted(self.windows)


def read(
    models: Iterable[str], windows_folder: Path, splits_path: Path, train_folder: Path, needs_animals: bool = False
) -> Inputs:
    """Read the windows, the manifest, and what train wrote for each of the models.

    needs_animals: whether it is an error that no report of the windows has the animals.
    Raises DataError naming the file and what it lacks.
    """
    windows = {w.recording: w for w in load_windows(windows_folder)}
    classes = next(iter(windows.values())).classes
    runs = {name: TrainingRun(train_folder / name) for name in models}
    for name, run in runs.items():
        if not run.training_intervals.is_file():
            raise DataError(
                f"{run.folder}: expected the results of model {name}, found none; run the stage train@{name}"
            )
    history = {m: run.read_history() for m, run in runs.items()}
    return Inputs(
        windows=windows,
        animals=_animals(windows_folder, needs_animals),
        splits=load_splits(splits_path),
        classes=classes,
        decisions={m: run.read_decisions(m, classes) for m, run in runs.items() if run.predictions.is_file()},
        translations={m: run.read_translation(m) for m, run in runs.items() if run.translation.is_file()},
        latents={m: read_latents(run.latents) for m, run in runs.items() if run.latents.is_file()},
        training_intervals={m: run.read_training_intervals() for m, run in runs.items()},
        history={m: table for m, table in history.items() if table is not None},
    )


def _animals(windows_folder: Path, needed: bool) -> Mapping[str, str]:
    """Recording -> animal; empty if no report has it and it is not needed."""
    return load_animals(windows_folder) if needed or has_report(windows_folder) else {}


def rows_of(w: Windows, trials: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the windows that belong to the given trials."""
    order = np.argsort(w.trial, kind="stable")
    return np.asarray(order[np.searchsorted(w.trial, trials, sorter=order)], dtype=np.int64)
