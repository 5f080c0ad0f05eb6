"""The benchmark of ingest at tiny size: the table that it promises. No timings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ingest.py"


def test_one_command_writes_the_table(tmp_path: Path) -> None:
    words = ["--recordings", "1", "3", "--trials", "6", "--workers", "1", "2", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "ingest.csv")
    assert table["recordings"].tolist() == [1, 1, 3, 3]
    assert table["workers"].tolist() == [1, 2, 1, 2]
    assert (table["speedup"][table["workers"] == 1] == 1).all()
    assert (table["peak_MB_all"] >= table["peak_MB_largest"]).all()
    assert "python benchmarks/ingest.py" in (tmp_path / "ingest.md").read_text(encoding="utf-8")
