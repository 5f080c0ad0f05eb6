"""The benchmark of lag and dimension: what a study draws, what counts as a hit, and one small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import recovery
from common import settings_of

pytestmark = pytest.mark.slow


def test_a_seed_draws_one_study() -> None:
    base = settings_of("simulator", Path(), ["ridge"])
    drawn = [recovery.study(base, "drawn", seed) for seed in range(20)]
    assert drawn[3] == recovery.study(base, "drawn", 3)
    assert {s.simulate.n_shared_latents for s in drawn} == {2, 3, 4}
    assert len({s.simulate.lag_s for s in drawn}) > 10
    assert all(0 <= s.simulate.lag_s <= 0.2 and s.simulate.n_recordings == 2 for s in drawn)
    assert recovery.study(base, "default", 3).simulate.n_shared_latents == base.simulate.n_shared_latents


def test_no_link_is_a_miss() -> None:
    rows = [
        ("default", 4, 0.5, True, 0),
        ("default", 4, np.nan, False, -4),
        ("drawn", 2, -1.2, True, 1),
        ("drawn", 3, 1.0, False, 0),
    ]
    table = pd.DataFrame(rows, columns=["study", "true_dimension", "lag_error_bins", "covers", "dimension_error"])
    lines = recovery.summary_lines(table)
    assert len(lines) == 4
    assert lines[0].startswith("- drawn, dimension 2: the interval covers the lag in 1")
    assert lines[2].endswith("within one in 2 and exactly in 1; lag within one bin in 1 of 2.")
    assert lines[3].endswith("within one in 1 and exactly in 1; lag within one bin in 1 of 2.")


@pytest.mark.slow
def test_one_command_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recovery.main(["--seeds", "1", "--trials", "40", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "recovery.csv")
    assert list(table.columns) == recovery.COLUMNS
    assert table["study"].tolist() == ["default", "drawn"]
    assert np.allclose(table["lag_error_bins"], (table["lag_s"] - table["true_lag_s"]) / 0.05)
    text = (tmp_path / "recovery.md").read_text(encoding="utf-8")
    assert "python benchmarks/recovery.py --seeds 1 --trials 40" in text
    assert text in capsys.readouterr().out
