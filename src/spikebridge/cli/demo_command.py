"""`spikebridge demo`: the whole pipeline on two small simulated recordings, in a folder of its results."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spikebridge.artifacts.report import REPORT_FOLDER, ReportRun
from spikebridge.cli.project_commands import replace_params, run_project
from spikebridge.errors import DataError
from spikebridge.projects import init_dvc, shipped_file, write_pipeline
from spikebridge.runtime.stage import remove

PARAMS = "examples/demo/params.yaml"
"""Of the shipped files."""


def demo(arguments: argparse.Namespace) -> None:
    """Make the project folder of the demo, run its pipeline, say what it leaves out, open its report."""
    make_demo(arguments.folder)
    if code := run_project(arguments.folder, "spikebridge demo"):
        sys.exit(code)
    print("\nThe demo is done. Against the default params.yaml it leaves out or changes:")
    for line in left_out(_settings("params.yaml"), _settings(PARAMS)):
        print(f"  {line}")
    print("Do not conclude from its numbers: `make repro` runs the whole study.")
    report = ReportRun(arguments.folder.resolve() / REPORT_FOLDER).index
    print(f"Report: {report}")
    if arguments.open and _has_screen():
        webbrowser.open(report.as_uri())


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def make_demo(folder: Path) -> None:
    """Make a project with the parameters of the demo; results that are in the folder stay.

    Parameters
    ----------
    folder : Path
        New, or made by an earlier demo.

    Raises
    ------
    DataError
        Where the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / ".dvc").is_dir():
        raise DataError(f"{folder}: expected a new folder or one that an earlier demo made, found other files")
    if not (folder / ".dvc").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        init_dvc(folder)
    remove(folder / "src")  # a copy of the code, in the demo of an earlier version
    write_pipeline(folder)
    replace_params(shipped_file(PARAMS), [], folder / "params.yaml")


def _settings(name: str) -> dict[str, Any]:
    """A shipped parameter file with all defaults."""
    from spikebridge import config

    return config.load(shipped_file(name)).model_dump(mode="json")


def left_out(whole: Mapping[str, Any], small: Mapping[str, Any]) -> Iterator[str]:
    """Name each setting in which two configurations differ.

    Parameters
    ----------
    whole, small : mapping
        Sections of the shipped configuration and of the demo.

    Yields
    ------
    str
        A setting with both values, or the names of what is missing.
    """
    for section, settings in whole.items():
        other = small[section]
        if not isinstance(settings, Mapping) or settings == other:
            continue
        if gone := [key for key in settings if key not in other]:
            yield f"{section}: no {', '.join(gone)}"
        for key, value in settings.items():
            if key not in other or other[key] == value:
                continue
            if isinstance(value, Mapping):
                changed = [f"{k} {_short(v)}" for k, v in other[key].items() if value.get(k) != v]
                yield f"{section}.{key}: {', '.join(changed) or 'defaults'}"
            else:
                yield f"{section}.{key}: {_short(other[key])} instead of {_short(value)}"


def _short(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
