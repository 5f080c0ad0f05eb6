"""The benchmark of the statistics: what it times is what the product does, and it is fast enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import statistics_speed
from spikebridge.metrics import clustered

pytestmark = pytest.mark.slow


def test_ten_thousand_resamples_of_ten_thousand_trials_and_eight_models() -> None:
    rng = np.random.default_rng(0)
    made = statistics_speed.study(10_000, 2, 20, rng)
    assert statistics_speed.seconds(lambda: statistics_speed.bootstrap(made, 10_000, rng)) < 5


def test_the_scores_timed_are_those_of_the_loop() -> None:
    made = statistics_speed.study(300, 3, 5, np.random.default_rng(1))
    p = made.probabilities[-1]
    area = clustered.auc(made.label, p, made.cluster)(np.array([[2.0, 0, 1, 1, 1]]))[0]
    rows = np.concatenate([np.flatnonzero(made.cluster == c) for c in (0, 0, 2, 3, 4)])
    assert area == pytest.approx(roc_auc_score(made.label[rows], p[rows], multi_class="ovr"))


def test_a_quick_look_writes_both_tables(tmp_path: Path) -> None:
    words = ["--trials", "120", "--resamples", "50", "--classes", "2", "--clusters", "4", "--out", str(tmp_path)]
    assert statistics_speed.main(words) == 0
    table = pd.read_csv(tmp_path / "statistics.csv")
    assert list(table.columns) == statistics_speed.COLUMNS
    assert (table[[c for c in table if c.endswith("_s")]] >= 0).all(axis=None)
    assert str(tmp_path) not in (tmp_path / "statistics.md").read_text()
