"""Bits beyond neighbouring trials: what drift cannot give, and what a link does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_runs import Study
from numpy.typing import NDArray
from scipy import stats
from scipy.ndimage import gaussian_filter1d

from spikebridge.evaluation.inputs import read
from spikebridge.evaluation.translation_scores import minus_neighbours, pairings, rates_and_counts, trial_shift_nats
from spikebridge.metrics import floored

Array = NDArray[np.float64]


def test_by_hand() -> None:
    pairs = np.arange(16.0).reshape(4, 4) ** 1.5
    wanted = [
        pairs[0, 0] - (pairs[1, 0] + pairs[2, 0]) / 2,
        pairs[1, 1] - (pairs[0, 1] + pairs[2, 1] + pairs[3, 1]) / 3,
        pairs[2, 2] - (pairs[0, 2] + pairs[1, 2] + pairs[3, 2]) / 3,
        pairs[3, 3] - (pairs[1, 3] + pairs[2, 3]) / 2,
    ]
    np.testing.assert_allclose(minus_neighbours(pairs, 2), wanted)
    assert minus_neighbours(pairs[:1, :1]).tolist() == [0.0]


def test_pairings_and_sum_against_loops(study: Study) -> None:
    places = study.places
    inputs = read(study.config.models, *places[:3])
    t = inputs.translations["seq2seq"]
    nats = trial_shift_nats(inputs, t)
    assert nats.shape == (len(t.table),)
    row = int(np.flatnonzero(t.table["fold"] == 2)[7])
    at = t.table.iloc[row]
    block = t.table[(t.table["recording"] == at["recording"]) & (t.table["fold"] == at["fold"])]
    where = block["trial"].tolist().index(at["trial"])
    w, (known, rates) = inputs.windows[at["recording"]], t.rates[at["recording"]]
    y = w.target[w.trial == at["trial"]][0].astype(float)

    def told(trial: int) -> float:
        r = floored(rates[known == trial])[0].astype(float)
        return float((y * np.log(r) - r).sum())

    near = [n for n in range(max(0, where - 2), min(len(block), where + 3)) if n != where]
    others = [told(int(block["trial"].iloc[n])) for n in near]
    assert nats[row] == pytest.approx(told(int(at["trial"])) - np.mean(others), rel=1e-5)
    assert pairings(*rates_and_counts(inputs, t, at["recording"], np.array([at["trial"]]))).shape == (1, 1)


def _drifting(rng: np.random.Generator, link: float) -> tuple[float, float]:
    """Nats against a constant rate, and beyond neighbours, of a translator fitted around a held-out block.

    Source and target drift slowly and independently of each other; `link` couples them trial by trial.
    """
    n, block = 120, slice(48, 72)

    def slow() -> Array:
        walk = np.asarray(gaussian_filter1d(np.cumsum(rng.normal(size=n)), 8.0))
        return (walk - walk.mean()) / walk.std()

    content = rng.normal(size=n)
    source = slow() + content
    rate = np.exp(2.5 + 0.3 * slow() + link * content)
    y = rng.poisson(rate).astype(float)
    learn = np.ones(n, dtype=bool)
    learn[block] = False
    # the source's slow level tells the time, and so the target's: a regression on it and on where it was
    x = np.column_stack([np.ones(n), source, gaussian_filter1d(source, 6.0)])
    weights = np.linalg.lstsq(x[learn], np.log(y[learn] + 0.5), rcond=None)[0]
    predicted, base = np.exp(x[block] @ weights), y[learn].mean()
    pairs = np.log(predicted)[:, None] * y[block][None] - predicted[:, None]
    plain = float((y[block] * np.log(predicted / base) - (predicted - base)).sum())
    return plain, float(minus_neighbours(pairs).sum())


@pytest.mark.parametrize("link", [0.0, 0.2])
def test_drift_alone_gives_nothing_and_a_link_much(link: float) -> None:
    rng = np.random.default_rng(5)
    values = np.array([_drifting(rng, link)[1] for _ in range(400)])
    p: Any = stats.ttest_1samp(values, 0.0, alternative="two-sided").pvalue
    if link:
        assert values.mean() > 0
        assert p < 1e-6
    else:
        assert p > 0.05


def test_a_sign_flip_over_six_drifting_recordings_holds_its_level() -> None:
    """One-sided, 5 %, of which 3/64 can be reached; 300 studies."""
    from spikebridge.statistics import sign_flip

    rng = np.random.default_rng(11)
    rejected = [
        sign_flip(np.array([_drifting(rng, 0.0)[1] for _ in range(6)]), rng).p <= 0.05 for _ in range(300)
    ]  # fmt: skip
    assert stats.binomtest(sum(rejected), 300, 0.05, alternative="greater").pvalue > 0.05
