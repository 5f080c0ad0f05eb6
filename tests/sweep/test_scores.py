"""Intervals, tests and false discovery rate of pairs, from made-up sums of log likelihoods."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.sweep import LagAndDimension, PairEstimates
from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.config import StatisticsConfig, SweepConfig
from spikebridge.statistics import false_discovery_rate, sign_flip
from spikebridge.sweep.collect import recording_table, region_table
from spikebridge.sweep.plan import make_plan
from spikebridge.sweep.scores import (
    CollectSections,
    PairResult,
    pair_table,
    pair_test,
    verdict_of_pair,
)
from spikebridge.types.verdicts import Verdict

ANIMALS = {f"rat{k}": f"animal{k // 2}" for k in range(8)}


def result(
    contrast: list[float], *, source: str = "A", target: str = "B", seed: int = 0, p: float = 0.01
) -> PairResult:
    """A pair of so many recordings, each with the trial-shift contrast (bits/spike) given, spread over its trials."""
    rng, rows = np.random.default_rng(seed), []
    for k, value in enumerate(contrast):
        spikes = rng.integers(5, 40, 20).astype(float)
        of_trials = value * spikes * np.log(2) + (noise := rng.normal(0, 1, 20)) - noise.mean()
        rows.append(
            pd.DataFrame(
                {
                    "recording": f"rat{k}",
                    "trial": np.arange(20),
                    "fold": np.repeat(np.arange(4), 5),
                    "time_s": np.arange(20.0),
                    "spikes": spikes,
                    "nats": 2 * of_trials,
                    "nats_without_source": of_trials,
                    "trial_shift_nats": of_trials,
                    "nats_of_history": 5.0,
                    "nats_with_source_and_history": 5.0 + of_trials / 2,
                }
            ).assign(block=lambda t: t["recording"] + "/" + t["fold"].astype(str))
        )
    couplings = {f"rat{k}": LagAndDimension(0.1, 0.08, 0.12, 2) for k in range(len(contrast))}
    about = PairEstimates(
        source, target, "ridge", {f"rat{k}": (10 + k, 5) for k in range(len(contrast))},
        LagAndDimension(0.1, 0.09, 0.11, 2),
        couplings, p, 1e-4, ("target_history", "linear_source"), "hash",
    )  # fmt: skip
    return PairResult(f"{source}_{target}", pd.concat(rows, ignore_index=True), about)


def sections(**statistics: Any) -> CollectSections:
    return CollectSections(1, StatisticsConfig(**({"n_resamples": 400} | statistics)))


def plan(n: int = 6, regions: str = "AB") -> SweepPlan:
    units = {f"rat{k}": dict.fromkeys(regions, 12) for k in range(n)}
    return make_plan(regions, units, ANIMALS, SweepConfig())


SIX = [0.05, 0.02, 0.03, -0.01, 0.04, 0.06]


def test_a_pair_is_tested_as_the_declared_test_is() -> None:
    """A sign flip over recordings of the trial-shift contrast, here against every pattern of signs by hand."""
    test = pair_test(result(SIX), StatisticsConfig(), ANIMALS, np.random.default_rng(0))
    sums = [np.dot(signs, SIX) for signs in product((1, -1), repeat=6)]
    assert test.p == pytest.approx(np.mean(np.array(sums) >= sum(SIX) - 1e-9))
    assert (test.name, test.clusters, test.n, test.smallest) == ("sign_flip", "recording", 6, 1 / 64)


@pytest.mark.parametrize(
    ("rule", "n", "test", "clusters"),
    [
        ("auto", 6, "sign_flip", "recording"),
        ("auto", 5, "trial_shuffle", "trial"),
        ("recording", 3, "sign_flip", "recording"),
        ("nested", 6, "sign_flip", "recording"),
        ("animal", 6, "sign_flip", "animal"),
        ("block", 6, "trial_shuffle", "trial"),
    ],
)
def test_blocks_are_never_what_signs_are_of(rule: Any, n: int, test: str, clusters: str) -> None:
    done = pair_test(result(SIX[:n]), StatisticsConfig(cluster=rule), ANIMALS, np.random.default_rng(0))
    assert (done.name, done.clusters) == (test, clusters)
    assert done.p == 0.01 or test == "sign_flip"
    assert done.n == {"recording": n, "animal": 3, "trial": 20 * n}[clusters]


def test_scores_are_sums_over_all_trials() -> None:
    pair_result = result(SIX)
    row = pair_table(plan(), [pair_result, result(SIX, source="B", target="A", seed=1)], sections()).iloc[0]
    bits = pair_result.trials.sum(numeric_only=True) / (pair_result.trials["spikes"].sum() * np.log(2))
    assert row["bits_per_spike"] == pytest.approx(bits["nats"])
    assert row["source_bits_per_spike"] == pytest.approx(bits["nats"] - bits["nats_without_source"])
    assert row["trial_contrast_bits_per_spike"] == pytest.approx(bits["trial_shift_nats"])
    assert row["communication_gain"] == pytest.approx(bits["nats_with_source_and_history"] - bits["nats_of_history"])
    for name in ("bits_per_spike", "source_bits_per_spike", "communication_gain", "lag_s"):
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]
    assert (row["interval_clusters"], row["n_interval_clusters"]) == ("recording", 6)
    assert (row["source_units"], row["target_units"], row["n_trials"]) == (75, 30, 120)
    assert (row["lag_s"], row["dimension"]) == (0.1, 2)
    assert row["recordings"] == "rat0; rat1; rat2; rat3; rat4; rat5"


def test_q_is_over_all_pairs_that_were_run_and_left_out_pairs_are_named() -> None:
    p = {("A", "B"): 0.001, ("B", "A"): 0.02, ("A", "C"): 0.6, ("C", "A"): 0.04}
    results = [result([0.05] * 3, source=a, target=b, p=value) for (a, b), value in p.items()]
    units = {"rat0": {"A": 12, "B": 12}, "rat1": {"A": 12, "C": 12}}
    table = pair_table(make_plan("ABC", units, ANIMALS, SweepConfig()), results, sections())
    assert list(zip(table["source"], table["target"], strict=True)) == list(permutations("ABC", 2))
    rows = table.set_index(["source", "target"])
    for pair, q in zip(p, (0.004, 0.04, 0.6, 0.04 * 4 / 3), strict=True):
        assert rows.loc[pair, "q"] == pytest.approx(q)
    claims = rows["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code
    assert list(rows.index[claims]) == [("A", "B"), ("B", "A")]
    assert rows.loc[("B", "A"), "verdict"] == "B predicts A"
    assert rows.loc[("B", "A"), "q_by"] == pytest.approx(0.04 * (1 + 1 / 2 + 1 / 3 + 1 / 4))
    left = rows.loc[("B", "C")]
    assert left["verdict_code"] == "left_out"
    assert left["reason"] == "both have 10 units or more in 0 recordings, expected 1"
    assert np.isnan(left["p"])


def test_too_few_recordings_are_not_called_no_difference() -> None:
    four = [result([0.05, 0.04, 0.06, 0.05], source=a, target=b) for a, b in ("AB", "BA")]
    table = pair_table(plan(4), four, sections(cluster="recording"))
    assert table["p"].tolist() == [1 / 16, 1 / 16]
    assert set(table["verdict"]) == {"too few recordings to decide (needs 5)"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.SOURCE_PREDICTS_TARGET),
        ({"q": 0.06}, Verdict.NOT_SIGNIFICANT),
        ({"q": float("nan")}, Verdict.NOT_SIGNIFICANT),
        ({"source_bits_per_spike": 0.001}, Verdict.NEXT_TO_NOTHING),
        ({"trial_contrast_bits_per_spike": -0.1}, Verdict.NEXT_TO_NOTHING),
        ({"source_bits_per_spike": float("nan")}, Verdict.NEXT_TO_NOTHING),
        ({"smallest_attainable_p": 0.07}, Verdict.TOO_FEW_CLUSTERS),
    ],
)
def test_verdicts(changes: dict[str, float], verdict: Verdict) -> None:
    row = {"source": "A", "target": "B", "q": 0.01, "smallest_attainable_p": 1e-4, "test_clusters": "recording",
           "source_bits_per_spike": 0.03, "trial_contrast_bits_per_spike": 0.04}  # fmt: skip
    assert verdict_of_pair(row | changes, 0.05)["verdict_code"] == verdict.code


def test_tables_of_recordings_and_regions() -> None:
    pair_result = result(SIX)
    table = recording_table([pair_result]).set_index("recording")
    assert table["trial_contrast_bits_per_spike"].tolist() == pytest.approx(SIX)
    assert table.loc["rat3", "source_units"] == 13
    units = {"rat0": {"A": 12, "B": 12, "C": 2}}
    regions = region_table(make_plan("ABC", units, ANIMALS, SweepConfig())).set_index("region")
    assert regions["in_matrix"].to_dict() == {"A": True, "B": True, "C": False}
    assert regions.loc["C", "reason"] == "at most 2 units in a recording, fewer than sweep.min_units = 10"


def test_the_rate_is_held_where_pairs_share_regions() -> None:
    """Simulated sweeps: Benjamini-Hochberg over sign flips of pairs whose regions share noise, half of them linked.

    A region has one value a trial; the contrast of a pair in a recording is the mean product of both regions' values.
    So p of pairs with a region in common depend on each other, and those of both directions are equal.
    """
    rng, regions, recordings, trials = np.random.default_rng(5), 6, 8, 30
    shares, true_claims = [], 0
    for _ in range(300):
        x = rng.normal(size=(recordings, trials, regions))
        x[:, :, 1] += 0.5 * x[:, :, 0]  # regions 0, 1 and 2 are linked
        x[:, :, 2] += 0.5 * x[:, :, 1]
        x += 0.1 * rng.normal(size=(recordings, trials, 1))
        x -= x.mean(axis=1, keepdims=True)
        pairs = list(permutations(range(regions), 2))
        p = [sign_flip((x[:, :, a] * x[:, :, b]).mean(axis=1), rng).p for a, b in pairs]
        claimed = false_discovery_rate(p) <= 0.05
        true = np.array([max(pair) <= 2 for pair in pairs])
        shares.append((claimed & ~true).sum() / max(claimed.sum(), 1))
        true_claims += int((claimed & true).sum())
    assert np.mean(shares) - 2 * np.std(shares) / np.sqrt(len(shares)) <= 0.05
    assert true_claims > 300 * 3
