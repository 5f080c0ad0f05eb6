from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spikebridge.errors import DataError
from spikebridge.statistics import nadeau_bengio


def test_without_overlap_it_is_the_t_test(rng: np.random.Generator) -> None:
    d = rng.normal(0.2, 1, 9)
    result, theirs = nadeau_bengio(d, 80, 0), stats.ttest_1samp(d, 0)
    assert (result.t, result.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    low, high = theirs.confidence_interval(0.95)
    assert (result.ci_low, result.ci_high) == pytest.approx((low, high))


@pytest.mark.parametrize("k", [5, 10])
def test_plain_folds_have_the_known_factor(rng: np.random.Generator, k: int) -> None:
    """1/k + 1/(k - 1) in place of 1/k: t is smaller by the root of 1 + k/(k - 1)."""
    d = rng.normal(0.2, 1, k)
    naive = stats.ttest_1samp(d, 0).statistic
    assert nadeau_bengio(d, 100 * (k - 1), 100).t == pytest.approx(naive / np.sqrt(1 + k / (k - 1)))


def test_holds_its_level_over_random_splits_where_plain_t_does_not(rng: np.random.Generator) -> None:
    """Two nearest-mean classifiers on features that tell equally much, fifteen random splits of the same trials."""
    studies, n, n_test, corrected, naive = 300, 100, 20, 0, 0
    for _ in range(studies):
        label = np.tile([0, 1], n // 2)
        x = label[:, None] * 0.8 + rng.normal(size=(n, 2))
        d = []
        for _ in range(15):
            order = rng.permutation(n)
            test, train = order[:n_test], order[n_test:]
            low, high = (x[train][label[train] == c].mean(axis=0) for c in (0, 1))
            right = ((x[test] > (low + high) / 2) == (high > low)) == label[test, None]
            d.append(right[:, 0].mean() - right[:, 1].mean())
        corrected += nadeau_bengio(d, n - n_test, n_test).p <= 0.05
        naive += stats.ttest_1samp(d, 0).pvalue <= 0.05
    assert naive / studies > 0.2
    assert stats.binomtest(corrected, studies, 0.05, alternative="greater").pvalue > 0.001


def test_edges() -> None:
    assert np.isnan(nadeau_bengio([0.1, np.nan], 4, 1).p)
    assert nadeau_bengio([0.0, 0.0], 4, 1).p == 1
    assert nadeau_bengio([0.1, 0.1], 4, 1).p == 0
    with pytest.raises(DataError, match="n_train above 0"):
        nadeau_bengio([0.1, 0.2], 0, 1)
