"""Small faulty inputs that the project shares, each made by a script that prints the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from project import ROOT


def make_case(name: str, folder: Path) -> dict[str, Any]:
    """Run shared/cases/<name>.py into a folder; what it prints as the truth. Skips the test where it is not there."""
    script = Path(os.environ.get("SPIKEBRIDGE_SHARED", ROOT.parent / "shared")) / "cases" / f"{name}.py"
    if not script.is_file():
        pytest.skip(f"{script.name} is not here: the folder of shared cases is not part of the repository")
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, check=True)
    truth: dict[str, Any] = json.loads(done.stdout)
    return truth
