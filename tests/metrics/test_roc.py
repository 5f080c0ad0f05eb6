"""ROC curves against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from spikebridge.metrics import clustered, roc_curve


@pytest.mark.parametrize("n", [5, 40, 400])
def test_points_and_area_are_those_of_scikit_learn(n: int) -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(n) % 3 == 0
    evidence = np.round(rng.normal(size=n) + positive, 1)  # with ties
    curve = roc_curve(positive, evidence)
    assert curve is not None
    false, true, _ = oracle.roc_curve(positive, evidence, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_share, false)
    np.testing.assert_allclose(curve.true_share, true)
    assert curve.area == pytest.approx(oracle.roc_auc_score(positive, evidence), abs=1e-12)
    pairs = np.stack([1 - evidence, evidence], axis=1)
    score = clustered.auc(positive.astype(np.int64), pairs, np.zeros(n, dtype=np.int64))
    assert curve.area == pytest.approx(float(score(np.ones((1, 1)))[0]))


@pytest.mark.parametrize("all_of", [True, False])
def test_trials_of_one_kind_have_no_curve(all_of: bool) -> None:
    assert roc_curve(np.full(4, all_of), np.arange(4.0)) is None
