"""A SLURM of one node on this machine, by scripts/slurm.sh; tests skip where it cannot run."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import ROOT

SCRIPT = ROOT / "scripts" / "slurm.sh"
CANNOT = 3
"""Exit code of the script where there is no SLURM; its line says why."""


@contextmanager
def slurm() -> Iterator[Path]:
    """Start it; the path of its configuration, for SLURM_CONF."""
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as folder:
        place = Path(folder) / "s"
        log = Path(folder) / "start.log"
        with log.open("w") as file:  # not a pipe: the daemons would hold it open
            done = subprocess.run(["sh", SCRIPT, "start", place], stdout=file, stderr=file, timeout=120, check=False)
        if done.returncode == CANNOT:
            pytest.skip(log.read_text().strip().splitlines()[-1])
        assert done.returncode == 0, log.read_text()
        try:
            yield place / "slurm.conf"
        finally:
            subprocess.run(["sh", SCRIPT, "stop", place], timeout=120, check=True, capture_output=True)
