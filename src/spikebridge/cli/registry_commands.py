"""Commands on the MLflow store: `spikebridge ui`, `publish` and `promote`."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
from pathlib import Path

from spikebridge.cli import output
from spikebridge.errors import RegistryError

VERSION_COLUMNS = (
    "version",
    "alias",
    "model",
    "balanced accuracy within blocks",
    "gates failed",
    "translation",
    "promoted by",
)


def ui(arguments: argparse.Namespace) -> None:
    """Serve the MLflow UI until the user stops it."""
    from spikebridge import tracking

    raise SystemExit(tracking.serve_ui(arguments.port, lambda line: print(line, flush=True), arguments.auth))


def publish(_: argparse.Namespace) -> None:
    """Log the results of the project and register its best model."""
    from spikebridge import config, tracking

    project = tracking.home()
    about = tracking.publish(config.load(project / "params.yaml"), project)
    print(f"{about['model']} is version {about['version']} of {about['name']}: {about['uri']}")


def promote(arguments: argparse.Namespace) -> None:
    """Make a version champion, unless `--list` is given, and print all versions as they are then."""
    from spikebridge import tracking

    done = ""
    if not arguments.list:
        if arguments.version is None:
            raise RegistryError("--version: expected the number of a version; spikebridge promote --list shows them")
        name, promotion = tracking.promote(arguments.version, arguments.by, arguments.reason, arguments.model)
        done = f"Version {arguments.version} of {name} is champion now, {promotion}"
    _, versions = tracking.versions(arguments.model)
    rows = [
        [
            str(version.version),
            ", ".join(version.aliases) or "–",
            version.model,
            version.score,
            version.failed,
            version.translation,
            version.promotion.by if version.promotion else "–",
        ]
        for version in versions
    ]
    output.print_table(VERSION_COLUMNS, rows)
    if done:
        print(done)


def champion_lines(project: Path) -> list[str]:
    """The champion in the project's own store; empty where there is no store or no registered model."""
    from spikebridge import tracking
    from spikebridge.artifacts.registration import REGISTRATION_FILE
    from spikebridge.tracking import load

    if not (project / REGISTRATION_FILE).is_file() or load.missing_database(load.default_uri()):
        return []
    try:
        name, versions = tracking.versions()
    except RegistryError:
        return []
    champion = next((v for v in versions if "champion" in v.aliases), None)
    if champion is None:
        return [f"Champion of {name}:  none yet"]
    by = f"PROMOTED BY HAND {champion.promotion}" if champion.promotion else "by the gates"
    return [f"Champion of {name}:  version {champion.version} ({champion.model}), {by}"]
