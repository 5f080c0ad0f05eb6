from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as oracle

from spikebridge.statistics import mcnemar


def pair(only_a: int, only_b: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.r_[np.ones(10), np.ones(only_a), np.zeros(only_b)].astype(bool)
    b = np.r_[np.ones(10), np.zeros(only_a), np.ones(only_b)].astype(bool)
    return a, b


@pytest.mark.parametrize(("only_a", "only_b"), [(9, 2), (2, 9), (5, 5), (1, 0)])
def test_against_statsmodels_and_the_binomial(only_a: int, only_b: int) -> None:
    result = mcnemar(*pair(only_a, only_b))
    assert (result.only_a, result.only_b) == (only_a, only_b)
    assert result.p_exact == pytest.approx(oracle([[10, only_a], [only_b, 0]], exact=True).pvalue)
    n, k = only_a + only_b, min(only_a, only_b)
    pmf = stats.binom.pmf(np.arange(n + 1), n, 0.5)
    assert result.p_mid == pytest.approx(min(1, 2 * (pmf[:k].sum() + pmf[k] / 2)))


def test_fagerland_example() -> None:
    """Fagerland et al. 2013, table 1: 1 against 7 discordant pairs, exact p 0.070, mid-p 0.039."""
    result = mcnemar(*pair(1, 7))
    assert result.p_exact == pytest.approx(0.0703, abs=5e-4)
    assert result.p_mid == pytest.approx(0.0391, abs=5e-4)


def test_models_that_never_differ() -> None:
    result = mcnemar(*pair(0, 0))
    assert result.p_exact == result.p_mid == 1.0


def test_smallest_p_is_reached_when_all_differ_one_way() -> None:
    result = mcnemar(*pair(6, 0))
    assert result.p_exact == pytest.approx(result.smallest_exact)
    assert result.p_mid == pytest.approx(result.smallest_mid)
