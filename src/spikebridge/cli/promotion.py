"""`spikebridge promote`: a person's word against the gates, and the list of versions to choose from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from spikebridge.errors import RegistryError

HEAD = ("version", "alias", "model", "balanced accuracy within blocks", "gates failed", "translation", "promoted by")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", nargs="?", help="name of the registered model; default: tracking.registered_model")
    command.add_argument("--version", type=int, metavar="N", help="the version that becomes champion")
    command.add_argument("--by", default="", metavar="NAME", help="who decides this")
    command.add_argument("--reason", default="", metavar="TEXT", help="why, for those who load the model")
    command.add_argument("--list", action="store_true", help="show the versions and their gates; change nothing")


def run(arguments: argparse.Namespace) -> tuple[Sequence[str], list[list[str]], str]:
    """A table (head, rows) of the versions as they are now, and a line on what was done."""
    from spikebridge import tracking

    done = ""
    if not arguments.list:
        if arguments.version is None:
            raise RegistryError("--version: expected the number of a version; spikebridge promote --list shows them")
        name, said = tracking.promote(arguments.version, arguments.by, arguments.reason, arguments.model)
        done = f"Version {arguments.version} of {name} is champion now, {said}"
    _, known = tracking.versions(arguments.model)
    rows = [
        [
            str(v.version),
            ", ".join(v.aliases) or "–",
            v.model,
            v.score,
            v.failed,
            v.translation.partition(":")[0],
            v.promotion.by if v.promotion else "–",
        ]
        for v in known
    ]
    return HEAD, rows, done


def champion_lines(project: Path) -> list[str]:
    """What `results` says of the champion of a project's own store: nothing where there is none."""
    from spikebridge import tracking
    from spikebridge.tracking import load

    if not (project / "reports" / "registration.json").is_file() or load.missing_database(load.default_uri()):
        return []
    try:
        name, known = tracking.versions()
    except RegistryError:
        return []
    holder = next((v for v in known if "champion" in v.aliases), None)
    if holder is None:
        return [f"Champion of {name}:  none yet"]
    by = f"PROMOTED BY HAND {holder.promotion}" if holder.promotion else "by the gates"
    return [f"Champion of {name}:  version {holder.version} ({holder.model}), {by}"]
