"""The commands of `spikebridge`, their arguments and help texts. Commands import heavy libraries when they run."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spikebridge import __version__
from spikebridge.cli import (
    demo_command,
    fan_out_command,
    fetch_command,
    init_command,
    inspect_command,
    model_commands,
    predict_commands,
    project_commands,
    registry_commands,
    report_command,
    results_command,
    sweep_command,
)
from spikebridge.errors import SpikebridgeError
from spikebridge.errors.system_errors import explain
from spikebridge.runtime.memory import collect_rarely


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of this process where none are given.

    Raises
    ------
    SystemExit
        With exit code 2 after an error of the user or the system, and as commands document it.
    """
    arguments = parser().parse_args(argv)
    collect_rarely()
    try:
        arguments.run(arguments)
    except SpikebridgeError as error:
        print(f"spikebridge {arguments.command}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:  # the program that reads the pipe, head for instance, has ended
        sys.stderr.close()
    except Exception as error:
        text = explain(error, getattr(arguments, "out", None) or getattr(arguments, "params", None))
        if text is None:
            raise
        print(f"spikebridge {arguments.command}: {text}", file=sys.stderr)
        raise SystemExit(SpikebridgeError.exit_code) from None


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands.

    Returns
    -------
    argparse.ArgumentParser
        The attribute `run` of the parsed arguments is the function of the command.
    """
    top = argparse.ArgumentParser(
        prog="spikebridge", description="Translate spikes between brain regions.", formatter_class=_OneLine
    )
    top.add_argument("--version", action="version", version=f"spikebridge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_init(commands)
    _add_demo(commands)
    _add_fetch(commands)
    _add_inspect(commands)
    _add_use(commands)
    _add_run(commands)
    _add_fan_out(commands)
    _add_work(commands)
    _add_results(commands)
    _add_report(commands)
    _add_ui(commands)
    _add_predict(commands)
    _add_score(commands)
    _add_adapt(commands)
    _add_sweep(commands)
    _add(commands, "publish", registry_commands.publish, "log the results in MLflow and register the best model")
    _add_promote(commands)
    _add(commands, "repair", project_commands.repair, "repair what an interrupted DVC command left behind")
    return top


class _OneLine(argparse.HelpFormatter):
    """Room for the longest name of a command beside its text, so that each takes one line of 80 columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=14)


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str, epilog: str = ""
) -> argparse.ArgumentParser:
    """Add a command. commands: the subparsers of the command line; text: what the command does."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=epilog
    )
    command.set_defaults(run=run)
    return command


def _add_init(commands: Any) -> None:
    command = _add(commands, "init", init_command.init, "make the folder of a project, which runs anywhere")
    command.add_argument("folder", nargs="?", type=Path, default=Path(), help="new, or empty (default: this folder)")
    command.add_argument("--git", action="store_true", help="under Git, which dvc exp and comparisons need")
    command.add_argument(
        "--update", action="store_true", help="write dvc.yaml and pipelines/ of the installed version; all else stays"
    )


def _add_demo(commands: Any) -> None:
    command = _add(
        commands,
        "demo",
        demo_command.demo,
        "run the pipeline on two small simulated recordings",
    )
    command.add_argument("--folder", type=Path, default=Path("demo"), help="folder of the demo (default: %(default)s)")
    command.add_argument("--no-open", dest="open", action="store_false", help="do not open the report in the browser")


def _add_fetch(commands: Any) -> None:
    command = _add(
        commands,
        "fetch",
        fetch_command.fetch,
        "fetch NWB recordings without their raw traces",
        "Run again, it keeps finished files. A draft is fetched only by name: dandi:000978@draft",
    )
    command.add_argument("source", metavar="SOURCE", help="dandi:NUMBER[@VERSION], https://... or s3://...")
    command.add_argument("--subject", nargs="+", default=[], metavar="NAME", help="only the files of these subjects")
    command.add_argument("--files", default="", metavar="GLOB", help="only files with such a path or name: '*ses-2*'")
    command.add_argument("--max-files", type=int, metavar="N", help="at most so many files, the first by path")
    command.add_argument("--out", type=Path, help="folder of the copies (default: data/NUMBER)")
    command.add_argument("--dry", action="store_true", help="list files and sizes; fetch none")
    command.add_argument(
        "--archive", default="https://api.dandiarchive.org/api", metavar="URL", help="default: %(default)s"
    )


def _add_inspect(commands: Any) -> None:
    command = _add(
        commands,
        "inspect",
        inspect_command.inspect,
        "summarise recordings and propose parameters",
        "Exit code: 0 where the proposed parameters run as they are, 1 where they do not, 2 after an error.",
    )
    command.add_argument("path", help="a folder of recordings, one recording, or an address (https://, s3://)")
    command.add_argument("--table", help="interval table of the trials (default: the most likely one)")
    command.add_argument("--region-from", default="auto", help="units column with the region (default: %(default)s)")
    command.add_argument("--reader", default="auto", help="name of the reader (default: %(default)s, by content)")
    command.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="for the reader, e.g. sampling_rate_hz=30000"
    )
    command.add_argument(
        "--offset-s", default="0", metavar="SECONDS", help="added to all times; or YAML such as '{trials: -37.6}'"
    )
    command.add_argument(
        "--clock",
        default="checked",
        choices=["checked", "trusted"],
        help="trusted: signs of two clocks give warnings instead of errors",
    )
    command.add_argument("--json", action="store_true", help="print one JSON document, for programs")
    command.add_argument("--params", type=Path, metavar="FILE", help="write a complete parameter file (must be new)")


def _add_use(commands: Any) -> None:
    command = _add(commands, "use", project_commands.use, "check a parameter file and make it params.yaml")
    command.add_argument("params", type=Path, help="the parameter file")
    command.add_argument("--no-try", action="store_true", help="do not read the recordings to try the file")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value, e.g. data.path=my/data"
    )


def _add_run(commands: Any) -> None:
    command = _add(
        commands,
        "run",
        project_commands.run,
        "run what is out of date in the pipeline",
    )
    command.add_argument("--folder", type=Path, default=Path(), help="the project (default: this folder)")


def _add_fan_out(commands: Any) -> None:
    command = _add(
        commands,
        "fan-out",
        fan_out_command.fan_out,
        "run all unfinished jobs of the pipeline at once",
        "On this machine, on Dask workers (compute.engine: dask) or as job arrays of SLURM. dvc repro then collects "
        "the stored results. Exit code: 1 where jobs failed.",
    )
    command.add_argument("--retry", action="store_true", help="run jobs that failed again")
    command.add_argument("--slurm", action="store_true", help="write job arrays of SLURM, and print what submits them")
    command.add_argument("--submit", action="store_true", help="with --slurm: submit them too")
    command.add_argument(
        "--max-array", type=int, default=1000, metavar="N", help="most tasks of an array (default: %(default)s)"
    )
    command.add_argument("--status", action="store_true", help="show how far job arrays are; run nothing")
    command.add_argument(
        "--prune", action="store_true", help="delete stored results that no unfinished stage asks for; run nothing"
    )


def _add_work(commands: Any) -> None:
    command = _add(commands, "work", fan_out_command.work, "run one job of a manifest of fan-out --slurm")
    command.add_argument("manifest", type=Path, help="the manifest")
    command.add_argument("--index", type=int, required=True, metavar="N", help="place of the job, from 0")


def _add_report(commands: Any) -> None:
    command = _add(commands, "report", report_command.report, "write the pages of the last run, and print their path")
    command.add_argument("--open", action="store_true", help="open the group page in the browser")


def _add_results(commands: Any) -> None:
    command = _add(commands, "results", results_command.results, "print the answer of the last run in five lines")
    command.add_argument("--all", action="store_true", help="print every score, test, null and gate too")


def _add_predict(commands: Any) -> None:
    command = _add(
        commands,
        "predict",
        predict_commands.predict,
        "predict the decisions of recordings, one row a trial",
        "An array of counts (.npy, .npz: trial, bin, unit) is predicted too: spikebridge predict MODEL counts.npy",
    )
    command.add_argument("positional_model", nargs="?", metavar="MODEL", help="the same as --model")
    command.add_argument("positional_counts", nargs="?", type=Path, metavar="DATA", help="the same as --data")
    _add_model_and_data(command)
    command.add_argument("--out", type=Path, help="write .parquet, .csv or .nwb instead of printing CSV")
    command.add_argument("--latents", type=Path, metavar="FILE", help="write the latents, one row a value")
    command.add_argument("--rates", type=Path, metavar="FILE", help="write the target's rates, one row a value")
    command.add_argument("--output", help="of counts: label (default), probabilities, latents or target_rates")
    command.add_argument(
        "--recording", default="", help="of counts: the recording, where the number of units does not identify it"
    )


def _add_score(commands: Any) -> None:
    command = _add(
        commands,
        "score",
        predict_commands.score,
        "score a saved model on newly labelled recordings",
    )
    _add_model_and_data(command, required=True)
    command.add_argument("--out", type=Path, help="write the table as .parquet or .csv")
    command.add_argument("--no-log", action="store_true", help="do not log the scores in MLflow")


def _add_model_and_data(command: argparse.ArgumentParser, required: bool = False) -> None:
    command.add_argument("--model", required=required, help="models:/<name>@champion, or the folder of a saved model")
    command.add_argument("--data", required=required, type=Path, help="a recording, or a folder of recordings")
    command.add_argument(
        "--params", type=Path, help="how the recordings are read (default: the settings that the model was fitted with)"
    )


def _add_adapt(commands: Any) -> None:
    command = _add(
        commands,
        "adapt",
        model_commands.adapt,
        "adapt a saved model to recordings with other units",
        "Input and output layers are fitted around the core of the model, which does not change.",
    )
    command.add_argument("--model", required=True, help="models:/<name>@champion, or the folder of a saved seq2seq")
    command.add_argument("--data", required=True, type=Path, help="the new recording, or a folder of new recordings")
    command.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    command.add_argument("--out", required=True, type=Path, help="folder of the adapted model (must be new)")


def _add_sweep(commands: Any) -> None:
    command = _add(
        commands,
        "sweep",
        sweep_command.sweep,
        "translate every ordered pair of regions",
        "Without --data and --params it goes on in the folder of --out, or takes params.yaml.",
    )
    command.add_argument("--data", type=Path, help="recordings; without --params, parameters are proposed for them")
    command.add_argument("--params", type=Path, help="a parameter file; data.source and data.target are not used")
    command.add_argument(
        "--regions", nargs="+", metavar="REGION", help="regions, or groups such as hippocampus=CA1,CA3 (default: all)"
    )
    command.add_argument("--min-units", type=int, metavar="N", help="least units of a region in a recording")
    command.add_argument("--min-recordings", type=int, metavar="N", help="least recordings of a pair")
    command.add_argument("--model", help="the translator: poisson_glm, ridge, reduced_rank, seq2seq, ...")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value, e.g. statistics.cluster=auto"
    )
    command.add_argument("--out", type=Path, default=Path("sweep"), help="folder of the sweep (default: %(default)s)")
    command.add_argument("--plan", action="store_true", help="list the pairs, and run none")
    command.add_argument("--no-log", action="store_true", help="do not log the result in MLflow")


def _add_ui(commands: Any) -> None:
    command = _add(commands, "ui", registry_commands.ui, "start the MLflow UI of this project")
    command.add_argument("--port", type=int, default=5000)
    command.add_argument("--auth", action="store_true", help="ask for a password, on a machine that others use too")


def _add_promote(commands: Any) -> None:
    command = _add(
        commands,
        "promote",
        registry_commands.promote,
        "make a version of the model champion by hand",
    )
    command.add_argument("model", nargs="?", help="name of the registered model; default: tracking.registered_model")
    command.add_argument("--version", type=int, metavar="N", help="the version that becomes champion")
    command.add_argument("--by", default="", metavar="NAME", help="who decides this")
    command.add_argument("--reason", default="", metavar="TEXT", help="why, for those who load the model")
    command.add_argument("--list", action="store_true", help="show the versions and their gates; change nothing")
