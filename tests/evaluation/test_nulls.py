"""nulls.csv: models that know something beat every null; those that know nothing do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, Study, make_study

from spikebridge.artifacts.evaluation import NULLS, EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table
from spikebridge.config import StatisticsConfig
from spikebridge.errors import ConfigError
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.nulls import null_tables
from spikebridge.evaluation.nulls.decisions import RecordingDecisions, score_draws, sessions_of
from spikebridge.evaluation.nulls.table import latent_nulls
from spikebridge.metrics.decision import balanced_accuracy_within_blocks
from spikebridge.tracking.result_lines import null_lines

Run = Callable[..., Path]
OF_DECISIONS = {"session_permutation", "linear_shift", "pseudosession", "block_permutation", "circular_shift"}
OF_TRANSLATIONS = {"trial_shuffle", "condition_shuffle", "time_shift"}


def inputs_of(study: Study) -> Inputs:
    windows, splits, train, _ = study.places
    return read(study.config.models, windows, splits, train)


def test_nulls(out: Path) -> None:
    nulls = EvaluationRun(out).read_nulls()
    assert list(nulls.columns) == list(NULLS)
    primary = nulls[nulls["role"] == "primary"].set_index(["model", "null"])
    assert set(primary.index) == {
        ("seq2seq", "session_permutation"), ("random_forest", "session_permutation"), ("dnn", "session_permutation"),
        ("seq2seq", "trial_shuffle"), ("ridge", "trial_shuffle"),
    }  # fmt: skip
    assert primary["passed"].all()
    assert (primary["observed"] > primary["null_high"]).all()
    assert (nulls["p"] >= nulls["smallest_attainable_p"] - 1e-12).all()
    assert nulls["assumptions"].str.len().gt(0).all()


def test_every_null_of_every_model_is_there_once(out: Path) -> None:
    nulls = EvaluationRun(out).read_nulls()
    for model, expected in (
        ("seq2seq", OF_DECISIONS | OF_TRANSLATIONS | {"foreign_latents"}),
        ("dnn", OF_DECISIONS),
        ("ridge", OF_TRANSLATIONS),
    ):
        assert sorted(nulls.loc[nulls["model"] == model, "null"]) == sorted(expected)
    assert "majority" not in set(nulls["model"])
    assert nulls.loc[nulls["model"] == "seq2seq", "p"].max() <= 0.07
    assert set(nulls.loc[nulls["null"] == "circular_shift", "role"]) == {"descriptive"}


def test_observed_scores_are_those_of_the_metrics(out: Path) -> None:
    """Except for shifts, which score only trials that have a partner at every shift."""
    nulls, scores = EvaluationRun(out).read_nulls(), EvaluationRun(out).read_metrics()
    for row in nulls[~nulls["null"].isin(["linear_shift", "time_shift", "foreign_latents"])].to_dict("records"):
        part = "translation" if row["metric"] == "bits_per_spike" else "models"
        assert row["observed"] == pytest.approx(scores[part][row["model"]][row["metric"]]["value"])


def test_ranges_for_the_figure(out: Path) -> None:
    nulls, ranges = EvaluationRun(out).read_nulls(), read_table(EvaluationRun(out).tables, "nulls")
    keys = ["model", "null"]
    both = nulls.merge(ranges, on=keys, suffixes=("", "_drawn"), validate="one_to_one")
    assert len(both) == len(nulls)
    assert (both["observed"] == both["observed_drawn"]).all()
    assert (both["null_high"] == both["null_high_drawn"]).all()
    assert (both["null_low"] <= both["null_median"]).all()
    assert (both["null_median"] <= both["null_high"]).all()


def test_nulls_are_repeated_with_the_same_generator(study: Study) -> None:
    inputs, settings = inputs_of(study), study.config.statistics.model_copy(update={"n_resamples": 100})
    first, again = (null_tables(inputs, settings, np.random.default_rng(3))[0] for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    alone = replace(inputs, translations={}, latents={})  # nulls of decisions do not depend on what else is there
    rest = null_tables(alone, settings, np.random.default_rng(3))[0]
    kept = first[first["metric"] == "balanced_accuracy_within_blocks"]
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), rest)


@pytest.mark.slow
def test_linear_shift_steps_in_for_few_recordings(tmp_path: Path, run: Run) -> None:
    few = make_study(tmp_path, Plan(recordings=2, trials=130, truth=False))
    nulls = EvaluationRun(run(few)).read_nulls()
    primary = nulls[(nulls["role"] == "primary") & (nulls["model"] == "seq2seq")]
    assert set(primary["null"]) == {"linear_shift", "trial_shuffle"}
    assert primary["passed"].all()
    foreign = nulls[nulls["null"] == "foreign_latents"].iloc[0]
    assert foreign["p"] == foreign["smallest_attainable_p"] == 0.5
    assert not foreign["passed"]
    spoilt = nulls.assign(passed=nulls["passed"] & (nulls["null"] != "time_shift"))
    results = SimpleNamespace(config=few.config, evaluation=SimpleNamespace(read_nulls=lambda: spoilt))
    lines = {line.split(":")[0]: line for line in null_lines(results)}
    assert lines["Nulls of ridge"] == "Nulls of ridge: 2 of 3 passed; not: time_shift (descriptive)"
    assert lines["Nulls of seq2seq"].endswith(
        "; not: time_shift (descriptive); too few data to decide: session_permutation (descriptive), "
        "foreign_latents (descriptive)"
    )


def test_three_classes_and_models_that_know_nothing(tmp_path: Path) -> None:
    """A model of noise and one that knows: every null tells them apart (circular shift too: nothing drifts here)."""
    plan = Plan(
        recordings=5,
        trials=70,
        classes=("a", "b", "c"),
        truth=False,
        decode={"dnn": 0.0, "logistic": 1.5},
        translate={},
    )
    inputs = inputs_of(make_study(tmp_path, plan))
    table = null_tables(inputs, StatisticsConfig(n_resamples=199), np.random.default_rng(0))[0]
    p = table.set_index(["model", "null"])["p"]
    assert set(table["null"]) == OF_DECISIONS
    assert (p["dnn"] > 0.05).all()
    assert (p["logistic"] <= 0.06).all()


def test_scores_of_drawn_labels_are_those_of_one_by_one(rng: np.random.Generator) -> None:
    block = np.repeat([0, 1, 2], [5, 4, 6])
    labels, predicted = rng.integers(0, 3, (40, 15)), rng.integers(0, 3, 15)
    labels[0] = 1  # no block holds every class
    drawn_scores = score_draws(RecordingDecisions("r", labels[0], predicted, block), labels.astype(np.int8), 3)
    for label, value in zip(labels, drawn_scores, strict=True):
        scores = balanced_accuracy_within_blocks(label, predicted, block, 3)
        assert value == pytest.approx(np.nanmean(scores) if np.isfinite(scores).any() else 1 / 3)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_labels_that_no_pseudosession_resembles_are_named(study: Study) -> None:
    """In one recording the first half of the labels is one class and the second the other."""
    inputs = inputs_of(study)
    d = inputs.decisions["dnn"]
    first = sessions_of(d)[0].recording
    at = np.flatnonzero(d.table["recording"] == first)
    label = d.label.copy()
    label[at] = np.arange(len(at)) >= len(at) / 2
    spoilt = replace(inputs, decisions={"dnn": replace(d, label=label)}, translations={}, latents={})
    table = null_tables(spoilt, study.config.statistics, np.random.default_rng(0))[0].set_index("null")
    assert table.loc["pseudosession", "assumptions"].endswith(f"NOT MET: labels unlike the drawn ones in {first}")
    assert "NOT MET" not in table.loc["block_permutation", "assumptions"]


def test_condition_is_a_column_of_the_covariates(study: Study) -> None:
    inputs = inputs_of(study)
    settings = study.config.statistics.model_copy(update={"n_resamples": 100, "condition": "offer"})
    plain = replace(inputs, decisions={}, latents={})

    def with_column(names: tuple[str, ...], values: Callable[[int], np.ndarray]) -> Inputs:
        windows = {r: replace(w, covariates=values(len(w)), covariate_names=names) for r, w in plain.windows.items()}
        return replace(plain, windows=windows)

    def row(which: Inputs) -> pd.Series:
        table = null_tables(which, settings, np.random.default_rng(0))[0]
        return table[(table["null"] == "condition_shuffle") & (table["model"] == "ridge")].iloc[0]

    every = row(with_column(("column offer",), lambda n: np.arange(n)[:, None].astype(float)))
    assert every["p"] == every["smallest_attainable_p"] == 1  # no two trials alike: nothing to shuffle
    words = ("column offer = near", "column offer = far", "column other")
    two = row(with_column(words, lambda n: np.stack([np.arange(n) % 2, 1 - np.arange(n) % 2, np.arange(n)], axis=1)))
    assert two["p"] <= 0.02
    assert two["assumptions"].endswith("condition: offer")
    with pytest.raises(ConfigError, match=r"statistics\.condition: expected a column .*, got 'offer'"):
        row(plain)


def test_latents_of_one_recording_have_no_foreign_ones(study: Study) -> None:
    inputs = inputs_of(study)
    one_recording = {"seq2seq": dict(list(inputs.latents["seq2seq"].items())[:1])}
    few = replace(inputs, latents=one_recording)
    assert not list(latent_nulls(few, study.config.statistics, np.random.default_rng(0)))
