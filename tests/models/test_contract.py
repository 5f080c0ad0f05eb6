"""The contract, held by every model that the registry finds."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from import_graph import TREE
from studies import every_model

from spikebridge import models
from spikebridge.errors import ConfigError, DataError
from spikebridge.models import Model
from spikebridge.types import Windows

QUICK = {
    "seq2seq": {"max_epochs": 2, "hidden_size": 8},
    "seq2seq_label_direction": {"max_epochs": 2, "hidden_size": 8},
    "random_forest": {"n_estimators": 10},
    "dnn": {"max_epochs": 3},
    "gradient_boosting": {"n_estimators": 10},
    "cebra": {"max_iterations": 5},
}
RANDOM = ("seq2seq", "seq2seq_label_direction", "dnn", "cebra", "random_forest", "gradient_boosting")
Halves = tuple[list[Windows], list[Windows]]
FIELDS = ("probabilities", "rates", "latents")


def fitted(name: str, halves: Halves, seed: int = 0) -> Model:
    model = models.create(name, QUICK.get(name))
    model.fit(halves[0], halves[1], np.random.default_rng(seed))
    return model


@pytest.fixture(scope="module", params=every_model())
def model(request: pytest.FixtureRequest, halves: Halves) -> Model:
    return fitted(request.param, halves)


def test_predictions_have_the_shapes_of_the_contract(model: Model, halves: Halves) -> None:
    for w in halves[1]:
        prediction = model.predict(w)
        assert (prediction.probabilities is not None) == model.decides
        assert (prediction.rates is not None) == model.translates
        if prediction.probabilities is not None:
            assert prediction.probabilities.shape == (len(w), len(w.classes))
            np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1.0, atol=1e-6)
            assert prediction.probabilities.min() >= 0
        if prediction.rates is not None:
            assert prediction.rates.shape == w.target.shape
            assert np.isfinite(prediction.rates).all() and prediction.rates.min() >= 0
        if prediction.latents is not None:
            assert prediction.latents.shape[:2] == w.source.shape[:2]


def test_prediction_uses_the_source_alone(model: Model, halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    """No label, no target, no number of a trial; and nothing but the source where that is what the model declares."""
    w = halves[1][0]
    blind = replace(
        w,
        label=np.full_like(w.label, -1),
        trial=np.where(w.in_trial, 0, -1),  # that a window is cut around an event is known; which trial it is not
        decision_s=np.full_like(w.decision_s, np.nan),
    )
    if not model.uses_target_past:
        blind = replace(blind, target=np.zeros_like(w.target))
    if model.from_source:
        blind = replace(blind, behavior_names=(), covariate_names=())
        for name, baseline in list(model.baselines.items()):  # apart from the drift, which is one of time
            monkeypatch.setitem(model.baselines, name, replace(baseline, kernel_s=0.0))
        timeless = model.predict(replace(blind, start_s=np.zeros_like(w.start_s)))
        for field in FIELDS:
            a, b = getattr(model.predict(w), field), getattr(timeless, field)
            assert (a is None and b is None) or np.array_equal(a, b)
    for field in FIELDS:
        a, b = getattr(model.predict(w), field), getattr(model.predict(blind), field)
        assert (a is None and b is None) or np.array_equal(a, b)


@pytest.mark.parametrize("name", every_model(n for n in models.names() if models.get_class(n).uses_target_past))
def test_target_bins_at_and_after_t_never_change_the_rate_at_t(name: str, halves: Halves) -> None:
    model, w = fitted(name, halves), halves[1][0]
    rates = model.predict(w).rates
    changed = False
    for t in (0, 1, 7, w.n_bins - 1):
        future = w.target.copy()
        future[:, t:] = np.random.default_rng(t).integers(0, 9, future[:, t:].shape)
        again = model.predict(replace(w, target=future)).rates
        assert np.array_equal(rates[:, : t + 1], again[:, : t + 1])
        changed |= not np.array_equal(rates[:, t + 1 :], again[:, t + 1 :])
    assert changed and not model.from_source


def test_a_windows_prediction_does_not_depend_on_its_neighbours(model: Model, halves: Halves) -> None:
    w = halves[1][0]
    some = np.array([5, 2, 9])
    for field in FIELDS:
        a, b = getattr(model.predict(w), field), getattr(model.predict(w.select(some)), field)
        if a is not None:
            np.testing.assert_allclose(a[some], b, rtol=1e-4, atol=1e-5)


def test_no_windows_give_no_predictions(model: Model, halves: Halves) -> None:
    prediction = model.predict(halves[1][0].select(np.array([], dtype=int)))
    assert all(getattr(prediction, f) is None or len(getattr(prediction, f)) == 0 for f in FIELDS)


def test_saved_and_loaded_it_says_the_same(model: Model, halves: Halves, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = models.load(tmp_path)
    assert (again.classes, again.n_bins, again.bin_s, again.units) == (
        model.classes,
        model.n_bins,
        model.bin_s,
        model.units,
    )
    for w in halves[1]:
        for field in FIELDS:
            a, b = getattr(model.predict(w), field), getattr(again.predict(w), field)
            assert (a is None and b is None) or np.array_equal(a, b)


def test_nothing_saved_is_a_pickle(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model.save(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was loaded")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    models.load(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} <= {".json", ".safetensors"}


def test_same_seed_same_model(model: Model, halves: Halves) -> None:
    again, other = fitted(model.name, halves), fitted(model.name, halves, seed=1)
    w = halves[1][0]
    for field in FIELDS:
        a = getattr(model.predict(w), field)
        assert a is None or np.array_equal(a, getattr(again.predict(w), field))
    if model.name in RANDOM:
        assert not np.array_equal(model.predict(w).probabilities, other.predict(w).probabilities)


def test_a_strange_recording_is_an_error_that_names_the_known_ones(model: Model, halves: Halves) -> None:
    other = replace(halves[1][0], recording="other")
    if model.transfers:
        assert model.predict(other).probabilities is not None
        return
    with pytest.raises(DataError, match=r"not fitted on recording 'other'.*rec\.0, rec\.1"):
        model.predict(other)


def test_epochs_are_told_in_order(model: Model, halves: Halves) -> None:
    told: list[dict[str, float]] = []
    again = models.create(model.name, QUICK.get(model.name))
    history = again.fit(*halves, np.random.default_rng(0), told.append)
    assert told == list(history.rows)
    assert [row["epoch"] for row in told] == list(range(len(told)))
    assert len(told) == QUICK.get(model.name, {}).get("max_epochs", 0)


@pytest.mark.parametrize("name", every_model())
def test_search_space_gives_valid_params_and_leaves_fixed_ones(name: str) -> None:
    kind = models.get_class(name)
    rng = optuna.samplers.RandomSampler(seed=0)
    for trial in (optuna.create_study(sampler=rng).ask() for _ in range(5)):
        suggested = kind.search_space(trial, {})
        assert set(suggested) == set(kind.space)
        models.create(name, suggested)
    assert not kind.while_tuning.keys() & kind.space.keys(), "a tuned setting would not be the one that was scored"
    assert kind.while_tuning.keys() <= kind.Params.model_fields.keys()
    for key in kind.space:
        fixed = {key: getattr(kind.Params(), key)}
        assert key not in kind.search_space(optuna.create_study().ask(), fixed)


@pytest.mark.parametrize("name", every_model())
def test_unlabelled_recordings_do_no_harm(name: str, halves: Halves) -> None:
    """A recording without a labelled trial still gets predictions: class shares that say nothing."""
    train = [halves[0][0], replace(halves[0][1], label=np.full_like(halves[0][1].label, -1))]
    model = models.create(name, QUICK.get(name))
    model.fit(train, [], np.random.default_rng(0))
    prediction = model.predict(halves[1][1])
    if model.decides:
        np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("name", every_model())
def test_libraries_name_torch_where_the_models_own_files_import_it(name: str) -> None:
    """By that name a stage knows whether the model computes on the torch device."""
    kind = models.get_class(name)
    classes = [c.__module__ for c in kind.__mro__ if c.__module__ != Model.__module__]
    own = [path for module, path in TREE.modules.items() if f"{module}.".startswith(tuple(f"{c}." for c in classes))]
    imported = {entry.name.partition(".")[0] for path in own for entry in TREE.imports(path)}
    assert ("torch" in kind.libraries) == ("torch" in imported)


@pytest.mark.parametrize("name", every_model())
def test_tuning_starts_at_the_defaults(name: str) -> None:
    kind = models.get_class(name)
    study = optuna.create_study()
    study.enqueue_trial(kind.defaults({}))
    assert kind.search_space(study.ask(), {}) == kind.defaults({})


def test_the_word_tune_leaves_a_setting_to_the_tuner() -> None:
    assert models.fixed_params("seq2seq", {"n_latents": "tune", "max_epochs": 3}) == {"max_epochs": 3}


def test_recordings_must_agree_in_bins(halves: Halves) -> None:
    other = replace(halves[0][1], bin_s=0.2)
    with pytest.raises(DataError, match=r"rec\.1: expected 20 bins of 0.1 s .* got 20 of 0.2 s"):
        models.create("majority").fit([halves[0][0], other], [], np.random.default_rng(0))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"seq2seqs": {}}, r"unknown model 'seq2seqs', did you mean seq2seq\?"),
        ({"seq2seq": {"latent": 3}}, r"unknown key models.seq2seq.latent, did you mean n_latents\?"),
        ({"dnn": {"dropout": 2}}, r"models.dnn.dropout: .*less than 1, got 2"),
        ({"majority": {"x": 1}}, r"unknown key models.majority.x; known: none"),
        ({"seq2seq": {"latent": "tune"}}, r"unknown key models.seq2seq.latent, did you mean n_latents\?"),
        (
            {"seq2seq": {"max_epochs": "tune"}},
            r"models.seq2seq.max_epochs cannot be tuned, give it a value \(tunable: n_latents, ",
        ),
    ],
)
def test_wrong_settings_are_named(section: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        models.check_section(section)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a saved model"):
        models.load(tmp_path)
