"""`spikebridge adapt`: its arguments, and what spikebridge.fitting.adaptation found."""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebridge.errors import ConfigError


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help="models:/<name>@champion, or the folder of a saved seq2seq")
    command.add_argument("--data", required=True, type=Path, help="the new recording, or a folder of new recordings")
    command.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    command.add_argument("--out", required=True, type=Path, help="folder of the adapted model (must be new)")


def run(arguments: argparse.Namespace) -> tuple[list[str], list[list[str]]]:
    """Adapt and write; head and rows of the table of scores."""
    from spikebridge import config
    from spikebridge.fitting import adaptation
    from spikebridge.runtime.stage import one_thread, output
    from spikebridge.tracking.load import folder_of

    out: Path = arguments.out
    if out.exists():
        raise ConfigError(f"--out: {out} exists; name a new folder, or remove that one first")
    settings = config.load(arguments.params)
    data = settings.data.model_copy(update={"path": str(arguments.data)})
    settings = settings.model_copy(update={"data": data})
    with one_thread(), output(out) as folder:
        rows = adaptation.adapt(
            settings, folder_of(arguments.model), folder, lambda line: print(line, file=sys.stderr, flush=True)
        )
    head = ["recording", "fit", "windows", "trials", "bits/spike", "balanced accuracy"]
    cells = [
        [
            *(str(row[k]) for k in ("recording", "fit", "windows", "trials")),
            *(f"{row[k]:.3f}" for k in ("bits_per_spike", "balanced_accuracy")),
        ]
        for row in rows
    ]
    return head, cells
