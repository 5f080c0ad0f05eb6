"""`make demo`, as README has it: the command whose whole run is in tests/projects/test_wheel.py."""

from __future__ import annotations

import subprocess

from project import ROOT


def test_make_demo_is_the_demo() -> None:
    command = ["make", "-n", "-o", ".venv/.installed", "demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [".venv/bin/spikebridge", "demo"]
