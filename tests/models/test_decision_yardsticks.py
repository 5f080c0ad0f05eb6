"""Decoders of a decision other than seq2seq, forest and network: known answers and second implementations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_windows import parts, windows_of
from scipy.interpolate import BSpline
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from spikebridge import models
from spikebridge.errors import ConfigError
from spikebridge.types import Windows

BACK = tuple(f"{what} {k} back" for what in ("label", "trial") for k in (1, 2, 3))


def fitted(name: str, train: Windows, **params: Any) -> models.Model:
    model = models.create(name, params)
    model.fit([train], [], np.random.default_rng(0))
    return model


def auc(model: models.Model, test: Windows) -> float:
    probabilities = model.predict(test).probabilities
    assert probabilities is not None
    return float(roc_auc_score(test.label, probabilities[:, 1]))


def counts(n: int = 120, units: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(1.0, (n, 8, units))


def labels(n: int = 120, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, n)


def with_history(label: np.ndarray, **others: Any) -> Windows:
    """Windows whose covariates hold the labels and numbers of the three trials before."""
    before = np.arange(len(label))[:, None] - np.arange(1, 4)
    known = before >= 0
    covariates = np.hstack([np.where(known, label[before], -1), np.where(known, before, -1)]).astype(float)
    fields = {"label": label, "covariates": covariates, "covariate_names": BACK} | others
    return windows_of(counts(len(label)), counts(len(label), 2), **fields)


# --- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segments", [1, 4])
def test_logistic_is_scikit_learns_on_roots_of_counts(segments: int) -> None:
    train, test = parts(windows_of(counts(), counts(units=2), label=labels()))
    probabilities = fitted("logistic", train, n_segments=segments, penalty=3.0).predict(test).probabilities

    def x(w: Windows) -> np.ndarray:
        return np.sqrt(w.source.reshape(len(w), segments, 8 // segments, -1).sum(axis=2).reshape(len(w), -1))

    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=1 / 3, max_iter=5000, tol=1e-8))
    np.testing.assert_allclose(probabilities, oracle.fit(x(train), train.label).predict_proba(x(test)), atol=1e-4)


@pytest.mark.parametrize("name", ["logistic", "gradient_boosting"])
def test_counts_that_tell_the_label_are_read(name: str) -> None:
    label = labels(200)
    source = counts(200)
    source[:, 4:, 2] += label[:, None] * np.random.default_rng(3).poisson(2.5, (200, 4))
    train, test = parts(windows_of(source, counts(200, 2), label=label))
    assert auc(fitted(name, train), test) > 0.85
    silly = windows_of(counts(200), counts(200, 2), label=label)
    assert 0.3 < auc(fitted(name, parts(silly)[0]), parts(silly)[1]) < 0.7


def test_gradient_boosting_is_scikit_learns() -> None:
    train, test = parts(windows_of(counts(), counts(units=2), label=labels()))
    model = fitted("gradient_boosting", train, n_segments=1, n_estimators=20, max_depth=2)
    seed = int(np.random.default_rng(0).integers(2**31))
    oracle = GradientBoostingClassifier(
        n_estimators=20, max_depth=2, learning_rate=0.05, max_features=0.1, subsample=0.7, random_state=seed
    )
    oracle.fit(train.source.sum(axis=1).astype(np.float32), train.label)
    probabilities = oracle.predict_proba(test.source.sum(axis=1).astype(np.float32))
    np.testing.assert_allclose(model.predict(test).probabilities, probabilities)


@pytest.mark.parametrize("name", ["logistic", "gradient_boosting", "choice_history", "time_in_recording"])
def test_three_classes_of_which_one_is_never_seen(name: str) -> None:
    train, test = parts(with_history(2 * labels(), classes=("a", "b", "c")))
    probabilities = fitted(name, train).predict(test).probabilities
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (len(train) + 3))
    three = with_history(np.arange(120) % 3, classes=("a", "b", "c"))
    assert fitted(name, three).predict(three).probabilities.shape == (120, 3)


# --- without spikes --------------------------------------------------------------------------------------------------


def test_choice_history_reads_an_animal_that_alternates() -> None:
    train, test = parts(with_history(np.arange(120) % 2))
    assert auc(fitted("choice_history", train), test) == 1.0
    probabilities = fitted("choice_history", train, penalty=0.1).predict(test).probabilities
    assert (probabilities.argmax(axis=1) == test.label).all()
    assert probabilities.max(axis=1).min() > 0.9


def test_choice_history_looks_further_back() -> None:
    """Every choice is the one three trials ago, of which only n_previous_trials: 3 knows."""
    label = np.tile(labels(3, seed=5), 40)
    label = np.concatenate([label[:60], 1 - label[60:]])
    rng = np.random.default_rng(0)
    for i in range(3, 120):
        label[i] = label[i - 3] if rng.random() < 0.9 else 1 - label[i - 3]
    train, test = parts(with_history(label), 0.6)
    assert (
        auc(fitted("choice_history", train, n_previous_trials=3), test)
        > auc(fitted("choice_history", train, n_previous_trials=1), test) + 0.2
    )


def test_choice_history_learns_nothing_from_held_out_labels() -> None:
    """Whatever the labels of trials outside training, the fit is the same, although they are somebody's past."""
    label = np.arange(120) % 2
    other = label.copy()
    other[40:60] = 0
    rows = np.r_[0:40, 60:120]
    plain, relabelled = (with_history(x).select(rows) for x in (label, other))
    assert not np.array_equal(plain.covariates, relabelled.covariates)
    a, b = (fitted("choice_history", w, n_previous_trials=3).fits["made"] for w in (plain, relabelled))
    assert a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_choice_history_without_covariates_is_class_shares() -> None:
    train, test = parts(windows_of(counts(), counts(units=2), label=labels()))
    probabilities = fitted("choice_history", train).predict(test).probabilities
    np.testing.assert_allclose(probabilities, np.tile(probabilities[0], (len(test), 1)))


def test_time_in_recording_is_logistic_in_a_spline() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(200) < 1 / (1 + np.exp(-4 * np.sin(np.arange(200) / 30)))).astype(int)
    w = windows_of(counts(200), counts(200, 2), label=label)
    train, test = w.select(np.arange(200) % 4 > 0), w.select(np.arange(200) % 4 == 0)
    model = fitted("time_in_recording", train, n_pieces=4, penalty=0.5)
    assert auc(model, test) > 0.85

    first, last = train.start_s.min(), train.start_s.max()
    knots = np.r_[[0] * 3, np.linspace(0, 1, 5), [1] * 3]

    def x(w: Windows) -> np.ndarray:
        at = np.clip((w.start_s - first) / (last - first), 0, 1)
        return np.column_stack([BSpline(knots, np.eye(7)[j], 3)(at) for j in range(1, 7)])

    oracle = make_pipeline(StandardScaler(), LogisticRegression(C=2.0, max_iter=5000, tol=1e-8)).fit(
        x(train), train.label
    )
    np.testing.assert_allclose(model.predict(test).probabilities, oracle.predict_proba(x(test)), atol=1e-4)


def test_time_beyond_the_training_trials_is_their_edge() -> None:
    w = windows_of(counts(), counts(units=2), label=labels())
    model = fitted("time_in_recording", w)
    probabilities = model.predict(replace(w, start_s=np.full(120, 1e9))).probabilities
    np.testing.assert_allclose(probabilities, np.tile(model.predict(w).probabilities[-1], (120, 1)))


# --- behaviour -------------------------------------------------------------------------------------------------------


def behaving(label: np.ndarray, seed: int = 0) -> Windows:
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(len(label), 8, 2)).astype(np.float32)
    series[:, 4:, 1] += 2 * label[:, None]
    return windows_of(
        counts(len(label)), counts(len(label), 2), label=label, behavior=series, behavior_names=("x", "speed")
    )


def test_behaviour_that_tells_the_label_is_read() -> None:
    train, test = parts(behaving(labels()))
    assert auc(fitted("behavior", train), test) > 0.95


def test_behaviour_is_imputed_by_training_means_and_said_to_be_missing() -> None:
    """Holes of whole windows and single bins, against scikit-learn's imputer with indicators."""
    rng = np.random.default_rng(4)
    w = behaving(labels())
    series = np.where(rng.random(w.behavior.shape) < 0.2, np.nan, w.behavior).astype(np.float32)
    series[rng.random(120) < 0.3, :, 0] = np.nan
    train, test = parts(replace(w, behavior=series))
    probabilities = fitted("behavior", train, n_segments=2, penalty=2.0).predict(test).probabilities

    def x(w: Windows) -> np.ndarray:
        halves = [w.behavior[:, :4].astype(float), w.behavior[:, 4:].astype(float)]
        n = [np.isfinite(h).sum(axis=1) for h in halves]
        return np.hstack(
            [np.where(k > 0, np.nansum(h, axis=1) / np.maximum(k, 1), np.nan) for h, k in zip(halves, n, strict=True)]
        )

    oracle = make_pipeline(
        SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression(C=0.5, max_iter=5000, tol=1e-8)
    )
    np.testing.assert_allclose(probabilities, oracle.fit(x(train), train.label).predict_proba(x(test)), atol=1e-4)


def test_that_behaviour_is_missing_may_tell_the_label() -> None:
    label = labels()
    w = behaving(np.zeros(120, dtype=int))
    train, test = parts(replace(w, label=label, behavior=np.where(label[:, None, None] == 1, np.nan, w.behavior)))
    assert auc(fitted("behavior", train), test) == 1.0


def test_squares_see_what_lies_on_both_sides() -> None:
    label = labels(200)
    w = behaving(np.zeros(200, dtype=int))
    side = np.random.default_rng(5).choice([-2, 2], 200) * label
    train, test = parts(replace(w, label=label, behavior=w.behavior / 2 + side[:, None, None]))
    assert auc(fitted("behavior", train, squared_terms=True), test) > 0.95
    assert auc(fitted("behavior", train, squared_terms=False), test) < 0.75


def test_behaviour_that_was_not_recorded_is_an_error_that_names_the_recordings() -> None:
    recorded, silent = behaving(labels()), replace(windows_of(counts(), counts(units=2)), recording="silent")
    with pytest.raises(ConfigError, match=r"found no series in silent: take models\.behavior out"):
        models.create("behavior").fit([recorded, silent], [], np.random.default_rng(0))


# --- columns of the trial table --------------------------------------------------------------------------------------


def columned(label: np.ndarray, columns: dict[str, np.ndarray]) -> Windows:
    return with_history(
        label,
        covariates=np.column_stack([np.zeros((len(label), 6)), *columns.values()]).astype(float),
        covariate_names=(*BACK, *(f"column {name}" for name in columns)),
    )


def test_a_column_equal_to_the_label_decodes_it() -> None:
    label = labels()
    train, test = parts(columned(label, {"same": label, "noise": np.random.default_rng(0).normal(size=120)}))
    assert auc(fitted("trial_columns", train), test) == 1.0


def test_products_of_columns() -> None:
    """A label that only the two columns together tell, against scikit-learn's polynomial features."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    train, test = parts(columned((a * b > 0).astype(int), {"a": a, "b": b}))
    model = fitted("trial_columns", train, interactions=True, penalty=0.5)
    assert auc(model, test) > 0.95
    assert auc(fitted("trial_columns", train), test) < 0.7
    oracle = make_pipeline(
        StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler(),
        LogisticRegression(C=2.0, max_iter=5000, tol=1e-8),
    )  # fmt: skip
    oracle.fit(train.covariates[:, 6:], train.label)
    np.testing.assert_allclose(
        model.predict(test).probabilities, oracle.predict_proba(test.covariates[:, 6:]), atol=1e-4
    )


def test_earlier_labels_are_no_columns() -> None:
    label = np.arange(120) % 2
    w = with_history(label)
    extended = replace(
        w,
        covariates=np.column_stack([w.covariates, np.random.default_rng(0).normal(size=120)]),
        covariate_names=(*BACK, "column noise"),
    )
    train, test = parts(extended)
    assert auc(fitted("trial_columns", train), test) < 0.75


def test_without_columns_the_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"under trials\.covariates, such as \[contrast\], found none .* made"):
        fitted("trial_columns", with_history(labels()))
