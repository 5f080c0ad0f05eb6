"""Shrinkage towards the baseline, and what it guarantees where two regions drift without a link."""

from __future__ import annotations

import numpy as np
import pytest
from made_windows import windows_of

from spikebridge import metrics, models
from spikebridge.baseline import SCALES, Baselines, best_scale, shrink
from spikebridge.models.parts.history import OnEpoch
from spikebridge.types import Predictions, Windows

SHAPE = (30, 5, 4)
TRANSLATORS = ("ridge", "reduced_rank", "poisson_glm", "seq2seq")
SMALL = {"seq2seq": {"max_epochs": 4, "hidden_size": 8, "n_members": 1, "n_readout_trees": 0}}


def drifting_apart(seed: int) -> tuple[Windows, Windows, Windows]:
    """Training, validation and test windows of two regions that drift, each on its own; no link. The test is last."""
    rng = np.random.default_rng(seed)
    n, bins = 160, 10

    def rates(units: int) -> np.ndarray:
        slow = np.cumsum(rng.normal(0, 0.12, (n, units)), axis=0)
        return 0.5 * np.exp(np.clip(slow - slow.mean(axis=0), -1.5, 1.5))[:, None] * np.ones((1, bins, 1))

    w = windows_of(*(np.minimum(rng.poisson(rates(units)), 255) for units in (15, 8)))
    return w.select(np.arange(90)), w.select(np.arange(92, 115)), w.select(np.arange(118, n))


def test_the_best_scale_is_that_of_the_likelihoods_written_down() -> None:
    rng = np.random.default_rng(0)
    baseline, rates = rng.uniform(0.5, 2.0, (2, *SHAPE))
    for truth in (0.0, 0.4, 1.0):
        counts = rng.poisson(baseline * (rates / baseline) ** truth)
        each = [shrink(rates, baseline, s).astype(float) for s in SCALES]
        whole = [np.sum(counts * np.log(r) - r) for r in each]
        local = []
        for r in each:  # a level of each unit in each run of four windows
            runs = [slice(k, k + 4) for k in range(0, SHAPE[0], 4)]
            fitted = np.concatenate([r[i] * counts[i].sum(axis=(0, 1)) / r[i].sum(axis=(0, 1)) for i in runs])
            local.append(np.sum(counts * np.log(np.maximum(fitted, 1e-300)) - fitted))
        scale = best_scale(rates, baseline, counts)
        gains = max(local) - local[0] >= 1.92
        assert scale == SCALES[min(np.argmax(whole), np.argmax(local)) if gains else 0]
        assert abs(scale - truth) < 0.25
        assert whole[SCALES.index(scale)] >= whole[0]


def test_scale_zero_is_the_baseline_and_one_the_rates() -> None:
    baseline, rates = np.random.default_rng(1).uniform(0.5, 2.0, (2, *SHAPE)).astype(np.float32)
    np.testing.assert_array_equal(shrink(rates, baseline, 0.0), baseline)
    np.testing.assert_array_equal(shrink(rates, baseline, 1.0), rates)
    assert np.isfinite(shrink(np.zeros_like(rates), baseline, 0.5)).all()


def test_a_source_that_says_nothing_leaves_the_baseline() -> None:
    """Of validation windows in which the source predicts the wrong way."""
    train, valid, test = drifting_apart(0)
    turned = windows_of(np.zeros_like(valid.source), valid.target)
    model = models.create("ridge", {"penalty": 0.01})
    model.fit([train], [turned], np.random.default_rng(0))
    assert 0 <= model.scales["made"] <= max(SCALES)
    if model.scales["made"] == 0:
        predicted = model.predict(test)
        np.testing.assert_array_equal(predicted.rates, predicted.baseline)


class Nonsense(models.Model):
    """Rates that have nothing to do with the target."""

    name, decides, translates = "nonsense", False, True

    def _fit(self, train: list[Windows], valid: list[Windows], rng: np.random.Generator, on_epoch: OnEpoch) -> None:
        pass

    def _predict(self, windows: Windows) -> Predictions:
        wild = np.exp(np.random.default_rng(3).normal(0, 2, windows.target.shape)).astype(np.float32)
        return Predictions(rates=wild)

    def _save(self, folder: object) -> None:
        pass

    def _load(self, folder: object) -> None:
        pass


def test_a_translator_of_ones_own_has_the_baseline_and_is_shrunk_to_it() -> None:
    train, valid, test = drifting_apart(1)
    model = Nonsense()
    model.fit([train], [valid], np.random.default_rng(0))
    predicted = model.predict(test)
    assert model.scales == {"made": 0.0}
    np.testing.assert_array_equal(predicted.rates, predicted.baseline)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_drift_without_a_link_leaves_no_translator_below_the_baseline(name: str) -> None:
    """Also where the test block lies after all training times."""
    below = []
    for seed in range(6):
        train, valid, test = drifting_apart(seed)
        model = models.create(name, SMALL.get(name))
        model.fit([train], [valid], np.random.default_rng(seed))
        predicted, mean = model.predict(test), train.target.mean(axis=(0, 1))
        nats, spikes = metrics.information(predicted.rates, test.target, mean)
        known = metrics.information(predicted.baseline, test.target, mean)[0]
        below.append((nats - known).sum() / spikes.sum() / np.log(2))
    assert np.mean(below) >= -0.002, below


def test_all_translators_have_the_same_baseline_and_fit_it_once() -> None:
    train, valid, test = drifting_apart(2)
    baselines, baseline_rates = Baselines(), []
    for name in (*TRANSLATORS, "mean_rate", "psth"):
        model = models.create(name, SMALL.get(name), baselines=baselines)
        model.fit([train], [valid], np.random.default_rng(0))
        baseline_rates.append(model.predict(test).baseline)
    assert all(np.array_equal(baseline_rates[0], other) for other in baseline_rates[1:])
    assert baselines.fit(train) is baselines.fit(train)
