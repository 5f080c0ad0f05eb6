"""A new recording around a frozen core: it helps where windows are few, and leaves the others as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from studies import simulated_windows, small_config

from spikebridge import metrics, models
from spikebridge.errors import DataError
from spikebridge.models import Model
from spikebridge.types import Windows

KNOBS = {"n_recordings": 4, "n_trials": 60, "n_source_units": [30, 34], "n_target_units": [20, 24]}
PARAMS = {"max_epochs": 15, "batch_size": 64, "n_members": 2, "hidden_size": 16}
FIELDS = ("probabilities", "rates", "latents", "baseline")
FEW, FEW_VALID = 25, 8


@pytest.fixture(scope="module")
def recordings() -> list[Windows]:
    return simulated_windows(small_config(simulate=KNOBS))


@pytest.fixture(scope="module")
def pooled(recordings: list[Windows], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of all recordings but the last, saved."""
    return saved_model(recordings[:-1], tmp_path_factory.mktemp("pooled"))


def saved_model(recordings: list[Windows], folder: Path) -> Path:
    model = models.create("seq2seq", PARAMS)
    parts = [cut(w, len(w)) for w in recordings]
    model.fit([p[0] for p in parts], [p[1] for p in parts], np.random.default_rng(0))
    model.save(folder)
    return folder


def cut(w: Windows, n: int) -> tuple[Windows, Windows, Windows]:
    """Of the first n windows the first four fifths and the others, and the last quarter of all."""
    last, split = int(0.75 * len(w)), int(0.8 * n)
    return w.select(np.arange(split)), w.select(np.arange(split, n)), w.select(np.arange(last, len(w)))


def adapted(pooled: Path, train: list[Windows], valid: list[Windows], seed: int = 0) -> Model:
    model = models.load(pooled)
    model.adapt(train, valid, np.random.default_rng(seed))
    return model


def bits(model: Model, w: Windows, train: Windows) -> float:
    return metrics.bits_per_spike(*metrics.information(model.predict(w).rates, w.target, train.target.mean((0, 1))))


@pytest.mark.slow
def test_with_few_windows_it_beats_a_fit_from_scratch(recordings: list[Windows], pooled: Path) -> None:
    train, valid, test = cut(recordings[-1], FEW + FEW_VALID)
    scratch = models.create("seq2seq", PARAMS)
    scratch.fit([train], [valid], np.random.default_rng(0))
    score = bits(adapted(pooled, [train], [valid]), test, train)
    assert score > 0.1
    assert score > bits(scratch, test, train) + 0.01


@pytest.mark.slow
def test_with_many_windows_it_is_as_good_as_a_fit_from_scratch(tmp_path: Path) -> None:
    recordings = simulated_windows(small_config(simulate=KNOBS | {"n_trials": 120}))
    pooled = saved_model(recordings[:-1], tmp_path)
    train, valid, test = cut(recordings[-1], int(0.73 * len(recordings[-1])))
    scratch = models.create("seq2seq", PARAMS)
    scratch.fit([train], [valid], np.random.default_rng(0))
    model = adapted(pooled, [train], [valid])
    assert bits(model, test, train) > bits(scratch, test, train) - 0.01
    right = metrics.balanced_accuracy(
        test.label[test.labelled], model.predict(test).probabilities[test.labelled].argmax(axis=1)
    )
    assert right > 0.7


def test_the_others_and_the_core_stay_as_they_were(recordings: list[Windows], pooled: Path) -> None:
    train, valid, _ = cut(recordings[-1], FEW + FEW_VALID)
    before, after = models.load(pooled), adapted(pooled, [train], [valid])
    for w in recordings[:-1]:
        a, b = before.predict(w), after.predict(w)
        assert all(np.array_equal(getattr(a, field), getattr(b, field)) for field in FIELDS)
    weights = after.translator.networks.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in before.translator.networks.state_dict().items())
    new = {k for k in weights if k not in before.translator.networks.state_dict()}
    assert {k.split(".", 1)[1] for k in new} == {
        f"{part}.{len(recordings) - 1}.{kind}" for part in ("read_in", "read_out") for kind in ("weight", "bias")
    }
    assert all(p.requires_grad for p in after.translator.networks.parameters())


@pytest.mark.slow
def test_it_comes_back_from_disk_and_is_made_by_its_seed(
    recordings: list[Windows], pooled: Path, tmp_path: Path
) -> None:
    train, valid, test = cut(recordings[-1], FEW + FEW_VALID)
    model, same, other = (adapted(pooled, [train], [valid], seed) for seed in (0, 0, 1))
    model.save(tmp_path)
    again = models.load(tmp_path)
    assert again.units == model.units and again.class_shares == model.class_shares
    for w in (test, recordings[0]):
        for field in FIELDS:
            assert np.array_equal(getattr(model.predict(w), field), getattr(again.predict(w), field))
    assert np.array_equal(model.predict(test).rates, same.predict(test).rates)
    assert not np.array_equal(model.predict(test).rates, other.predict(test).rates)


@pytest.mark.parametrize(
    ("name", "extra"),
    [("seq2seq_label_direction", {}), ("seq2seq", {"core": "state_space", "causal": True})],
)
@pytest.mark.quick_cases(1)
def test_two_recordings_one_after_the_other_with_other_settings(
    recordings: list[Windows], name: str, extra: dict[str, object], tmp_path: Path
) -> None:
    first = [cut(w, len(w)) for w in recordings[:2]]
    model = models.create(name, PARAMS | {"max_epochs": 2} | extra)
    model.fit([p[0] for p in first], [p[1] for p in first], np.random.default_rng(0))
    new = [cut(w, 60) for w in recordings[2:]]
    rows: list[dict[str, float]] = []
    history = model.adapt([p[0] for p in new], [p[1] for p in new], np.random.default_rng(0), rows.append)
    assert list(history.rows) == rows and [row["epoch"] for row in rows] == [0, 1, 0, 1]
    model.save(tmp_path)
    for train, _, test in new:
        assert bits(model, test, train) > 0
        assert np.array_equal(model.predict(test).probabilities, models.load(tmp_path).predict(test).probabilities)


def hidden(w: Windows) -> Windows:
    return replace(w, label=np.full_like(w.label, -1))


def test_without_labels_the_readout_of_the_others_decides(
    recordings: list[Windows], pooled: Path, tmp_path: Path
) -> None:
    train, valid, test = cut(recordings[-1], int(0.73 * len(recordings[-1])))
    model = adapted(pooled, [hidden(train)], [hidden(valid)])
    known = test.select(test.labelled)
    prediction = model.predict(hidden(known))
    right = metrics.balanced_accuracy(known.label, model.decide(prediction.probabilities, known.recording))
    assert right > 0.7
    model.save(tmp_path)
    assert np.array_equal(models.load(tmp_path).predict(known).probabilities, prediction.probabilities)


def test_a_few_labels_are_weighed_against_those_of_the_others(recordings: list[Windows], pooled: Path) -> None:
    """Labels that say the opposite lose against the others' while they are few, and win when they are many."""
    train, valid, _ = cut(recordings[-1], len(recordings[-1]))
    model = adapted(pooled, [hidden(train)], [hidden(valid)])
    known = train.select(train.labelled)
    before = model.predict(known).probabilities
    few = np.arange(4)
    score = []
    for rows in (few, np.arange(len(known))):
        opposite = known.select(rows)
        model.learn_labels(replace(opposite, label=1 - opposite.label))
        probabilities = model.predict(known).probabilities
        score.append(metrics.balanced_accuracy(known.label, model.decide(probabilities, known.recording)))
    assert score[0] > 0.5 > score[1]
    model.learn_labels(known.select(few))
    assert not np.array_equal(model.predict(known).probabilities, before)
    with pytest.raises(DataError, match="expected a recording that was adapted to without labels"):
        model.learn_labels(recordings[0].select(recordings[0].labelled))


def test_with_too_few_trials_to_align_it_translates_alone(recordings: list[Windows], pooled: Path) -> None:
    train, valid, test = (hidden(w) for w in cut(recordings[-1], 60))
    train = train.select(~train.in_trial | (np.cumsum(train.in_trial) < 6))
    valid = valid.select(~valid.in_trial)
    prediction = adapted(pooled, [train], [valid]).predict(test)
    assert (prediction.probabilities == 0.5).all()
    assert np.isfinite(prediction.rates).all()


@pytest.mark.slow
def test_an_adaptation_that_is_stopped_leaves_the_model_as_it_was(recordings: list[Windows], pooled: Path) -> None:
    train, valid, test = cut(recordings[-1], FEW + FEW_VALID)
    model, rng = models.load(pooled), np.random.default_rng(0)

    def stop(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.adapt([train], [valid], rng, stop)
    fresh = models.load(pooled)
    assert model.units == fresh.units and model.translator.recordings == fresh.translator.recordings
    assert model.translator.scale.keys() == fresh.translator.scale.keys()
    assert model.translator.networks.state_dict().keys() == fresh.translator.networks.state_dict().keys()
    model.adapt([train], [valid], np.random.default_rng(0))
    assert np.array_equal(model.predict(test).rates, adapted(pooled, [train], [valid]).predict(test).rates)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recording": "rec.0"}, r"rec\.0: the model knows this recording already; it knows rec\.0, rec\.1, rec\.2"),
        ({"bin_s": 0.2}, r"rec\.3: expected windows of 20 bins of 0\.1 s .* got 20 of 0\.2 s"),
        ({"n_bins": 10}, r"rec\.3: expected windows of 20 bins of 0\.1 s .* got 10 of 0\.1 s"),
        ({"classes": ("left", "right")}, r"rec\.3: expected the model's classes skip, stay, got left, right"),
        ({"windows": 9}, r"rec\.3: expected at least 10 windows to learn from, got 9"),
    ],
)
def test_mistakes_are_named_before_anything_is_learned(
    recordings: list[Windows], pooled: Path, change: dict[str, object], message: str
) -> None:
    w = recordings[-1]
    if "windows" in change:
        w = w.select(np.arange(int(str(change["windows"]))))
    elif "n_bins" in change:
        w = replace(w, source=w.source[:, :10], target=w.target[:, :10], behavior=w.behavior[:, :10])
    else:
        w = replace(w, **change)
    model = models.load(pooled)
    with pytest.raises(DataError, match=message):
        model.adapt([w], [], np.random.default_rng(0))
    assert len(model.units) == len(recordings) - 1


def test_a_model_that_was_never_fitted_has_no_core(recordings: list[Windows]) -> None:
    with pytest.raises(DataError, match="has not been fitted"):
        models.create("seq2seq").adapt([recordings[0]], [], np.random.default_rng(0))
