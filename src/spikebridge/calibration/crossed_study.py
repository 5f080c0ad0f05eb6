"""One study of crossed recordings, from windows to verdicts: the stages of the pipeline, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikebridge.artifacts.splits import SPLITS_FILE, save_splits
from spikebridge.artifacts.tuning import TuningRun
from spikebridge.artifacts.windows import load_animals, load_windows, save_report, save_windows
from spikebridge.calibration.crossed import cross, crossed_pairs
from spikebridge.config import Config
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.fitting import training, tuning
from spikebridge.nested_models import NestedModelsSections, fit_nested_models
from spikebridge.runtime.stage import output
from spikebridge.splits import make_splits

Say = Callable[[str], None]


def run_shift(settings: Config, windows: Path, shift: int, place: Path, say: Say) -> None:
    """Cross the recordings, split, tune, train, fit nested models and evaluate in the folder `place`.

    What is there already is kept. windows: folder of the recordings' own windows.
    """
    crossed, splits, train = place / "windows", place / SPLITS_FILE.name, place / "train"
    if not crossed.is_dir():
        with output(crossed) as folder:
            _store(windows, shift, folder)
    if not splits.is_file():
        with output(splits) as path:
            save_splits(make_splits(load_windows(crossed), settings.split), path)
    for model in settings.models:
        _fit(settings, model, place, shift, say)
    nested, evaluation = place / "nested_models", place / "evaluation"
    if not nested.is_dir():
        with output(nested) as folder:
            fit_nested_models(NestedModelsSections.of(settings), crossed, splits, train, folder)
    if not evaluation.is_dir():
        sections = EvaluationSections.of(settings)
        with output(evaluation) as folder:
            evaluate(sections, crossed, splits, train, place / "recordings", folder, nested_models_folder=nested)
    say(f"shift {shift}: evaluated")


def _store(windows: Path, shift: int, folder: Path) -> None:
    """Write the windows of the crossed recordings; their animal is that whose target and trials they have."""
    own, animals, about = {w.recording: w for w in load_windows(windows)}, load_animals(windows), {}
    folder.mkdir()
    for source, target in crossed_pairs(list(own), shift):
        w = cross(own[source], own[target])
        save_windows(w, folder)
        about[w.recording] = {"animal": animals[target]}
    save_report({"classes": list(next(iter(own.values())).classes), "recordings": about}, folder)


def _fit(settings: Config, model: str, place: Path, shift: int, say: Say) -> None:
    """The stages tune and train of one model."""
    tuned, trained, data = (
        place / "tune" / model,
        place / "train" / model,
        (place / "windows", place / SPLITS_FILE.name),
    )
    if trained.is_dir():
        return
    if not tuned.is_dir():
        sections = tuning.TuningSections.of(settings)
        with output(tuned) as folder:
            tuning.tune(sections, model, *data, place / "studies" / model, folder)
    with output(trained) as folder:
        best = TuningRun(tuned).best
        training.train(model, settings.seed, settings.baseline, settings.compute, *data, best, folder, lambda _: None)
    say(f"shift {shift}: {model} tuned and trained")
