"""One worker against two at tiny size: what is fitted and what is written. No timings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import workers

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_one_command_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workers.main(["--on", "simulator", "--quick", "--seeds", "2", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "workers.csv")
    assert list(table["workers"]) == [1, 2]
    assert (table["fits"] % 2 == 0).all()  # every fold from two seeds
    assert table["times_faster"][1] == pytest.approx(table["seconds"][0] / table["seconds"][1])
    one_worker, two_workers = table["busiest_cpu_s"] / table["cpu_s"]
    assert one_worker == pytest.approx(1.0) and 0.5 <= two_workers < 1.0  # the second worker had a share
    text = (tmp_path / "workers.md").read_text(encoding="utf-8")
    assert "python benchmarks/workers.py --on simulator --quick" in text
    err = capsys.readouterr().err
    assert err.count("fold full, seed 1") == 2


def test_without_the_folder_of_recordings_a_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workers.main(["--on", "real", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert f"real: skipped, there is no folder {tmp_path / 'none'}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
