"""`spikebridge inspect`: prints the inspection for people, or as one JSON document for programs (`--json`).

The keys of the document are the fields of `spikebridge.inspection.Inspection` and of the records in it.
"""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge.errors import ConfigError

if TYPE_CHECKING:
    from spikebridge.inspection import Inspection

EXIT_DOES_NOT_RUN = 1
"""Exit code where the proposal does not run as it is."""


def inspect(arguments: argparse.Namespace) -> None:
    """Inspect, print, and write the parameter file where one is asked for."""
    import yaml

    from spikebridge import inspection
    from spikebridge.cli.inspect_report import print_report

    if arguments.params is not None and arguments.params.exists():
        raise ConfigError(f"--params: {arguments.params} exists; name a new file, or remove that one first")
    base_path, base = base_params()
    options = inspection.InspectOptions(
        reader=arguments.reader,
        options=_reader_options(arguments.option),
        table=arguments.table,
        region_from=arguments.region_from,
        offset_s=_yaml_value("--offset-s", arguments.offset_s),
        clock=arguments.clock,
    )
    copy = _local_copy(arguments.path)
    with progress() as report:
        result = inspection.inspect(copy, options, yaml.safe_load(base), report)
    if copy != Path(arguments.path):
        result = _with_address(result, arguments.path)
    if arguments.json:
        print(json.dumps(inspection.to_dict(result), indent=1, allow_nan=False))
    else:
        print_report(result)
    if arguments.params is not None:
        _write(arguments.params, inspection.complete_params(base, result.proposal))
        print(f"{arguments.params} written; its other sections are those of {base_path}.", file=sys.stderr)
    if not arguments.json:
        print(_next_step(result, arguments.params))
    if not result.dry_run.runs:
        raise SystemExit(EXIT_DOES_NOT_RUN)


def _local_copy(place: str) -> Path:
    """The path to inspect: of a compact copy, where the place is an address."""
    from spikebridge import remote

    if not remote.is_elsewhere(place):
        return Path(place)
    return remote.local_copy(place, lambda line: print(line, file=sys.stderr))


def _with_address(result: Inspection, place: str) -> Inspection:
    """The same inspection, whose parameters name the place instead of its copy."""
    from spikebridge.inspection import params_sections

    proposal = replace(result.proposal, data={**result.proposal.data, "path": place})
    return replace(result, path=place, proposal=proposal, proposed_yaml=params_sections(proposal))


def _next_step(result: Inspection, params: Path | None) -> str:
    if params is None:
        return "Next: the same command with --params new.yaml writes a complete parameter file with this block."
    if result.dry_run.runs:
        return f"Next: {_program()} use {shlex.quote(str(params))} && make repro"
    return f"Next: correct the problems above, in {params} or in the recordings"


def _program() -> str:
    """The name of this program where the shell finds it, else its path."""
    program = Path(sys.executable).with_name("spikebridge")
    in_shell = shutil.which("spikebridge")
    if (in_shell and Path(in_shell).resolve() == program.resolve()) or not program.exists():
        return "spikebridge"
    path = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    return shlex.quote(str(path))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--params: {path} cannot be written: {error.strerror}") from None


def _reader_options(given: list[str]) -> dict[str, Any]:
    """Options of the reader from arguments KEY=VALUE."""
    options = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"--option: expected KEY=VALUE such as sampling_rate_hz=30000, got {text!r}")
        options[key] = _yaml_value(f"--option {key}", value)
    return options


def _yaml_value(flag: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{flag}: {text!r} is no YAML value") from None


def base_params() -> tuple[Path, str]:
    """The parameter file for the other sections: that of the project, or where it is not valid, the shipped one."""
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
def progress() -> Iterator[Callable[[str], None]]:
    """A function that shows on the last line of a terminal which recording is read."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("looking for recordings") as status:
        yield lambda name: status.update(f"reading {name}")
