"""`spikebridge sweep`: writes the folder of a sweep, runs what is out of date there, and prints the pairs."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge import config
from spikebridge.cli import output
from spikebridge.cli.inspect_command import base_params, progress
from spikebridge.cli.project_commands import replace_params
from spikebridge.errors import ConfigError, SpikebridgeError
from spikebridge.errors.messages import counted, listed

if TYPE_CHECKING:
    from spikebridge.artifacts.sweep_plan import SweepPlan
    from spikebridge.sweep.run import Sweep

HEAD = (
    "source → target", "recordings", "units", "bits/spike from the source", "p", "q", "gain over the past",
    "lag (s)", "dimension", "verdict",
)  # fmt: skip
PLAN_HEAD = ("source → target", "recordings")
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def sweep(arguments: argparse.Namespace) -> None:
    """Write the parameters, run the sweep, print it, and log it in MLflow."""
    from spikebridge.sweep.run import run_sweep

    out: Path = arguments.out
    settings = _write_params(arguments, out)
    try:
        done = run_sweep(out, settings.sweep.model, _say, arguments.plan)
    except KeyboardInterrupt:
        _say(f"stopped. What has finished is kept: spikebridge sweep --out {out} goes on from there")
        raise SystemExit(INTERRUPTED) from None
    if done.table is None:
        output.print_table(PLAN_HEAD, [[f"{p.source} → {p.target}", listed(p.recordings)] for p in done.plan.pairs])
    else:
        output.print_table(HEAD, _rows(done.table))
        for line in _summary(done, settings.statistics.alpha):
            print(line)
    for line in _left_out(done.plan):
        print(line)
    if done.table is not None and not arguments.no_log:
        _log(done, settings)


def _say(line: str) -> None:
    print(f"spikebridge sweep: {line}", file=sys.stderr, flush=True)


def _write_params(arguments: argparse.Namespace, out: Path) -> config.Config:
    """Write params.yaml of the sweep, whose paths count from its folder, and return its content.

    After an error the file is as it was.
    """
    target = out / "params.yaml"
    if target.parent.is_dir():
        return _replace_params(arguments, target)
    out.mkdir(parents=True)
    try:
        return _replace_params(arguments, target)
    except BaseException:
        if not any(out.iterdir()):
            out.rmdir()
        raise


def _replace_params(arguments: argparse.Namespace, target: Path) -> config.Config:
    from spikebridge import models
    from spikebridge.sweep.pair import check_translator

    proposal, fresh = target.with_name(".proposal.yaml"), target.with_name(".params.new.yaml")
    try:
        source = _source(arguments, target, proposal)
        given = config.load(source)
        replace_params(source, [*_changes(arguments, given, source == target, target.parent), *arguments.set], fresh)
        settings = config.load(fresh)
        name = settings.sweep.model
        check_translator(name)
        models.fixed_params(name, settings.models.get(name, {}))
        if not (target.parent / settings.data.path).exists():
            where = f"{target.parent}, from which relative paths count"
            raise ConfigError(f"data.path: {settings.data.path!r} does not exist in {where}")
        if kept := replace_params(fresh, [], target):
            _say(f"{target} written; the one before is {kept}")
    finally:
        for path in (proposal, fresh):
            path.unlink(missing_ok=True)
    return settings


def _changes(arguments: argparse.Namespace, given: config.Config, goes_on: bool, out: Path) -> list[str]:
    """What is changed in the parameter file. goes_on: it is that of the sweep already."""
    from spikebridge import models
    from spikebridge.remote import is_elsewhere

    if arguments.data is None and is_elsewhere(given.data.path):
        command = f"spikebridge fetch {given.data.path} --out FOLDER, then --data FOLDER"
        raise ConfigError(f"data.path: a sweep reads files on this machine: {command}")
    asked = _asked(given.sweep, arguments)
    changes: dict[str, Any] = {f"sweep.{key}": value for key, value in asked.items()}
    if arguments.data is not None or not goes_on:
        changes["data.path"] = _from_folder(Path(arguments.data or given.data.path), out)
    name = asked["model"]
    if name not in given.models:
        changes[f"models.{name}"] = dict.fromkeys(models.get_class(name).space, models.TUNE)
    changes["compute.device"] = given.compute.device
    return [f"{key}={json.dumps(value)}" for key, value in changes.items()]


def _source(arguments: argparse.Namespace, target: Path, proposal: Path) -> Path:
    """The parameter file to begin with. proposal: where one for the data is written."""
    if arguments.params is not None:
        return Path(arguments.params)
    if arguments.data is not None:
        proposal.write_text(_proposed(arguments.data), encoding="utf-8")
        return proposal
    for path in (target, Path("params.yaml")):
        if path.is_file():
            return path
    raise ConfigError("expected --data RECORDINGS or --params FILE, or a params.yaml here, got none")


def _proposed(data: Path) -> str:
    """The parameters that `spikebridge inspect` proposes for the recordings."""
    import yaml

    from spikebridge import inspection

    _, base = base_params()
    with progress() as report:
        inspected = inspection.inspect(data, inspection.InspectOptions(), yaml.safe_load(base), report)
    if inspected.proposal.missing:
        raise ConfigError(
            f"--data: no complete parameters can be proposed for {data}: "
            f"{'; '.join(inspected.proposal.missing.values())}. Write them with spikebridge inspect {data} "
            f"--params new.yaml, fill them in, and use --params new.yaml"
        )
    return inspection.complete_params(base, inspected.proposal)


def _from_folder(path: Path, folder: Path) -> str:
    """A path that counts from here, as one that counts from the folder of the sweep."""
    return path.as_posix() if path.is_absolute() else Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _asked(given: config.SweepConfig, arguments: argparse.Namespace) -> dict[str, Any]:
    """The section sweep with what the command line changes."""
    changes = {key: getattr(arguments, key) for key in ("min_units", "min_recordings", "model")}
    if arguments.regions:
        changes["regions"] = _regions(arguments.regions)
    return given.model_dump() | {key: value for key, value in changes.items() if value is not None}


def _regions(words: Sequence[str]) -> list[str] | dict[str, list[str]]:
    """NAME, or GROUP=NAME,NAME."""
    pairs = [word.partition("=") for word in words]
    names = [group for group, _, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"--regions: each region once, got {listed(twice)} more than once")
    if not any(equals for _, equals, _ in pairs):
        return names
    return {group: [n for n in parts.split(",") if n] if equals else [group] for group, equals, parts in pairs}


def _rows(table: Any) -> Iterator[list[str]]:
    """Pairs that were run, the largest value first; lag and dimension of claims alone, for others mean nothing."""
    from spikebridge.types.verdicts import Verdict

    ran = table[table["left_out_code"].isna()].sort_values("source_bits_per_spike", ascending=False, kind="stable")
    for row in ran.to_dict("records"):
        yield [
            f"{row['source']} → {row['target']}",
            f"{row['n_recordings']:.0f}",
            f"{row['source_units']:.0f}, {row['target_units']:.0f}",
            _interval(row, "source_bits_per_spike", 4),
            _number(row["p"], ".2g"),
            _number(row["q"], ".2g"),
            _interval(row, "communication_gain", 4),
            *(
                (_interval(row, "lag_s", 3), f"{row['dimension']:.0f}")
                if row["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code
                else ("–", "–")
            ),
            row["verdict"],
        ]


def _interval(row: Mapping[str, Any], name: str, digits: int) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    value = _number(row[name], f".{digits}f")
    return f"{value} [{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) else value


def _number(value: float, how: str) -> str:
    return format(value, how) if math.isfinite(value) else "–"


def _summary(done: Sweep, alpha: float) -> Iterator[str]:
    from spikebridge.types.verdicts import Verdict

    assert done.table is not None
    claims = int((done.table["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code).sum())
    n = len(done.plan.pairs)
    yield f"The source predicts the target in {claims} of {counted(n, 'pair')} (false discovery rate {alpha:g})."
    over = done.table["test_clusters"].dropna()
    if (over == "trial").any():
        yield (
            f"{counted(int((over == 'trial').sum()), 'pair')} with fewer than six recordings: tested by the trial "
            "shuffle, which holds for these recordings and not for others."
        )
    yield f"Tables and figure: {done.folder / 'results'}"


def _left_out(plan: SweepPlan) -> Iterator[str]:
    """Everything that is in no pair, with the reason."""
    reasons: dict[str, list[str]] = {}
    for pair in plan.left_out:
        reasons.setdefault(pair.reason, []).append(f"{pair.source} → {pair.target}")
    for reason, pairs in reasons.items():
        yield f"Not run: {listed(pairs, 6)} ({reason})"
    for kind, unused in (("Region", plan.unused_regions), ("Recording", plan.unused_recordings)):
        for name, reason in unused.items():
            yield f"{kind} {name} not used: {reason}"


def _log(done: Sweep, settings: config.Config) -> None:
    """Log the tables and the figure in MLflow; the files are the record, so a store that fails is only reported."""
    from spikebridge import tracking

    try:
        run = tracking.log_sweep(settings, done.folder)
    except SpikebridgeError as error:
        _say(f"not logged in MLflow: {error}")
        return
    print(f"MLflow: run {run}")
