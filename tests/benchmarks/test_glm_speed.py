"""The benchmark of the Poisson GLM at tiny size: both find the same optimum. No timings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import glm_speed
from spikebridge.types import Windows


def test_ours_and_the_reference_have_the_same_optimum(windows: list[Windows]) -> None:
    x, y, penalty = glm_speed.problem(windows[0])
    np.testing.assert_allclose(x.mean(axis=0), 0.0, atol=1e-12)
    assert np.square(x).mean() == pytest.approx(1 / 3.0)  # the default penalty
    bias, weights = glm_speed.reference(x, y, penalty)
    residual = glm_speed.loss(x, y, penalty, bias, weights)[1]
    slope = x.T @ residual / len(x) + penalty * weights
    assert np.abs(slope).max() < 0.02 * np.abs(x.T @ (y - y.mean(axis=0)) / len(x)).max()
    (row,) = glm_speed.compare(windows[:1], 1).to_dict("records")
    assert abs(row["excess_nats"]) < 1e-5
    assert (row["samples"], row["predictors"]) == x.shape


@pytest.mark.slow
def test_one_command_writes_the_tables(tmp_path: Path) -> None:
    glm_speed.main(["--on", "simulator", "--quick", "--repeats", "1", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "glm_speed.csv")
    assert len(table) == 2 and (table["reference_cpu_s"] > 0).all()
    assert "times faster than the reference" in (tmp_path / "glm_speed.md").read_text(encoding="utf-8")
