"""The command line: `spikebridge inspect | use | results | predict | adapt | ui | publish | promote | repair`.

Heavy imports wait inside commands.
"""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spikebridge import __version__
from spikebridge.cli import adapt as adaptation
from spikebridge.cli import drawing, inspection, promotion
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.errors.system_errors import explain


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command. A user's mistake, a full disk or a missing permission ends in one line and exit code 2."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except SpikebridgeError as error:
        print(f"spikebridge {arguments.command}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:  # the reader of a pipe, head for instance, has seen enough
        sys.stderr.close()
    except Exception as error:
        said = explain(error, getattr(arguments, "out", None) or getattr(arguments, "params", None))
        if said is None:
            raise
        print(f"spikebridge {arguments.command}: {said}", file=sys.stderr)
        raise SystemExit(SpikebridgeError.exit_code) from None


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="spikebridge", description="Translate spikes between brain regions.")
    top.add_argument("--version", action="version", version=f"spikebridge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = _command(commands, "inspect", inspect, "what a file or folder holds, and parameters for it")
    inspection.add_arguments(command)

    command = _command(commands, "use", use, "make a parameter file the project's params.yaml, after checking it")
    command.add_argument("params", type=Path)
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. data.path=my/data")

    _command(commands, "results", results, "table of scores and tests of the last run, and where to look")

    command = _command(commands, "predict", predict, "decisions, probabilities, latents or rates for counts")
    command.add_argument("model", help="models:/<name>@champion, or the folder of a saved model")
    command.add_argument("counts", type=Path, help=".npy or .npz (one array, or `counts`): (trial, bin, unit)")
    command.add_argument("--output", default="label", help="label, probabilities, latents or target_rates")
    command.add_argument("--recording", default="", help="whose units these are, where their number does not tell")
    command.add_argument("--out", type=Path, help="write .npy or .csv instead of printing")

    command = _command(
        commands, "adapt", adapt, "new recordings for a saved model: read-in and read-out around its core"
    )
    adaptation.add_arguments(command)

    command = _command(commands, "ui", ui, "MLflow UI of this project, on this machine only")
    command.add_argument("--port", type=int, default=5000)
    command.add_argument("--auth", action="store_true", help="ask for a password, on a machine that others use too")

    _command(commands, "publish", publish, "log the results on disk and register the model in the current MLflow store")

    command = _command(commands, "promote", promote, "make a version champion against its gates, by name and reason")
    promotion.add_arguments(command)

    _command(commands, "repair", repair, "mend what a killed DVC command left, so that the next one works")
    return top


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    made.set_defaults(run=run)
    return made


def inspect(arguments: argparse.Namespace) -> None:
    """What lies in a file or folder, before any params.yaml is written for it."""
    inspection.run(arguments)


def use(arguments: argparse.Namespace) -> None:
    """Check first, then replace: a wrong file leaves params.yaml as it was."""
    from spikebridge.cli import settings

    target = Path("params.yaml")
    kept = settings.use(arguments.params, arguments.set, target)
    print("params.yaml written" + (f"; the one before is {kept}" if kept else "") + ". Next: make repro")
    if lost := settings.data_not_here(target):
        print(f"spikebridge use: {lost}", file=sys.stderr)


def results(_: argparse.Namespace) -> None:
    from spikebridge import config, tracking
    from spikebridge.artifacts.json_files import read_json
    from spikebridge.tracking import describe
    from spikebridge.tracking.results import Results

    project = tracking.home()
    found = Results(config.load(project / "params.yaml"), project)
    if not found.evaluation.is_dir():
        raise DataError(
            f"nothing has been evaluated yet: expected {found.evaluation.relative_to(project)}/ in {project}. Run the "
            "pipeline first: make repro"
        )
    show(["model", *describe.COLUMNS.values()], describe.score_rows(found))
    print(f"Intervals: {describe.interval_text(found)}.\n")
    table = found.table("comparisons.csv")
    show(describe.COMPARISON_HEAD, describe.comparison_rows(table[table["role"] == "primary"]))
    for line in [*describe.analysis_lines(found), *describe.ladder_lines(found)]:
        print(line)
    for line in describe.course_lines(found.metrics()):
        print(line)
    for line in describe.null_lines(found):
        print(line)
    for line in describe.filter_lines(found):
        print(line)
    print(f"Tables and figures: {found.evaluation.relative_to(project)}")
    print("MLflow UI:          spikebridge ui")
    registration = project / "reports" / "registration.json"
    if registration.is_file():
        about = read_json(registration)
        print(f'Load the winner:    spikebridge.load("{about["uri"]}")  # {about["model"]}')
        for name, gate in about["gates"].items():
            word = gate.get("word", "passed" if gate["passed"] else "failed")
            print(f"Gate {name}: {word if word != 'failed' else 'FAILED'} ({gate['reason']})")
        for line in promotion.champion_lines(project):
            print(line)
        if said := tracking.misplaced(project):
            print(f"spikebridge results: {said}", file=sys.stderr)


def predict(arguments: argparse.Namespace) -> None:
    import spikebridge

    counts = _counts(arguments.counts)
    model = spikebridge.load(arguments.model)
    said = model.predict(counts, arguments.output, arguments.recording)
    names = model.classes if arguments.output == "probabilities" else ()
    out: Path | None = arguments.out
    if out is None:
        _csv(said, sys.stdout, names)
    else:
        _write(said, out, names)


def _counts(path: Path) -> Any:
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


def _csv(said: Any, handle: Any, names: Sequence[str] = ()) -> None:
    """One row a trial; three axes are laid out as one column a bin and unit (or latent)."""
    import csv

    writer = csv.writer(handle, lineterminator="\n")
    flat = said.reshape(len(said), -1)
    if said.ndim == 1:
        writer.writerow(["trial", "label"])
    elif said.ndim == 2:
        writer.writerow(["trial", *(f"p_{name}" for name in names)])
    else:
        writer.writerow(["trial", *(f"bin{b}_{u}" for b in range(said.shape[1]) for u in range(said.shape[2]))])
    writer.writerows([trial, *row] for trial, row in enumerate(flat.tolist()))


def _write(said: Any, path: Path, names: Sequence[str]) -> None:
    """The whole file or none: a full disk leaves the one before. What is no file (a pipe) is written to as it is."""
    from spikebridge.runtime.stage import output

    if path.suffix not in {".npy", ".csv"} and (path.is_file() or not path.exists()):
        raise DataError(f"{path}: expected a name that ends in .npy or .csv")
    if path.exists() and not path.is_file():
        _write_to(said, path, path.suffix == ".npy", names)
        return
    with output(path.resolve()) as temporary:
        _write_to(said, temporary, path.suffix == ".npy", names)


def _write_to(said: Any, path: Path, as_array: bool, names: Sequence[str]) -> None:
    import numpy as np

    if as_array:
        with path.open("wb") as handle:
            np.save(handle, said, allow_pickle=False)
    else:
        with path.open("w", encoding="utf-8", newline="") as handle:
            _csv(said, handle, names)


def adapt(arguments: argparse.Namespace) -> None:
    head, rows = adaptation.run(arguments)
    print("Held-out blocks of each new recording:\n")
    show(head, rows)
    print(f'Load the adapted model: spikebridge.load("{arguments.out}")')


def ui(arguments: argparse.Namespace) -> None:
    from spikebridge import tracking

    raise SystemExit(tracking.serve_ui(arguments.port, lambda line: print(line, flush=True), arguments.auth))


def publish(_: argparse.Namespace) -> None:
    from spikebridge import config, tracking

    project = tracking.home()
    about = tracking.publish(config.load(project / "params.yaml"), project)
    print(f"{about['model']} is version {about['version']} of {about['name']}: {about['uri']}")


def promote(arguments: argparse.Namespace) -> None:
    head, rows, done = promotion.run(arguments)
    show(head, rows)
    if done:
        print(done)


def repair(_: argparse.Namespace) -> None:
    """Quiet where all is well: `make repro` calls it before every run."""
    from spikebridge.runtime.repair import repair as mend

    for line in mend(Path.cwd()):
        print(f"spikebridge repair: {line}", file=sys.stderr)


def show(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table: drawn in a terminal, plain columns in a pipe."""
    cells = [[str(c).replace("**", "") for c in row] for row in rows]
    if sys.stdout.isatty():
        drawing.draw(drawing.Part("", head, cells))
        return
    widths = [max(len(r[i]) for r in [list(head), *cells]) for i in range(len(head))]
    for row in [list(head), *cells]:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    print()
