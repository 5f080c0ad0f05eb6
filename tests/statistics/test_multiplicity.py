from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from spikebridge.statistics import false_discovery_rate, holm


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_against_statsmodels(p: list[float]) -> None:
    with patch("gc.collect"):  # statsmodels collects garbage in every call, which takes long in a large process
        expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(holm(p), expected, atol=1e-12)


def test_an_impossible_test_still_counts() -> None:
    np.testing.assert_allclose(holm([0.01, np.nan, 0.02]), [0.03, np.nan, 0.04])


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_false_discovery_rate_is_the_smallest_rate_at_which_a_test_is_a_claim(p: list[float]) -> None:
    """By definition: all tests up to the last sorted p that lies below rate * rank / n are claims."""
    with patch("gc.collect"):
        q = {kind: false_discovery_rate(p, kind) for kind in ("positive", "any")}
    n, order = len(p), np.argsort(p)
    price = {"positive": 1.0, "any": sum(1 / k for k in range(1, n + 1))}
    for kind, values in q.items():
        for k in range(n):
            later = [n * price[kind] * p[order[j]] / (j + 1) for j in range(k, n)]
            np.testing.assert_allclose(values[order[k]], min(1.0, *later), atol=1e-12)


def test_a_test_that_was_not_made_counts_for_the_rate() -> None:
    np.testing.assert_allclose(false_discovery_rate([0.01, np.nan, 0.02]), [0.03, np.nan, 0.03])
    assert len(false_discovery_rate([])) == 0
