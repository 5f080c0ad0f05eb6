"""Verdicts are decided as an enum; result tables hold their texts and their codes."""

from __future__ import annotations

import math

import pytest

from spikebridge.errors import DataError
from spikebridge.statistics import verdict_columns, verdict_of
from spikebridge.types.verdicts import Verdict

FIELDS = {
    "better": "seq2seq",
    "larger": "running",
    "cluster": "recording",
    "needed": 6,
    "detectable": 0.031,
    "reason": "no behaviour was recorded, which is better",
    "margin": 0.02,
    "shares": "0.01, 0.90, 0.09",
    "factor": 3.14159,
    "source": "CA1",
    "target": "ACA",
    "least": 0.002,
}


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_columns_of_a_row_lead_back_to_its_verdict(verdict: Verdict) -> None:
    columns = verdict.columns(**FIELDS)
    assert columns["verdict"] == verdict.text(**FIELDS)
    assert Verdict.of_row({**columns, "verdict": "any other text"}) is verdict


def test_a_missing_code_is_no_verdict() -> None:
    assert Verdict.of_row({"verdict_code": math.nan}) is Verdict.NONE
    assert Verdict.of_row({"verdict_code": None}) is Verdict.NONE


def test_what_evaluate_does_not_write_is_refused() -> None:
    with pytest.raises(DataError, match="expected one that evaluate writes, got 'surely_the_best'"):
        Verdict.of_row({"verdict_code": "surely_the_best"})
    with pytest.raises(DataError, match="expected a column verdict_code; run evaluate again"):
        Verdict.of_row({"verdict": "seq2seq better"})


@pytest.mark.parametrize(
    ("p_holm", "smallest", "tests", "verdict", "text"),
    [
        (0.04, 1 / 64, 3, Verdict.A_BETTER, "dnn better"),
        (0.5, 1 / 64, 3, Verdict.NOT_SIGNIFICANT, "no difference shown (could have seen 0.031)"),
        (0.5, 1 / 16, 3, Verdict.TOO_FEW_CLUSTERS, "too few recordings to decide (needs 6)"),
    ],
)
def test_of_one_test(p_holm: float, smallest: float, tests: int, verdict: Verdict, text: str) -> None:
    decided = verdict_of(p_holm, smallest, tests, 0.05)
    assert decided is verdict
    columns = verdict_columns(decided, "dnn", "recording", tests, 0.05, 0.0312)
    assert columns["verdict"] == text
    assert columns["verdict_code"].startswith(verdict.code)


def test_without_a_detectable_difference_none_is_named() -> None:
    for detectable in (math.inf, math.nan):
        columns = verdict_columns(Verdict.NOT_SIGNIFICANT, "dnn", "recording", 3, 0.05, detectable)
        assert columns == Verdict.NOT_SIGNIFICANT.columns()
