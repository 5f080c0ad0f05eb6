"""The rows of nulls.csv."""

from __future__ import annotations

from dataclasses import dataclass

from spikebridge.statistics.nulls import NullResult


@dataclass(frozen=True)
class Found:
    """One null of one model. assumptions: of the null, and where the data at hand do not meet them."""

    null: str
    model: str
    metric: str
    result: NullResult
    primary: bool
    assumptions: str


@dataclass(frozen=True)
class NullRow:
    """One row of nulls.csv. passed: p is at most alpha, so the score is not what the null would give.

    role: "primary" for the null that the gate rests on, "descriptive" for the others.
    """

    null: str
    model: str
    metric: str
    observed: float
    null_mean: float
    null_high: float
    p: float
    smallest_attainable_p: float
    n_null: int
    passed: bool
    role: str
    assumptions: str


def row_of(found: Found, alpha: float) -> NullRow:
    result = found.result
    return NullRow(
        null=found.null,
        model=found.model,
        metric=found.metric,
        observed=result.observed,
        null_mean=result.null_mean,
        null_high=result.null_high,
        p=result.p,
        smallest_attainable_p=result.smallest,
        n_null=len(result.null),
        passed=bool(result.p <= alpha),
        role="primary" if found.primary else "descriptive",
        assumptions=found.assumptions,
    )
