"""Landmarks: a regression that numpy repeats, noise that a simulation repeats, axes that undo what recordings mix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from latent_courses import LATENTS, NAMES, courses, trials

from spikebridge.models.parts.landmarks import MAX_VALUES, RIDGE, common_landmarks, fit_terms, landmarks


def test_terms_are_standardised_columns_and_no_earlier_label() -> None:
    parts = [trials(200, k) for k in (0, 1)]
    terms = fit_terms(parts)
    assert [(t.covariate, t.value) for t in terms] == [
        ("column delay", None), ("column place", 1.0), ("column place", 2.0),
    ]  # fmt: skip
    for t in terms:
        column = np.concatenate([t.column(w) for w in parts])
        assert column.mean() == pytest.approx(0, abs=1e-12) and column.std() == pytest.approx(1)
    assert MAX_VALUES >= 3


def test_a_column_that_is_missing_or_unknown_adds_nothing() -> None:
    w = trials(60, 0)
    terms = fit_terms([w])
    unknown = w.covariates.copy()
    unknown[7] = np.nan
    assert terms[0].column(replace(w, covariates=unknown))[7] == 0
    with_flipped = trials(60, 1, NAMES[:1])
    assert not terms[0].column(with_flipped).any()
    assert fit_terms([w, with_flipped]) == ()  # only what all recordings have
    landmark_fit = landmarks(courses(w, 0), replace(with_flipped, recording="b"), terms)
    assert np.isfinite(landmark_fit.course).all() and not landmark_fit.course[8:].any()


def test_coefficients_are_those_of_numpy_with_rows_for_the_penalty() -> None:
    w = trials(80, 0)
    z, terms = courses(w, 0), fit_terms([w])
    landmark_fit = landmarks(z, w, terms)
    x = np.stack([part.mean(axis=1) for part in np.array_split(z - z.mean(axis=(0, 1)), 8, axis=1)], axis=1)
    design = np.column_stack([np.ones(80), *(t.column(w) for t in terms)])
    penalty = np.sqrt(RIDGE) * np.eye(4)[1:]
    wanted = np.linalg.lstsq(
        np.vstack([design, penalty]), np.vstack([x.reshape(80, -1), np.zeros((3, 24))]), rcond=None
    )
    np.testing.assert_allclose(landmark_fit.course, wanted[0].reshape(-1, LATENTS), atol=1e-5)


def test_noise_is_what_latents_without_a_course_give_on_average() -> None:
    w = trials(60, 0)
    terms, mixing = fit_terms([w]), np.random.default_rng(0).normal(size=(LATENTS, LATENTS))
    squares, noises = [], []
    for seed in range(200):
        z = np.repeat(np.random.default_rng(seed).normal(size=(60, 8, LATENTS)), 2, axis=1) @ mixing
        landmark_fit = landmarks(z, w, terms)
        squares.append(landmark_fit.course.T @ landmark_fit.course)
        noises.append(landmark_fit.noise)
    ratio = np.trace(np.mean(squares, axis=0)) / np.trace(np.mean(noises, axis=0))
    assert 0.9 < ratio < 1.15


def test_recordings_that_mix_the_same_latents_differently_get_the_same_axes() -> None:
    parts, mixed, maps = {}, {}, {}
    windows = {f"rec{k}": trials(100, k) for k in range(3)}
    terms = fit_terms(list(windows.values())[:2])
    for k, (name, w) in enumerate(windows.items()):
        maps[name] = np.random.default_rng(k).normal(size=(LATENTS, LATENTS))
        mixed[name] = courses(w, k) @ maps[name] + 3.0
        parts[name] = landmarks(mixed[name], w, terms)
    common = common_landmarks({name: parts[name] for name in ("rec0", "rec1")})  # the third is new
    assert np.allclose(common.T @ common, np.eye(LATENTS))
    through = [maps[name] @ parts[name].axes(common).weights for name in windows]  # from true latents to the axes
    for with_flipped in through[1:]:
        np.testing.assert_allclose(with_flipped, through[0], atol=0.1 * np.abs(through[0]).max())
    aligned = parts["rec2"].axes(common)(mixed["rec2"])
    assert aligned.shape == (100, 16, LATENTS)
    assert abs(aligned.mean()) < 1e-9


def test_labels_have_no_part_in_it() -> None:
    w = trials(60, 0)
    flipped = replace(w, label=1 - w.label, covariates=w.covariates * [-1.0, 1.0, 1.0])
    plain, with_flipped = (landmarks(courses(w, 0), v, fit_terms([v])) for v in (w, flipped))
    assert np.array_equal(plain.course, with_flipped.course) and np.array_equal(plain.noise, with_flipped.noise)
