"""state_differences.csv: every measure in one state less that in another, as it is and matched.

Matched: as many bins of both states in each test block (or run of windows). Of the models' rates, the level of each
unit in the state is given (held_out); counts are thinned to equal rates of each unit (matching). The test is of matched
bins, two-sided: a sign flip over clusters for bits/spike of the models, and for what is estimated from the counts of
all clusters together the exchange of the two states within random clusters (statistics.paired_swap). Both take the two
scores of a cluster for exchangeable where there is no difference, which unequal numbers of bins, levels and rates would
spoil. Holm over the pairs of states of one measure. The comparison of all bins is descriptive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import STATE_DIFFERENCES
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.states.coupling import StateCounts, StateCoupling, matched_couplings, run_table
from spikebridge.evaluation.states.held_out import HeldOutBins, HeldOutMeasure
from spikebridge.evaluation.states.values import (
    FROM_COUNTS,
    LAG,
    NO_LINK,
    Curves,
    Draws,
    Row,
    counts_amount,
    estimates_of,
    too_few,
    too_little,
)
from spikebridge.statistics import (
    SignFlip,
    clusters_needed,
    holm,
    interval_from_samples,
    paired_swap,
    sign_flip,
)
from spikebridge.types.verdicts import Verdict

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
ROLE = "states"
"""Of the rows that are tested."""
BLOCK_NULL_SCALE = 1.1
"""As in evaluation.comparisons: test blocks are not quite independent, since their folds share training data."""


def held_out_differences(measures: Sequence[HeldOutMeasure], data: HeldOutBins, draws: Draws) -> Iterator[Row]:
    """Of every pair of states; the matched bins of a pair are the same for all measures."""
    for first, second in combinations(data.inside, 2):
        as_they_are = data.inside[first], data.inside[second]
        shared = int((as_they_are[0] & as_they_are[1]).sum())
        for matched, bins in ((False, as_they_are), (True, data.matched(first, second))):
            for m in measures:
                named = {"measure": m.name, "model": m.model, "state_a": first, "state_b": second, "matched": matched}
                yield {**named, "n_shared_bins": shared, **_held_out(m, data, bins, draws, matched)}


def _held_out(
    measure: HeldOutMeasure, data: HeldOutBins, bins: tuple[Bools, Bools], draws: Draws, matched: bool
) -> Row:
    """Matched: with the level of the state given."""
    amounts = [data.amount(side) for side in bins]
    row = _of_both(amounts)
    if reason := next(filter(None, map(too_little, amounts)), ""):
        return row | Verdict.LEFT_OUT.columns(reason=reason)
    resampling = draws.of(data.table)
    first, second = (measure.score(data, side, resampling.clusters.index, matched) for side in bins)
    interval = resampling.interval(lambda weights: first(weights) - second(weights))
    each = np.eye(len(resampling.clusters))
    scale = BLOCK_NULL_SCALE if resampling.clusters.kind == "block" else 1.0
    test = sign_flip(first(each) - second(each), draws.rng(), "two-sided", draws.settings.n_resamples, scale)
    values = {"value_a": float(first(resampling.ones)[0]), "value_b": float(second(resampling.ones)[0])}
    difference = {"difference": interval["value"], "ci_low": interval["ci_low"], "ci_high": interval["ci_high"]}
    return {**row, **values, **difference, **_tested(test, resampling)}


def coupling_differences(
    counts: StateCounts, couplings: Mapping[str, StateCoupling], draws: Draws, seed: int
) -> Iterator[Row]:
    """The measures FROM_COUNTS of every pair of states. seed: of the resampling inside the estimates."""
    for first, second in combinations(couplings, 2):
        as_they_are = couplings[first], couplings[second]
        matched = matched_couplings(counts, (first, second), as_they_are, seed)
        both = set(counts.inside[first]) & set(counts.inside[second])
        shared = sum(int((counts.inside[first][r] & counts.inside[second][r]).sum()) for r in both)
        for measure in FROM_COUNTS:
            for is_matched, pair in ((False, as_they_are), (True, matched)):
                named = {"measure": measure, "state_a": first, "state_b": second, "matched": is_matched}
                yield {**named, "n_shared_bins": shared, **_coupling(measure, pair, counts, draws, is_matched)}


def _coupling(
    measure: str, pair: tuple[StateCoupling, StateCoupling], counts: StateCounts, draws: Draws, matched: bool
) -> Row:
    """Of the recordings with an estimate in both states. A lag is compared where both states have a link."""
    estimates = [estimates_of(measure, side) for side in pair]
    used = [r for r in estimates[0].estimates if r in estimates[1].estimates]
    row = _of_both([counts_amount(counts, side, used) for side in estimates])
    if not used:
        without = [side for side in estimates if not side.estimates] or estimates
        return row | Verdict.LEFT_OUT.columns(reason=too_few(measure, without[0]))
    sides: Any = [{r: side.estimates[r] for r in used} for side in estimates]
    resampling = draws.of(run_table(sides[0]))
    curves, n = Curves.of(measure, sides, resampling), len(resampling.clusters)

    def weights_of(side: int, weights: Array) -> Array:
        none = np.zeros_like(weights)
        return np.concatenate((weights, none) if side == 0 else (none, weights), axis=1)

    ones = [weights_of(side, resampling.ones) for side in (0, 1)]
    if measure == LAG and not all(curves.linked(side_weights) for side_weights in ones):
        return row | Verdict.LEFT_OUT.columns(reason=NO_LINK)
    values = [float(curves.score(side_weights)[0]) for side_weights in ones]
    first, second = (curves.score(weights_of(side, resampling.weights)) for side in (0, 1))
    interval = interval_from_samples(values[0] - values[1], first - second, resampling.independent, resampling.alpha)
    row |= {"value_a": values[0], "value_b": values[1], "difference": interval.value}
    row |= {"ci_low": interval.ci_low, "ci_high": interval.ci_high}
    if not matched:  # with unequal numbers of bins the exchange of states is no null
        return {**row, "cluster": resampling.clusters.kind, "n_clusters": n}
    return {**row, **_tested(paired_swap(curves.score, n, draws.rng(), draws.settings.n_resamples), resampling)}


def difference_table(rows: Iterator[Row] | Sequence[Row], alpha: float) -> pd.DataFrame:
    """STATE_DIFFERENCES, with Holm over the tested pairs of a measure and model, and verdicts.

    Tested: matched bins; of translation, those of the model that is asked about (rows with `tested`).
    """
    table = pd.DataFrame(list(rows))
    table = table.reindex(columns=[*STATE_DIFFERENCES, "tested"])
    table["model"] = table["model"].astype(object).fillna("")
    described = table["verdict_code"].isna()
    for column, value in Verdict.DESCRIPTIVE.columns().items():
        table[column] = table[column].astype(object).where(~described, value)
    tested = table["matched"].astype(bool) & table["p"].notna() & table["tested"].eq(True)
    table["role"] = np.where(tested, ROLE, "descriptive")
    for _, family in table[tested].groupby(["measure", "model"], sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].to_numpy(np.float64))
        for k in family.index:
            for column, value in _verdict(table.loc[k], len(family), alpha).items():
                table.loc[k, column] = value
    return table[list(STATE_DIFFERENCES)]


def _verdict(row: Any, tests: int, alpha: float) -> Mapping[str, Any]:
    if row["p_holm"] <= alpha:
        return Verdict.LARGER.columns(larger=row["state_a"] if row["difference"] > 0 else row["state_b"])
    if row["smallest_attainable_p"] * tests > alpha:
        needed = clusters_needed(alpha, tests, "two-sided")
        return Verdict.TOO_FEW_CLUSTERS.columns(cluster=row["cluster"], needed=needed)
    return Verdict.NOT_SIGNIFICANT.columns()


def _of_both(amounts: Sequence[Mapping[str, float]]) -> Row:
    keys = ("n_bins", "source_hz", "target_hz")
    return {f"{key}_{side}": amount[key] for side, amount in zip("ab", amounts, strict=True) for key in keys}


def _tested(test: SignFlip, resampling: Resampling) -> Row:
    kind = resampling.clusters.kind
    return {"p": test.p, "smallest_attainable_p": test.smallest, "n_clusters": test.n, "cluster": kind}
