"""One null of one model, and its row of nulls.csv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikebridge.statistics.nulls import NullResult


@dataclass(frozen=True)
class ModelNull:
    """One null of one model. assumptions: of the null, and where the data at hand do not meet them."""

    null: str
    model: str
    metric: str
    result: NullResult
    primary: bool
    assumptions: str

    def row(self, alpha: float) -> dict[str, Any]:
        """The row of nulls.csv; `artifacts.evaluation.NULLS`."""
        return {
            "null": self.null,
            "model": self.model,
            "metric": self.metric,
            "observed": self.result.observed,
            "null_mean": self.result.null_mean,
            "null_high": self.result.null_high,
            "p": self.result.p,
            "smallest_attainable_p": self.result.smallest,
            "n_null": len(self.result.null),
            "passed": bool(self.result.p <= alpha),
            "role": "primary" if self.primary else "descriptive",
            "assumptions": self.assumptions,
        }
