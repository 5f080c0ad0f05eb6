"""What is claimed of models whose true difference is known: the simulated truth, the claims, and their rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spikebridge.calibration import equivalence_claims
from spikebridge.calibration.equivalence_claims import ALIKE, AT_MARGIN, CLAIMS, MARGIN
from spikebridge.calibration.power_curves import differences

JOBS = {
    (j.truth, j.cell.recordings): j for j in equivalence_claims.jobs(spread=0.08, agreement=0.2, studies=400, seed=1)
}


def test_the_true_difference_is_the_one_named() -> None:
    for (truth, recordings), job in JOBS.items():
        if recordings == 20:
            rng = np.random.default_rng(0)
            means = [np.nanmean(differences(job.cell, rng)) for _ in range(200)]
            error = np.std(means) / np.sqrt(len(means))
            assert np.mean(means) == pytest.approx(-MARGIN if truth == AT_MARGIN else 0.0, abs=4 * error)


def test_claims_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        d = rng.normal(rng.uniform(-0.1, 0.1), 0.05, rng.integers(3, 15))
        low = stats.ttest_1samp(d, -MARGIN, alternative="greater").pvalue
        high = stats.ttest_1samp(d, MARGIN, alternative="less").pvalue
        assert CLAIMS["no worse (gate, one-sided t)"](d) == (low <= 0.05)
        assert CLAIMS["equivalent (TOST)"](d) == (max(low, high) <= 0.05)
        # with a flat prior the posterior probability is one less the p of the one-sided test
        assert CLAIMS["equal or better (ROPE, above 0.95)"](d) == (low < 0.05)


@pytest.mark.slow
def test_no_worse_keeps_its_level_and_finds_what_is_alike() -> None:
    claims = equivalence_claims.table(
        [equivalence_claims.run(JOBS[truth, 12], lambda _: None) for truth in (AT_MARGIN, ALIKE)]
    )
    rate = claims.set_index(["truth", "claim"])["rate"]
    level = rate[AT_MARGIN, "no worse (gate, one-sided t)"]
    assert 0.02 <= level <= 0.09  # four standard errors of 400 studies around 5 %
    assert rate[AT_MARGIN, "equivalent (TOST)"] <= level
    assert rate[ALIKE, "no worse (gate, one-sided t)"] > 2 * level
    wrong = claims[claims["false"]]
    assert set(wrong["truth"]) == {AT_MARGIN, ALIKE} and len(wrong) == 6


def test_rows_depend_on_the_seed_alone() -> None:
    job = JOBS[ALIKE, 6]
    job = replace(job, cell=replace(job.cell, studies=20))
    assert equivalence_claims.run(job, lambda _: None) == equivalence_claims.run(job, lambda _: None)
