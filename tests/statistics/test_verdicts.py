"""Verdicts are decided as an enum; their texts in result tables can be read back."""

from __future__ import annotations

import math

import pytest

from spikebridge.errors import DataError
from spikebridge.statistics import Verdict, verdict_of, verdict_text

FIELDS = {
    "better": "seq2seq",
    "cluster": "recording",
    "needed": 6,
    "detectable": 0.031,
    "reason": "no behaviour was recorded, which is better",
    "margin": 0.02,
    "shares": "0.01, 0.90, 0.09",
    "factor": 3.14159,
}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_text_leads_back_to_its_verdict(verdict: Verdict) -> None:
    assert Verdict.from_text(verdict.text(**FIELDS)) is verdict


def test_a_missing_text_is_no_verdict() -> None:
    assert Verdict.from_text(math.nan) is Verdict.NONE
    assert Verdict.from_text(None) is Verdict.NONE


def test_a_text_that_nobody_writes_is_refused() -> None:
    with pytest.raises(DataError, match="expected a text that evaluate writes, got 'surely the best'"):
        Verdict.from_text("surely the best")


@pytest.mark.parametrize(
    ("p_holm", "smallest", "tests", "verdict", "text"),
    [
        (0.04, 1 / 64, 3, Verdict.A_BETTER, "dnn better"),
        (0.5, 1 / 64, 3, Verdict.NOT_SIGNIFICANT, "no difference shown (could have seen 0.031)"),
        (0.5, 1 / 16, 3, Verdict.TOO_FEW_CLUSTERS, "too few recordings to decide (needs 6)"),
    ],
)
def test_of_one_test(p_holm: float, smallest: float, tests: int, verdict: Verdict, text: str) -> None:
    found = verdict_of(p_holm, smallest, tests, 0.05)
    assert found is verdict
    assert verdict_text(found, "dnn", "recording", tests, 0.05, 0.0312) == text


def test_without_a_detectable_difference_none_is_named() -> None:
    for detectable in (math.inf, math.nan):
        text = verdict_text(Verdict.NOT_SIGNIFICANT, "dnn", "recording", 3, 0.05, detectable)
        assert text == "no difference shown"
