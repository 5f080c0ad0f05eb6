"""`spikebridge init`: a project folder outside the repository."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from spikebridge import __version__
from spikebridge.projects import made_by, make_project, update_project
from spikebridge.runtime import plots_page

NEXT = (
    "spikebridge demo                                            # optional: two small simulated recordings",
    "spikebridge inspect path/to/recordings --params new.yaml    # what yours hold; a parameter file for them",
    "spikebridge use new.yaml && spikebridge run                 # without yours: spikebridge run simulates six",
    "spikebridge results",
)


def init(arguments: argparse.Namespace) -> None:
    """Make a project folder, or bring an earlier one to the installed version, and print what comes next."""
    folder: Path = arguments.folder
    if arguments.update:
        kept = update_project(folder)
        done = "dvc.yaml and pipelines/ are those of this version already"
        if kept:
            done = f"dvc.yaml and pipelines/ are those of this version now; the earlier ones are in {kept}"
        write_plots_page(folder)
        print(f"{folder}: {done}")
        return
    make_project(folder, arguments.git)
    write_plots_page(folder)
    print(f"{folder} is a project of spikebridge {__version__}. Next:")
    steps = NEXT if folder.resolve() == Path.cwd() else (f"cd {shlex.quote(str(folder))}", *NEXT)
    print("\n".join(f"  {step}" for step in steps))


def write_plots_page(folder: Path) -> None:
    """Make `dvc plots` of a project draw without a network, where the extra `plots` is installed.

    folder: of the project.
    """
    if plots_page.is_possible():
        plots_page.write(folder)


def warn_of_version(folder: Path) -> None:
    """Print a line where dvc.yaml of a project was written by another version of spikebridge.

    folder: of the project.
    """
    version = made_by(folder)
    if version not in ("", __version__):
        print(
            f"spikebridge run: dvc.yaml and pipelines/ are those of spikebridge {version}, and {__version__} is "
            "installed: spikebridge init --update writes them again",
            file=sys.stderr,
        )
