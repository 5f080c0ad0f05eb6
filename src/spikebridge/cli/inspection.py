"""`spikebridge inspect`: its arguments, and what spikebridge.inspection finds, for people and for programs.

In a terminal tables are drawn; in a pipe everything is plain text that does not depend on a width. `--json` prints one
document instead, whose keys are the fields of `spikebridge.inspection.records.Inspection` and of the records in it.
"""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge.errors import ConfigError

if TYPE_CHECKING:
    from spikebridge.inspection import Inspection

EXIT_DOES_NOT_RUN = 1
"""Exit code where the proposed block does not run as it is; 0 where it does, 2 where nothing could be looked at."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.epilog = "Exit code: 0 where the proposed block runs as it is, 1 where it does not, 2 for an error."
    command.add_argument("path", type=Path, help="a folder of recordings, or one recording")
    command.add_argument("--table", help="interval table of the trials (default: the likeliest)")
    command.add_argument("--region-from", default="auto", help="units column with the region (default: %(default)s)")
    command.add_argument("--reader", default="auto", help="name of the reader (default: %(default)s, by content)")
    command.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="for the reader, e.g. sampling_rate_hz=30000"
    )
    command.add_argument(
        "--offset-s", default="0", metavar="SECONDS", help="added to all times; or YAML such as '{trials: -37.6}'"
    )
    command.add_argument(
        "--clock", default="checked", choices=["checked", "trusted"], help="trusted: signs of two clocks only warn"
    )
    command.add_argument("--json", action="store_true", help="one JSON document, for programs")
    command.add_argument("--params", type=Path, metavar="FILE", help="write a complete parameter file (must be new)")


def run(arguments: argparse.Namespace) -> None:
    """Look, print, and write the parameter file where one is asked for. Exit code 1 where the block does not run."""
    import yaml

    from spikebridge import inspection
    from spikebridge.cli import report

    if arguments.params is not None and arguments.params.exists():
        raise ConfigError(f"--params: {arguments.params} exists; name a new file, or remove that one first")
    origin, base = _base()
    asked = inspection.InspectOptions(
        reader=arguments.reader,
        options=_options(arguments.option),
        table=arguments.table,
        region_from=arguments.region_from,
        offset_s=_value("--offset-s", arguments.offset_s),
        clock=arguments.clock,
    )
    with _progress() as say:
        found = inspection.inspect(arguments.path, asked, yaml.safe_load(base), say)
    if arguments.json:
        print(json.dumps(inspection.to_dict(found), indent=1, allow_nan=False))
    else:
        report.show(found)
    if arguments.params is not None:
        _write(arguments.params, inspection.complete_params(base, found.proposal))
        print(f"{arguments.params} written; its other sections are those of {origin}.", file=sys.stderr)
    if not arguments.json:
        print(_next_step(found, arguments))
    if not found.dry_run.runs:
        raise SystemExit(EXIT_DOES_NOT_RUN)


def _next_step(found: Inspection, arguments: argparse.Namespace) -> str:
    if arguments.params is None:
        return "Next: the same command with --params new.yaml writes a complete parameter file with this block."
    if found.dry_run.runs:
        return f"Next: {_program()} use {shlex.quote(str(arguments.params))} && make repro"
    return f"Next: mend what is named above, in {arguments.params} or in the recordings"


def _program() -> str:
    """How to call this command line here: by its name where the shell finds it, else by its path."""
    beside = Path(sys.executable).with_name("spikebridge")
    found = shutil.which("spikebridge")
    if (found and Path(found).resolve() == beside.resolve()) or not beside.exists():
        return "spikebridge"
    near = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return shlex.quote(str(near))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--params: {path} cannot be written: {error.strerror}") from None


def _options(given: list[str]) -> dict[str, Any]:
    options = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise ConfigError(f"--option: expected KEY=VALUE such as sampling_rate_hz=30000, got {one!r}")
        options[key] = _value(f"--option {key}", value)
    return options


def _value(flag: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{flag}: {text!r} is no YAML value") from None


def _base() -> tuple[Path, str]:
    """The parameter file whose other sections count: the project's, or where it is not valid, the shipped one."""
    import spikebridge
    from spikebridge import config

    shipped = Path(spikebridge.__file__).parents[2] / "params.yaml"
    for path in (Path("params.yaml"), shipped):
        try:
            config.load(path)
        except ConfigError:
            continue
        return path, path.read_text(encoding="utf-8")
    raise ConfigError(f"expected a valid params.yaml here or {shipped}, found none: run this inside the project")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being read, on a terminal's last line."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("looking") as status:
        yield lambda name: status.update(f"reading {name}")
