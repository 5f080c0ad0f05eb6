"""The label direction: what it finds, and that trials do not speak for themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from spikebridge import models
from spikebridge.models.parts.label_direction import LEAST_SPREAD, fit_label_direction
from spikebridge.types import Windows


def labelled(n: int = 240, classes: int = 2, signal: float = 0.5, seed: int = 0) -> Windows:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, n)
    tuning = rng.normal(0, signal, (classes, 1, 30))
    counts = rng.poisson(0.3 * np.exp(tuning[label]) * np.ones((n, 20, 1))).astype(np.uint8)
    start = 3.0 * np.arange(n)
    names = tuple("abc"[:classes])
    return Windows(
        recording="r", source=counts, target=counts[:, :, :4], start_s=start, bin_s=0.05, trial=np.arange(n),
        label=label, decision_s=start + 1, classes=names, source_units=np.arange(30), target_units=np.arange(4),
    )  # fmt: skip


def test_it_is_the_limit_of_strongly_regularised_logistic_regression() -> None:
    w = labelled()
    direction, _ = fit_label_direction(w, 2)
    x = np.sqrt(w.source.reshape(len(w), 10, 2, 30).sum(axis=2).reshape(len(w), 300).astype(float))
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), LEAST_SPREAD)
    oracle = LogisticRegression(C=1e-7, class_weight="balanced", tol=1e-12, max_iter=5000).fit(x, w.label).coef_[0]
    found = direction.weights[:, 1] - direction.weights[:, 0]
    assert np.corrcoef(found, oracle)[0, 1] > 0.999


@pytest.mark.parametrize("classes", [2, 3])
def test_it_tells_held_out_decisions(classes: int) -> None:
    w = labelled(classes=classes)
    direction, crossed = fit_label_direction(w.select(np.arange(160)), classes)
    test = w.select(np.arange(160, 240))
    assert (direction.evidence(test).argmax(axis=1) == test.label).mean() > 1.5 / classes
    assert crossed.std() == pytest.approx(1.0)


def test_a_trial_does_not_speak_for_itself() -> None:
    """On labels that mean nothing, evidence of the very trials learned from would part them; crossed, it does not."""
    w = labelled(signal=0.0)
    direction, crossed = fit_label_direction(w, 2)
    assert roc_auc_score(w.label, direction.evidence(w)[:, 1]) > 0.8
    assert abs(roc_auc_score(w.label, crossed[:, 1]) - 0.5) < 0.12


def test_one_class_has_no_direction() -> None:
    w = labelled()
    direction, crossed = fit_label_direction(replace(w, label=np.zeros_like(w.label)), 2)
    assert (direction.evidence(w) == 0).all() and (crossed == 0).all()


def test_the_translator_takes_it_beside_its_latents(
    halves: tuple[list[Windows], list[Windows]], tmp_path: Path
) -> None:
    said = {}
    for switch in (False, True):
        model = models.create("seq2seq", {"max_epochs": 2, "hidden_size": 8, "label_direction": switch})
        model.fit(*halves, np.random.default_rng(0))
        model.save(tmp_path / str(switch))
        w = halves[1][0]
        said[switch] = model.predict(w)
        again = models.load(tmp_path / str(switch)).predict(w)
        assert np.array_equal(said[switch].probabilities, again.probabilities)
    assert np.array_equal(said[False].latents, said[True].latents)
    assert np.array_equal(said[False].rates, said[True].rates)
    assert not np.array_equal(said[False].probabilities, said[True].probabilities)
