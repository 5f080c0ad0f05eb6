"""Confounds taken out inside folds: what they alone explain is gone, the rest stays; weights against oracles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from made_windows import windows_of

from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.models.logistic import Logistic
from spikebridge.nested_models.decoding.confounds import (
    CONFOUND,
    ConfoundControlled,
    Matched,
    Residualised,
    overlap_weights,
)
from spikebridge.types import Windows

N, TRAIN = 400, 280


def study(seed: int, through_confound: bool) -> Windows:
    """Trials of one recording whose confound drives the decision.

    Counts of eight units follow the confound alone, or a cause of the decision that is independent of the confound.
    """
    rng = np.random.default_rng(seed)
    confound, cause = rng.normal(size=(2, N))
    drive = 1.5 * confound + (0.0 if through_confound else 1.5 * cause)
    label = (rng.random(N) < 1 / (1 + np.exp(-drive))).astype(np.int64)
    rate = np.exp(1.0 + 0.3 * np.outer(confound if through_confound else cause, np.ones(8)))
    source = rng.poisson(rate[:, None, :].repeat(4, axis=1) / 2)
    return windows_of(source, source, label=label, covariates=confound[:, None], covariate_names=(CONFOUND + "offer",))


def score(w: Windows, model: Logistic | ConfoundControlled) -> float:
    """Balanced accuracy within four blocks of held-out trials, weighted where the model matches."""
    train, test = w.select(np.arange(TRAIN)), w.select(np.arange(TRAIN, N))
    model.fit([train], [], np.random.default_rng(0))
    probabilities = model.predict(test).probabilities
    assert probabilities is not None
    weights = model.weights_of(test) if isinstance(model, Matched) else None
    block = np.arange(N - TRAIN) // 30
    return float(
        np.nanmean(balanced_accuracy_within_blocks(test.label, model.decide(probabilities, "made"), block, 2, weights))
    )


def mean_score(make: type[ConfoundControlled] | None, through_confound: bool) -> tuple[float, float]:
    """Mean and standard error over studies."""
    scores = [
        score(study(seed, through_confound), Logistic() if make is None else make(Logistic())) for seed in range(20)
    ]
    return float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


@pytest.mark.parametrize("how", [Residualised, Matched])
def test_what_a_confound_alone_explains_is_gone(how: type[ConfoundControlled]) -> None:
    plain, _ = mean_score(None, through_confound=True)
    beyond, error = mean_score(how, through_confound=True)
    assert plain > 0.65
    assert abs(beyond - 0.5) < 3 * error
    assert error < 0.02


@pytest.mark.parametrize("how", [Residualised, Matched])
def test_a_signal_independent_of_the_confound_remains(how: type[ConfoundControlled]) -> None:
    plain, _ = mean_score(None, through_confound=False)
    beyond, _ = mean_score(how, through_confound=False)
    assert plain > 0.65
    assert beyond > plain - 0.03


def test_residuals_are_those_of_least_squares_in_the_training_trials() -> None:
    w = study(3, through_confound=True)
    train, test = w.select(np.arange(TRAIN)), w.select(np.arange(TRAIN, N))
    base = Logistic({"n_segments": 2})
    model = Residualised(base)
    about = model.prepare(train)
    c = train.covariates[:, 0]
    design = np.column_stack([c, c**2])
    fit = sm.OLS(base.features(train, {}), sm.add_constant(design)).fit()
    np.testing.assert_allclose(model.features(train, about), fit.resid, atol=1e-8)
    c = np.clip(test.covariates[:, 0], c.min(), c.max())
    expected = base.features(test, {}) - fit.predict(sm.add_constant(np.column_stack([c, c**2])))
    np.testing.assert_allclose(model.features(test, about), expected, atol=1e-8)


@pytest.mark.parametrize("how", [Residualised, Matched])
def test_no_test_trial_has_a_say_in_another(how: type[ConfoundControlled]) -> None:
    """A regression over all trials would let them."""
    w = study(4, through_confound=True)
    train, test = w.select(np.arange(TRAIN)), w.select(np.arange(TRAIN, N))
    model = how(Logistic())
    model.fit([train], [], np.random.default_rng(0))
    other = replace(test, source=test.source[::-1].copy(), label=1 - test.label, covariates=-test.covariates)
    mixed = replace(
        test,
        source=np.concatenate([test.source[:50], other.source[50:]]),
        label=np.concatenate([test.label[:50], other.label[50:]]),
        covariates=np.concatenate([test.covariates[:50], other.covariates[50:]]),
    )
    plain, with_others = (model.predict(x).probabilities for x in (test, mixed))
    assert plain is not None and with_others is not None
    np.testing.assert_array_equal(plain[:50], with_others[:50])
    if isinstance(model, Matched):
        np.testing.assert_array_equal(model.weights_of(test)[:50], model.weights_of(mixed)[:50])


def test_a_regression_over_all_trials_is_another_thing_and_scores_below_chance() -> None:
    """Snoek et al. 2019: residuals over train and test together, of noise that has nothing to do with anything."""
    rng = np.random.default_rng(0)
    inside, over_all = [], []
    for _ in range(30):
        label = rng.permutation(np.repeat([0, 1], 30))
        confound = label + 0.3 * rng.normal(size=60)
        x = rng.normal(size=(60, 20))
        design = np.column_stack([np.ones(60), confound])
        train = np.arange(60) < 40
        for rows, kept in ((train, inside), (np.ones(60, bool), over_all)):
            z = x - design @ np.linalg.lstsq(design[rows], x[rows], rcond=None)[0]
            side = z[train & (label == 1)].mean(axis=0) - z[train & (label == 0)].mean(axis=0)
            predicted = (z[~train] @ side > 0).astype(int)
            kept.append((predicted == label[~train]).mean())
    assert np.mean(inside) == pytest.approx(0.5, abs=0.04)
    assert np.mean(over_all) < 0.45


# --- weights ---------------------------------------------------------------------------------------------------------


def test_two_decisions_weigh_by_the_chance_of_the_other() -> None:
    rng = np.random.default_rng(1)
    log_odds, label = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    e = np.exp(log_odds) / np.exp(log_odds).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(overlap_weights(log_odds, label), e[np.arange(50), 1 - label])


def test_three_decisions_weigh_by_the_inverse_chance_and_one_never_seen_by_nothing() -> None:
    rng = np.random.default_rng(2)
    log_odds, label = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    e = np.exp(log_odds) / np.exp(log_odds).sum(axis=1, keepdims=True)
    expected = (1 / e)[np.arange(50), label] / (1 / e).sum(axis=1)
    np.testing.assert_allclose(overlap_weights(log_odds, label), expected)
    log_odds[:, 2] = -np.inf
    weights = overlap_weights(log_odds, label)
    assert (weights[label == 2] == 0).all() and (weights[label < 2] > 0).all()


def test_training_weights_balance_the_confound_exactly() -> None:
    """Li et al. 2018, theorem 3: of a logistic propensity with a constant, up to its slight penalty."""
    w = study(5, through_confound=True)
    model = Matched(Logistic())
    model.fit([w], [], np.random.default_rng(0))
    weights, c = model.weights_of(w), w.covariates[:, 0]
    for value in (c, c**2):
        a, b = (np.average(value[w.label == k], weights=weights[w.label == k]) for k in (0, 1))
        plain = abs(value[w.label == 0].mean() - value[w.label == 1].mean())
        assert abs(a - b) < 0.01 * max(plain, 0.2)
    sums = [weights[w.label == k].sum() for k in (0, 1)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-3)


def test_decisions_told_by_the_confound_alone_score_half_when_matched() -> None:
    scores = []
    for seed in range(10):
        w = study(100 + seed, through_confound=True)
        train, test = w.select(np.arange(TRAIN)), w.select(np.arange(TRAIN, N))
        model = Matched(Logistic())
        model.fit([train], [], np.random.default_rng(0))
        predicted, block = (test.covariates[:, 0] > 0).astype(np.int64), np.zeros(len(test), dtype=np.int64)
        scores.append(
            [
                balanced_accuracy_within_blocks(test.label, predicted, block, 2, x)[0]
                for x in (None, model.weights_of(test))
            ]
        )
    plain, matched = np.mean(scores, axis=0)
    assert plain > 0.7
    assert matched == pytest.approx(0.5, abs=0.04)


def test_products_enter_where_trials_allow_and_unknown_values_count_as_the_mean() -> None:
    rng = np.random.default_rng(6)
    w = study(6, through_confound=True)
    three = tuple(CONFOUND + n for n in "abc")
    values = rng.normal(size=(N, 3))
    values[0, 1] = np.nan
    w = replace(w, covariates=values, covariate_names=three)
    about = Residualised(Logistic()).prepare(w)
    assert about["c_pairs"].tolist() == [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]
    few = Residualised(Logistic()).prepare(w.select(np.arange(80)))
    assert few["c_pairs"].tolist() == [[0, 0], [1, 1], [2, 2]]
    mean = replace(w, covariates=np.where(np.isfinite(values), values, np.nanmean(values[:, 1])))
    unknown, filled = (Residualised(Logistic()).features(x, about)[0] for x in (w, mean))
    np.testing.assert_allclose(unknown, filled)
