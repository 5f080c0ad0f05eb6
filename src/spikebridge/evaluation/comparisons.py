"""comparisons.csv: the few tests that were declared beforehand, and every other pair as description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.scores import (
    SPECIFIC,
    WITHIN,
    Resampling,
    decision_scores,
    mean_of_clusters,
    specific_score,
    translation_score,
    within_blocks,
)
from spikebridge.evaluation.verdicts import decided
from spikebridge.metrics import clustered
from spikebridge.mission import BASELINE, DECIDING, TRANSLATING
from spikebridge.statistics import cluster_bootstrap, holm, mcnemar, sign_flip
from spikebridge.types import Comparison

Array = NDArray[np.float64]
NAN = float("nan")
NO_SOURCE = "without_source"
"""What can be said without the source's trial: the rates of the trials around it (see evaluation.specific)."""
BITS = "bits_per_spike"


@dataclass(frozen=True)
class Family:
    """Tests that share one Holm correction; fixed here, before any data. pairs: (better by hypothesis, other)."""

    name: str
    metric: str
    pairs: tuple[tuple[str, str], ...]


def families(deciders: list[str], translators: list[str]) -> list[Family]:
    """The families over the models at hand. A model that is not there only makes its families smaller.

    Only the models that spikebridge.mission names are tested; every other one is described, pair by pair.

    The direction of every test is declared (one-sided): with six recordings the smallest p is 1/64, and three tests
    still reach 3/64 after Holm; two-sided they could not.
    """
    declared = [
        Family("above_majority", WITHIN, tuple((m, BASELINE) for m in DECIDING)),
        Family("seq2seq_against_competitors", WITHIN, tuple((DECIDING[0], m) for m in DECIDING[1:])),
        Family("translation", BITS, tuple((TRANSLATING[0], m) for m in TRANSLATING[1:])),
        Family("translation_from_source", SPECIFIC, tuple((m, NO_SOURCE) for m in TRANSLATING)),
    ]
    present = {WITHIN: set(deciders), BITS: set(translators), SPECIFIC: {*translators, NO_SOURCE}}
    kept = [replace(f, pairs=tuple(p for p in f.pairs if present[f.metric].issuperset(p))) for f in declared]
    return [f for f in kept if f.pairs]


def compare(
    inputs: Inputs,
    deciding: Resampling | None,
    translating: Resampling | None,
    settings: StatisticsConfig,
    rng: np.random.Generator,
) -> list[Comparison]:
    """All rows: primary families first, each corrected by Holm and with a verdict in words, then the descriptive ones.

    Primary test: sign flip over clusters of the paired difference, with its cluster-bootstrap interval in the row. Its
    score is the balanced accuracy within test blocks, averaged over a cluster's blocks (metrics.decision says why), the
    bits/spike of a cluster, or those of the own trial's rates less neighbouring trials' (evaluation.specific says why).
    """
    rows: list[Comparison] = []
    for family in families(list(inputs.decisions), list(inputs.translations)):
        resampling = deciding if family.metric == WITHIN else translating
        assert resampling is not None
        resampling = _of_models(family, resampling, inputs, settings, rng)
        values = _by_cluster(inputs, family.metric, resampling)
        tested = [_primary(family, pair, values, resampling, settings, rng) for pair in family.pairs]
        n = {m: _trials(inputs, m) for m in {a for a, _ in family.pairs}}
        rows += _decide([replace(row, n=n[row.model_a]) for row in tested], resampling.clusters.kind, settings.alpha)
    if deciding is not None:
        rows += list(_described_decisions(inputs, deciding))
    if translating is not None:
        rows += list(_described_translations(inputs, translating))
    return rows


def _of_models(
    family: Family, resampling: Resampling, inputs: Inputs, settings: StatisticsConfig, rng: np.random.Generator
) -> Resampling:
    """The clusters of a family: recordings where two models or translations are tested, however few these are.

    Blocks stand in for few recordings only where decisions are held against majority. Of two models that are equally
    good on the whole one is better throughout a recording, as its units and their drift have it (a third of the
    variance of bits/spike between blocks), and a test over blocks takes that for the models. What a translation owes to
    chance is alike in the blocks of a recording as well, for its folds learn from each other's test blocks. Measured in
    studies of the calibration audit with four or five recordings: 10 to 14 % false claims at 5 % over blocks, at most 5
    over recordings.
    """
    if settings.cluster != "auto" or any(b == BASELINE for _, b in family.pairs):
        return resampling
    table = (inputs.decisions if family.metric == WITHIN else inputs.translations)[family.pairs[0][0]].table
    return Resampling.of(table, settings.model_copy(update={"cluster": "recording"}), rng, inputs.animals)


def _by_cluster(inputs: Inputs, metric: str, resampling: Resampling) -> Mapping[str, Array]:
    clusters = resampling.clusters
    if metric == WITHIN:
        return {m: within_blocks(d, clusters, len(inputs.classes)) for m, d in inputs.decisions.items()}
    each = np.eye(len(clusters))
    score = translation_score if metric == BITS else partial(specific_score, inputs)
    bits = {m: score(t, clusters.index)(each) for m, t in inputs.translations.items()}
    return {**bits, NO_SOURCE: np.zeros(len(clusters))}


def _trials(inputs: Inputs, model: str) -> int:
    found = inputs.decisions.get(model) or inputs.translations[model]
    return len(found.table)


def _primary(
    family: Family,
    pair: tuple[str, str],
    values: Mapping[str, Array],
    resampling: Resampling,
    settings: StatisticsConfig,
    rng: np.random.Generator,
) -> Comparison:
    difference = values[pair[0]] - values[pair[1]]
    test = sign_flip(difference, rng, "greater", settings.resamples)
    interval = resampling.interval(mean_of_clusters(difference))
    return Comparison(
        family=family.name,
        model_a=pair[0],
        model_b=pair[1],
        metric=family.metric,
        test="sign_flip",
        estimate=test.estimate,
        ci_low=interval["ci_low"],
        ci_high=interval["ci_high"],
        p=test.p,
        n=0,
        n_clusters=test.n,
        smallest_attainable_p=test.smallest,
        role="primary",
    )


def _decide(rows: list[Comparison], kind: str, alpha: float) -> list[Comparison]:
    """Holm within the family, and the verdict: too few clusters is not the same as no difference."""
    adjusted = holm([row.p for row in rows])
    return [
        replace(
            row,
            p_holm=float(p),
            verdict=decided(row.model_a, float(p), row.smallest_attainable_p, len(rows), kind, alpha),
        )
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _described_decisions(inputs: Inputs, resampling: Resampling) -> Iterator[Comparison]:
    scores = {m: decision_scores(d, resampling.clusters, len(inputs.classes)) for m, d in inputs.decisions.items()}
    sampled = _samples(scores, resampling)
    for a, b in combinations(inputs.decisions, 2):
        yield from _mcnemar(inputs, a, b, len(resampling.clusters))
        for metric in scores[a]:
            yield _bootstrap(a, b, metric, sampled, resampling, len(inputs.decisions[a].label))


def _described_translations(inputs: Inputs, resampling: Resampling) -> Iterator[Comparison]:
    index = resampling.clusters.index
    sampled = _samples({m: {BITS: translation_score(t, index)} for m, t in inputs.translations.items()}, resampling)
    for a, b in combinations(inputs.translations, 2):
        yield _bootstrap(a, b, BITS, sampled, resampling, len(index))


Sampled = Mapping[tuple[str, str], tuple[float, Array]]
"""(model, metric) -> (score of all data, scores of the resamples)."""


def _samples(scores: Mapping[str, Mapping[str, clustered.Score]], resampling: Resampling) -> Sampled:
    return {
        (model, metric): (float(score(resampling.ones)[0]), score(resampling.weights))
        for model, each in scores.items()
        for metric, score in each.items()
    }


def _bootstrap(a: str, b: str, metric: str, sampled: Sampled, resampling: Resampling, n: int) -> Comparison:
    (value_a, draws_a), (value_b, draws_b) = sampled[a, metric], sampled[b, metric]
    k = len(resampling.clusters)
    interval = cluster_bootstrap.from_samples(value_a - value_b, draws_a - draws_b, k, resampling.alpha)
    return _description(a, b, metric, "cluster_bootstrap", interval.value, n, k, interval.ci_low, interval.ci_high)


def _mcnemar(inputs: Inputs, a: str, b: str, n_clusters: int) -> Iterator[Comparison]:
    right_a, right_b = inputs.decisions[a].right, inputs.decisions[b].right
    test = mcnemar(right_a, right_b)
    estimate = float(right_a.mean() - right_b.mean())
    row = _description(a, b, "accuracy", "", estimate, len(right_a), n_clusters)
    yield replace(row, test="mcnemar_exact", p=test.p_exact, smallest_attainable_p=test.smallest_exact)
    yield replace(row, test="mcnemar_mid_p", p=test.p_mid, smallest_attainable_p=test.smallest_mid)


def _description(
    a: str, b: str, metric: str, test: str, estimate: float, n: int, k: int, low: float = NAN, high: float = NAN
) -> Comparison:
    return Comparison(
        "pairs", a, b, metric, test, estimate, low, high, NAN, n, k, NAN, "descriptive", NAN, "descriptive"
    )
