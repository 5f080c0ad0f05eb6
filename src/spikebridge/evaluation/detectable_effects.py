"""What the declared tests could have seen with the data at hand, and how much more they would need."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from spikebridge.statistics import clusters_needed
from spikebridge.types import Comparison


def power_of(rows: Sequence[Comparison], cluster: str | None, alpha: float) -> dict[str, dict[str, Any]]:
    """Family -> "a_minus_b" -> what metrics.json says of the power of each primary test.

    cluster: what counts as one. design_effect: variance of the paired difference in correctness over that of
    independent trials. effective_trials (effective_n of a row): how many independent ones the n_trials are worth. Both
    of decisions only. detectable: smallest true difference found with 80 % power, None where no data could.
    clusters_to_decide: fewest with which the smallest p, times the tests of the family, reaches alpha.
    clusters_for_power: that show the observed difference with 80 % power. clusters_still_needed: to reach both; None
    where the difference observed is not above zero, so that no number of them would.
    """
    primary = [row for row in rows if row.role == "primary"]
    tests = Counter(row.family for row in primary)
    found: dict[str, dict[str, Any]] = {}
    for row in primary:
        to_decide = clusters_needed(alpha, tests[row.family])
        wanted = max(to_decide, row.clusters_for_power) if math.isfinite(row.clusters_for_power) else math.nan
        found.setdefault(row.family, {})[f"{row.model_a}_minus_{row.model_b}"] = {
            "cluster": cluster,
            "metric": row.metric,
            "n_trials": row.n,
            "design_effect": row.design_effect,
            "effective_trials": row.effective_n,
            "detectable": row.detectable,
            "n_clusters": row.n_clusters,
            "clusters_to_decide": to_decide,
            "clusters_for_power": _whole(row.clusters_for_power),
            "clusters_still_needed": _whole(max(wanted - row.n_clusters, 0.0) if math.isfinite(wanted) else wanted),
        }
    return found


def _whole(number: float) -> int | None:
    return int(number) if math.isfinite(number) else None
