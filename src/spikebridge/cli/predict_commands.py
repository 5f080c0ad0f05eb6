"""Commands that give recordings to a saved model: `spikebridge predict` and `spikebridge score`.

`spikebridge predict` also takes an array of counts, which it hands to `model_commands`.
"""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spikebridge.cli import model_commands, output
from spikebridge.errors import ConfigError, RegistryError
from spikebridge.errors.messages import counted

if TYPE_CHECKING:
    import pandas as pd

    from spikebridge.prediction import RecordingPrediction
    from spikebridge.tracking.served_model import ServedModel

ARRAYS = (".npy", ".npz")
SCORE_NAMES = {"balanced_accuracy": "balanced accuracy", "auc": "AUC", "log_loss": "log loss (nats)"}


def predict(arguments: argparse.Namespace) -> None:
    """Predict the trials of recordings, or an array of counts."""
    model = arguments.model or arguments.positional_model
    data = arguments.data or arguments.positional_counts
    if model is None or data is None:
        raise ConfigError(
            "expected --model models:/<name>@champion and --data RECORDING; see spikebridge predict --help"
        )
    if data.suffix.lower() in ARRAYS:
        arguments.model, arguments.counts = model, data
        _refuse(
            arguments, ("latents", "rates", "params"), "an array of counts; ask for --output latents or target_rates"
        )
        model_commands.predict(arguments)
        return
    _refuse(arguments, ("output", "recording"), "recordings; it goes with an array of counts")
    _predict_recordings(arguments, model, data)


def _refuse(arguments: argparse.Namespace, names: Sequence[str], what: str) -> None:
    for name in names:
        if getattr(arguments, name):
            raise ConfigError(f"--{name} does not go with {what}")


def _predict_recordings(arguments: argparse.Namespace, uri: str, data: Path) -> None:
    import pandas as pd

    from spikebridge import prediction
    from spikebridge.artifacts import prediction_files as files

    out: Path | None = arguments.out
    for flag, path in (("--out", out), ("--latents", arguments.latents), ("--rates", arguments.rates)):
        if path is not None:
            files.check_suffix(path, flag, nwb=flag == "--out")
    model, predicted = _predictions(uri, data, arguments.params)
    table = pd.concat([p.trials() for p in predicted], ignore_index=True)
    long = {
        path: prediction.long_table(predicted, what, model)
        for what, path in (("latents", arguments.latents), ("rates", arguments.rates))
        if path is not None
    }
    if out is None:
        table.to_csv(sys.stdout, index=False)
    elif out.suffix.lower() == files.NWB_SUFFIX:
        windows = predicted[0].recording.windows
        files.write_nwb_predictions(table, windows.start_s.tolist(), windows.stop_s.tolist(), out)
    else:
        files.write_table(table, out)
    for path, values in long.items():
        files.write_table(values, path)
    written = ", ".join(str(path) for path in (out, *long) if path is not None)
    labelled = int(table["label"].notna().sum())
    print(
        f"{counted(len(table), 'trial')} of {counted(len(predicted), 'recording')}, {labelled} with a label"
        + (f": {written} written" if written else ""),
        file=sys.stderr,
    )
    if line := prediction.fitted_line([p.recording for p in predicted], model):
        print(line, file=sys.stderr)


def _predictions(uri: str, data: Path, params: Path | None) -> tuple[ServedModel, list[RecordingPrediction]]:
    import spikebridge
    from spikebridge import config, prediction

    if not data.exists():
        raise ConfigError(f"--data: {data} does not exist")
    model = spikebridge.load(uri)
    if params is None and not model.fitted_on.settings and Path("params.yaml").is_file():
        params = Path("params.yaml")
        print("The files of the model do not hold the settings of its fit: params.yaml is used", file=sys.stderr)
    given = None if params is None else prediction.PredictionSections.of(config.load(params))
    sections = prediction.prediction_sections(model, data, given)
    recordings = prediction.read_new_recordings(model, sections, lambda line: print(line, file=sys.stderr, flush=True))
    return model, prediction.predict_recordings(model, recordings)


def score(arguments: argparse.Namespace) -> None:
    """Score a model on recordings whose decisions are known, print the table, and log it."""
    from spikebridge import prediction
    from spikebridge.artifacts import prediction_files as files

    out: Path | None = arguments.out
    if out is not None:
        files.check_suffix(out, "--out")
    model, predicted = _predictions(arguments.model, arguments.data, arguments.params)
    table = prediction.score_predictions(predicted, model)
    if out is not None:
        files.write_table(table, out)
    head = ["recording", "windows", "trials", *SCORE_NAMES.values()]
    output.print_table(head, [_cells(table, k) for k in range(len(table))])
    print("Intervals: 95 % bootstrap over blocks of consecutive trials, over recordings where six or more are pooled.")
    if line := prediction.fitted_line([p.recording for p in predicted], model):
        print(line)
    if not arguments.no_log:
        _log(arguments, model, table)


def _cells(table: pd.DataFrame, k: int) -> list[str]:
    row = table.iloc[k]
    scores = [_with_interval(*(float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))) for name in SCORE_NAMES]
    return [str(row["recording"]), str(row["windows"]), str(int(row["n_trials"])), *scores]


def _with_interval(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if math.isfinite(low) and math.isfinite(high) else "")


def _log(arguments: argparse.Namespace, model: ServedModel, table: pd.DataFrame) -> None:
    """A store that does not answer costs the run in MLflow, and not the scores."""
    from spikebridge.tracking.score_run import log_scores

    about = {"model": model.name, "uri": str(arguments.model), "data": str(arguments.data)}
    try:
        print(f"Logged in MLflow as: {log_scores(table, about)}")
    except RegistryError as error:
        print(f"spikebridge score: not logged: {error}", file=sys.stderr)
