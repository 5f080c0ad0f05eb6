"""The small inputs of public reports, made anew by scripts of the shared folder; tests skip where it is absent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from project import shared_recordings


def generate(number: str, folder: Path) -> str:
    """Write the input of a report ("35b") into a folder: what its script prints of the truth."""
    scripts = sorted((shared_recordings().parents[1] / "cases").glob(f"{number}_*.py"))
    if not scripts:
        pytest.skip(f"the script of case {number} is in the shared folder, which is not here")
    return subprocess.run(
        [sys.executable, str(scripts[0]), str(folder)], capture_output=True, text=True, check=True
    ).stdout


def make_case(name: str, folder: Path) -> dict[str, Any]:
    """As `generate`, by the full name of the script: the one object that it prints."""
    truth: dict[str, Any] = truths(generate(name.partition("_")[0], folder))[0]
    return truth


def truths(printed: str) -> list[dict[str, Any]]:
    """The objects in what a script printed, one after another."""
    records, decoder = [], json.JSONDecoder()
    while printed := printed.strip():
        record, end = decoder.raw_decode(printed)
        records.append(record)
        printed = printed[end:]
    return records
