"""Recordings whose units a model was not fitted on: the contract of every model that the registry finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studies import every_model, simulated_windows, small_config

from spikebridge import models
from spikebridge.errors import ConfigError, DataError
from spikebridge.models import Model
from spikebridge.types import Windows
from spikebridge.types.covariates import label_back, without_labels

KNOBS = {"n_recordings": 3, "n_trials": 50, "n_source_units": [14, 18], "n_target_units": [8, 10]}
QUICK = {"seq2seq": {"max_epochs": 2, "hidden_size": 8, "n_readout_trees": 5}}
FIELDS = ("probabilities", "rates", "latents")


@pytest.fixture(scope="module")
def recordings() -> list[Windows]:
    return simulated_windows(small_config(simulate=KNOBS))


def fitted(name: str, recordings: list[Windows]) -> Model:
    model = models.create(name, QUICK.get(name))
    model.fit(recordings[:-1], [], np.random.default_rng(0))
    return model


def first_part(w: Windows) -> Windows:
    return w.select(np.arange(int(0.6 * len(w))))


def same(a: Model, b: Model, w: Windows) -> bool:
    first, second = a.predict(w), b.predict(w)
    return all(np.array_equal(getattr(first, f), getattr(second, f)) for f in FIELDS if getattr(first, f) is not None)


def test_which_models_meet_new_units() -> None:
    able = {n for n in models.names() if models.get_class(n).meets_new_units()}
    assert {"seq2seq", "aligned_pca", "majority", "ridge", "reduced_rank", "psth", "poisson_glm"} <= able
    assert not able & {"random_forest", "dnn", "logistic", "gradient_boosting", "choice_history", "behavior"}


def test_models_that_cannot_meet_new_units_are_all_named() -> None:
    models.check_new_units("block", models.names())
    models.check_new_units("animal", ["aligned_pca", "majority", "psth"])
    with pytest.raises(ConfigError, match=r"split.by: animal .*, and dnn, logistic cannot predict .* take models.dnn"):
        models.check_new_units("animal", ["majority", "logistic", "dnn"])


def test_no_label_is_left_in_windows_without_labels(recordings: list[Windows]) -> None:
    w = recordings[0]
    bare = without_labels(w)
    assert not bare.labelled.any() and w.labelled.any()
    earlier = [w.covariate_names.index(label_back(k)) for k in (1, 2, 3)]
    assert np.isnan(bare.covariates[:, earlier]).all()
    others = np.delete(np.arange(len(w.covariate_names)), earlier)
    assert np.array_equal(bare.covariates[:, others], w.covariates[:, others], equal_nan=True)
    assert bare.source is w.source and np.array_equal(bare.decision_s, w.decision_s, equal_nan=True)


@pytest.mark.parametrize("name", every_model(n for n in models.names() if models.get_class(n).adapts))
def test_what_adapts_decides_without_labels_and_leaves_the_others_alone(
    name: str, recordings: list[Windows], tmp_path: Path
) -> None:
    model, before = fitted(name, recordings), fitted(name, recordings)
    new = recordings[-1]
    part = without_labels(first_part(new))
    with pytest.raises(DataError, match=f"{name} was not fitted on recording"):
        model.predict(new)
    model.adapt([part], [], np.random.default_rng(1))
    prediction = model.predict(new)
    assert prediction.probabilities is not None and not np.allclose(
        prediction.probabilities, prediction.probabilities[0]
    )
    assert all(same(model, before, w) for w in recordings[:-1])
    pooled = np.bincount(np.concatenate([w.label[w.labelled] for w in recordings[:-1]]), minlength=2) + 1.0
    np.testing.assert_allclose(model.class_shares[new.recording], pooled / pooled.sum())
    model.save(tmp_path)
    again = models.load(tmp_path)
    assert same(model, again, new)
    known = new.select(np.flatnonzero(new.labelled)[:10])
    for each in (model, again):
        each.learn_labels(known)
    assert same(model, again, new)
    assert not np.array_equal(model.predict(new).probabilities, prediction.probabilities)
    with pytest.raises(DataError, match="the model knows this recording already"):
        model.adapt([part], [], np.random.default_rng(1))
    with pytest.raises(DataError, match="expected windows of 20 bins"):
        model.adapt([replace(part, recording="x", bin_s=0.2)], [], np.random.default_rng(1))


@pytest.mark.parametrize("name", ["random_forest", "ridge", "majority"])
def test_what_does_not_adapt_says_so(name: str, recordings: list[Windows]) -> None:
    model = models.create(name)
    with pytest.raises(ConfigError, match=f"{name} cannot be adapted"):
        model.adapt([recordings[0]], [], np.random.default_rng(0))
    with pytest.raises(ConfigError, match=f"{name} cannot be adapted"):
        model.learn_labels(recordings[0])
