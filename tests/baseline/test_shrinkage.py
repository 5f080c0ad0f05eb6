"""Shrinkage towards the baseline, and what it guarantees where two regions drift without a link."""

from __future__ import annotations

import numpy as np
import pytest
from made_windows import windows_of
from scipy import stats

from spikebridge import metrics, models
from spikebridge.baseline import LOCAL, SCALES, Baselines, WindowRun, best_scale, scale_of_runs, shrink
from spikebridge.baseline.shrinkage import LEVEL, window_scores
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
        local, free = [], []
        for r in each:
            runs = [slice(k, k + 4) for k in range(0, SHAPE[0], 4)]
            fitted = np.concatenate([r[i] * counts[i].sum(axis=0) / r[i].sum(axis=0) for i in runs])
            local.append(np.sum(counts * np.log(np.maximum(fitted, 1e-300)) - fitted))
            level = r * counts.sum(axis=(0, 1)) / r.sum(axis=(0, 1))
            free.append(np.sum(counts * np.log(level) - level))
        scale = best_scale(rates, baseline, counts)
        assert scale == (SCALES[min(np.argmax(whole), np.argmax(local))] if truth else 0.0)
        assert abs(scale - truth) < 0.25
        assert whole[SCALES.index(scale)] >= whole[0]
        modulation = np.log(rates / baseline) + 0.7  # a constant of each unit changes nothing with a free level
        free_scale = scale_of_runs(lambda m=modulation, y=counts: runs_of(m, baseline, y), free_level=True)
        assert free_scale == (SCALES[min(np.argmax(free), np.argmax(local))] if truth else 0.0)


def runs_of(*arrays: np.ndarray) -> list[WindowRun]:
    return [WindowRun(*(a[k : k + LOCAL] for a in arrays)) for k in range(0, len(arrays[0]), LOCAL)]


def test_scores_are_the_derivative_of_the_likelihood_within_runs() -> None:
    rng = np.random.default_rng(0)
    run = WindowRun(rng.normal(size=(4, 3, 2)), rng.uniform(0.5, 2.0, (4, 3, 2)), rng.poisson(2.0, (4, 3, 2)))

    def likelihood(s: float) -> float:
        rates = run.baseline * np.exp(s * run.modulation)
        return float((run.counts * np.log(rates / rates.sum(axis=0))).sum())

    values = [likelihood(0.3 + step) for step in (-1e-3, 0.0, 1e-3)]
    score, information = window_scores(run, 0.3)
    assert score.sum() == pytest.approx((values[2] - values[0]) / 2e-3, rel=1e-4)
    assert information.sum() == pytest.approx((2 * values[1] - values[0] - values[2]) / 1e-6, rel=1e-3)


def held_out(seed: int, n: int, link: float, shared: float, drift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rates, baseline and counts of `n` windows whose modulation is real as far as `link` is above 0.

    Units vary together: every window's counts have a common gain of variance `shared`, and so has the modulation a
    common factor. The level of every unit, and the strength of the response within a window, drift in the counts and,
    independently, in the modulation.
    """
    rng, bins, units = np.random.default_rng(seed), 8, 20

    def slow() -> np.ndarray:
        level = np.cumsum(rng.normal(0, drift, (n, 1, units)), axis=0)
        strength = rng.normal() + np.cumsum(rng.normal(0, drift, (n, 1, 1)), axis=0)
        return level + (drift > 0) * 0.5 * strength * np.sin(np.linspace(0, np.pi, bins))[:, None]

    factor = rng.normal(0, 1, (n, 1, 1)) + rng.normal(0, 0.5, (n, bins, 1))
    modulation = 0.3 * factor * rng.normal(0.5, 1, units) + rng.normal(0, 0.1, (n, bins, units)) + slow()
    baseline = 0.5 * np.exp(rng.normal(0, 0.5, units)) * np.ones((n, bins, 1))
    gain = rng.gamma(1 / shared, shared, (n, 1, 1)) if shared else 1.0
    counts = rng.poisson(baseline * gain * np.exp(slow() + link * modulation))
    return baseline * np.exp(modulation), baseline, counts


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("n", [7, 24, 50])
@pytest.mark.parametrize(("shared", "drift"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.15), (0.1, 0.15)])
def test_without_a_link_scales_lie_above_zero_as_rarely_as_the_test_says(n: int, shared: float, drift: float) -> None:
    """Also where counts vary more than Poisson counts, and together, and where regions and responses drift."""
    false = sum(best_scale(*held_out(seed, n, 0.0, shared, drift)) > 0 for seed in range(200))
    assert stats.binomtest(false, 200, LEVEL, alternative="greater").pvalue > 0.005


@pytest.mark.parametrize(("n", "least"), [(6, 0.8), (12, 0.95)])
def test_a_link_is_kept_with_a_few_windows(n: int, least: float) -> None:
    scales = np.array([best_scale(*held_out(seed, n, 1.0, 0.05, 0.0)) for seed in range(100)])
    assert (scales > 0).mean() >= least
    assert np.median(scales) > 0.8


def test_with_too_few_windows_nothing_is_told_from_chance() -> None:
    rates, baseline, counts = held_out(0, 6, 1.0, 0.0, 0.0)
    assert [best_scale(rates[:n], baseline[:n], counts[:n]) for n in range(3)] == [0.0] * 3
    flat = np.ones_like(baseline)
    assert best_scale(flat, flat, counts) == 0.0


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
