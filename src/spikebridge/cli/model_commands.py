"""Commands that use a saved model: `spikebridge predict` with an array of counts, and `spikebridge adapt`."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from spikebridge.cli import output
from spikebridge.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ADAPTED_COLUMNS = ("recording", "fit", "windows", "trials", "bits/spike", "balanced accuracy")


def predict(arguments: argparse.Namespace) -> None:
    """Load a model and counts, and print or write the predictions."""
    import spikebridge

    counts = _load_counts(arguments.counts)
    model = spikebridge.load(arguments.model)
    wanted = arguments.output or "label"
    predictions = model.predict(counts, wanted, arguments.recording)
    classes = model.classes if wanted == "probabilities" else ()
    out: Path | None = arguments.out
    if out is None:
        print_predictions(predictions, sys.stdout, classes)
    else:
        write_predictions(predictions, out, classes)


def _load_counts(path: Path) -> Any:
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: expected counts as .npy or .npz without pickled objects: {error}") from None
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        names = loaded.files
        if "counts" not in names and len(names) != 1:
            raise DataError(f"{path}: expected one array or one called counts, got {', '.join(names) or 'none'}")
        return loaded["counts" if "counts" in names else names[0]]


def print_predictions(predictions: NDArray[Any], file: IO[str], classes: Sequence[str] = ()) -> None:
    """Write CSV with one row for each trial.

    predictions: labels of shape (trial,), probabilities of shape (trial, class), or rates or latents of shape (trial,
    bin, unit or latent), with one column for each bin and unit.
    """
    if predictions.ndim == 1:
        head = ["label"]
    elif predictions.ndim == 2:
        head = [f"p_{name}" for name in classes]
    else:
        head = [f"bin{b}_{u}" for b in range(predictions.shape[1]) for u in range(predictions.shape[2])]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["trial", *head])
    rows = predictions.reshape(len(predictions), -1).tolist()
    writer.writerows([trial, *row] for trial, row in enumerate(rows))


def write_predictions(predictions: NDArray[Any], path: Path, classes: Sequence[str] = ()) -> None:
    """Write the complete file or none: after an error the file is as before. A pipe or device is written directly.

    predictions, classes: as in `print_predictions`. path: a name that ends in .npy or .csv.
    """
    from spikebridge.runtime.stage import output as output_file

    if path.suffix not in {".npy", ".csv"} and (path.is_file() or not path.exists()):
        raise DataError(f"{path}: expected a name that ends in .npy or .csv")
    as_array = path.suffix == ".npy"
    if path.exists() and not path.is_file():
        _write(predictions, path, as_array, classes)
        return
    with output_file(path.resolve()) as temporary:
        _write(predictions, temporary, as_array, classes)


def _write(predictions: NDArray[Any], path: Path, as_array: bool, classes: Sequence[str]) -> None:
    import numpy as np

    if as_array:
        with path.open("wb") as binary:
            np.save(binary, predictions, allow_pickle=False)
    else:
        with path.open("w", encoding="utf-8", newline="") as text:
            print_predictions(predictions, text, classes)


def adapt(arguments: argparse.Namespace) -> None:
    """Adapt a model to new recordings, write it, and print its scores on held-out blocks of them."""
    from spikebridge import config
    from spikebridge.fitting import adaptation
    from spikebridge.runtime.stage import one_thread
    from spikebridge.runtime.stage import output as output_folder
    from spikebridge.tracking.load import folder_of

    out: Path = arguments.out
    if out.exists():
        raise ConfigError(f"--out: {out} exists; name a new folder, or remove that one first")
    settings = config.load(arguments.params)
    data = settings.data.model_copy(update={"path": str(arguments.data)})
    settings = settings.model_copy(update={"data": data})
    with one_thread(), output_folder(out) as folder:
        sections = adaptation.AdaptationSections.of(settings)
        scores = adaptation.adapt(
            sections, folder_of(arguments.model), folder, lambda line: print(line, file=sys.stderr, flush=True)
        )
    rows = [
        [
            *(str(row[key]) for key in ("recording", "fit", "windows", "trials")),
            *(f"{row[key]:.3f}" for key in ("bits_per_spike", "balanced_accuracy")),
        ]
        for row in scores
    ]
    print("Held-out blocks of each new recording:\n")
    output.print_table(ADAPTED_COLUMNS, rows)
    print(f'Load the adapted model: spikebridge.load("{out}")')
