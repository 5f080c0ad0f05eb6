"""`spikebridge results`: the answer in five lines; with --all the tables and tests of the last run too."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spikebridge.cli import output
from spikebridge.cli.registry_commands import champion_lines
from spikebridge.errors import DataError

if TYPE_CHECKING:
    from spikebridge.tracking.results import Results


def results(arguments: argparse.Namespace) -> None:
    """Print the answer, and everything where that is asked for."""
    from spikebridge import config, tracking
    from spikebridge.artifacts.registration import read_registration
    from spikebridge.tracking.answer_lines import answer_lines
    from spikebridge.tracking.results import Results

    project = tracking.home()
    results = Results(config.load(project / "params.yaml"), project)
    tables, images = (run.folder for run in (results.evaluation, results.figures))
    if not tables.is_dir():
        raise DataError(
            f"nothing has been evaluated yet: expected {tables.relative_to(project)}/ in {project}. Run the pipeline "
            "first: make repro"
        )
    print("\n".join(answer_lines(results, read_registration(project))))
    if arguments.all:
        print()
        _print_tables(results)
        print(f"Tables: {tables.relative_to(project)}; figures: {images.relative_to(project)}")
        print("MLflow UI:          spikebridge ui")
        _print_registration(project)
    else:
        print("\nEvery score and test: spikebridge results --all")
    if problem := tracking.misplaced(project):
        print(f"spikebridge results: {problem}", file=sys.stderr)


def _print_tables(results: Results) -> None:
    from spikebridge.tracking import descriptions, result_lines

    output.print_table(["model", *descriptions.COLUMNS.values()], descriptions.score_rows(results))
    print(f"Intervals: {descriptions.interval_text(results)}.\n")
    table = results.evaluation.read_comparisons()
    output.print_table(descriptions.COMPARISON_HEAD, descriptions.comparison_rows(table[table["role"] == "primary"]))
    for line in (
        *result_lines.analysis_lines(results),
        *result_lines.beyond_linear_lines(results.metrics()),
        *result_lines.state_lines(results.metrics()),
        *result_lines.nested_model_lines(results),
        *result_lines.time_resolved_lines(results.metrics()),
        *result_lines.null_lines(results),
        *result_lines.baseline_lines(results),
        *result_lines.quality_filter_lines(results),
    ):
        print(line)


def _print_registration(project: Path) -> None:
    """The registered model, its gates and the champion; nothing before the first registration."""
    from spikebridge.artifacts.registration import read_registration
    from spikebridge.gates import GateOutcome

    about = read_registration(project)
    if not about:
        return
    print(f'Load the registered model: spikebridge.load("{about["uri"]}")  # {about["model"]}')
    for name, gate in about["gates"].items():
        outcome = GateOutcome(gate.get("outcome", GateOutcome.PASSED if gate["passed"] else GateOutcome.FAILED))
        print(f"Gate {name}: {'FAILED' if outcome is GateOutcome.FAILED else outcome} ({gate['reason']})")
    for line in champion_lines(project):
        print(line)
