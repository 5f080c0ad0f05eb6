"""A small calibration from studies to page: every row of the product's tables is counted, reproducibly, and resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.calibration import CalibrationRun
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.training import TrainingRun
from spikebridge.calibration import scenarios, study
from spikebridge.calibration.outcomes import KEYS
from spikebridge.calibration.run import Plan, calibrate
from spikebridge.calibration.scenarios import draw_unseen
from spikebridge.config.declared_tests import DECIDING, TRANSLATING

pytestmark = pytest.mark.slow
PLAN = Plan(studies=2, power_studies=4, seed=3, workers=1)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    calibrate(PLAN, folder, lambda _: None, folder / "docs.md")
    return folder


@pytest.fixture(scope="module")
def outcomes(out: Path) -> pd.DataFrame:
    return CalibrationRun(out).read_outcomes()


def test_everything_is_written(out: Path) -> None:
    files = CalibrationRun(out)
    for image in (files.false_claims_image, files.power_image):
        assert image.read_bytes().startswith(b"\x89PNG")
    assert files.page.read_text() == (out / "docs.md").read_text()
    assert "make calibration" in files.page.read_text()


def test_every_test_of_the_product_is_in_the_table(out: Path, outcomes: pd.DataFrame) -> None:
    table = pd.read_csv(CalibrationRun(out).false_claims)
    assert {"sign_flip", "mcnemar_exact", "mcnemar_mid_p", "cluster_bootstrap", "session_permutation", "linear_shift",
            "trial_shuffle", "any test after Holm", "translates", "translated_latents",
            "linear_source"} <= set(table["test"])  # fmt: skip
    primary = table[table["role"] == "primary"]
    assert {"above_majority", "seq2seq_against_competitors", "translation", "translation_from_source", "nulls",
            "verdicts"} <= set(primary["family"])  # fmt: skip
    assert {"ladder", "translation_ladder"} <= set(table.loc[table["role"] == "ladder", "family"])
    course = outcomes[outcomes["kind"] == "time-resolved"]
    assert set(course["model_a"]) == {"source_region", "translated_latents"} and set(course["scenario"]) == {"nothing"}
    whole = table[table["clusters"] == "all"]
    assert len(whole) == len(outcomes.groupby(["scenario", *KEYS]))
    assert (whole["tests"] * 1.0).sum() == outcomes["decidable"].sum()


def test_only_true_nulls_are_counted(outcomes: pd.DataFrame) -> None:
    pairs = outcomes[outcomes["kind"] == "comparison"]
    equal = pairs[pairs["scenario"] == "equal"]
    assert (equal["against"] == "model").all() and not (equal[["model_a", "model_b"]] == "majority").any(axis=None)
    between = pairs[(pairs["scenario"] == "nothing") & (pairs["against"] == "model")]
    assert set(between["metric"]) == {"balanced_accuracy_within_blocks", "bits_per_spike"}
    translators = between[between["metric"] == "bits_per_spike"]
    assert (translators["role"] == "primary").all() and set(translators["model_b"]) == {"ridge"}
    gains = outcomes[(outcomes["kind"] == "nested models") & (outcomes["scenario"] == "nothing")]
    assert {"source_region", "translated_latents", "linear_source", "seq2seq"} <= set(gains["model_a"])
    coupled = outcomes[outcomes["scenario"] == "unseen_coupled"]
    assert "above_majority" in set(coupled["family"]) and "verdict" not in set(coupled["kind"])
    assert not coupled["metric"].str.contains("bits_per_spike").any()  # the source does predict the target
    unseen = outcomes[outcomes["scenario"] == "unseen_nothing"]
    assert {"above_majority", "translation_from_source", "verdicts"} <= set(unseen["family"])
    assert not set(gains["model_a"]) & {"target_history", "time_in_recording"}  # those do know something


@pytest.mark.parametrize("scenario", ["equal", "unseen_coupled"])
def test_models_are_those_of_the_product(tmp_path: Path, scenario: scenarios.Scenario) -> None:
    """seq2seq decides from its shared latents; a model under another name has the results that the name stands for."""
    rng = np.random.default_rng(4)
    setting = replace(draw_unseen(rng), trials=60, recordings=4)
    if scenario == "equal":
        setting = replace(setting, by="block")
    data = scenarios.recordings(setting, scenario, rng)
    study.evaluated(tmp_path, data, study.StudyJob(scenario, 0, 4), setting, rng)
    runs = {role.name: TrainingRun(tmp_path / "train" / role.name) for role in study.ROLES[scenario]}
    assert json.loads(runs["seq2seq"].fit.read_text())["model"] == "seq2seq"
    assert runs["seq2seq"].latents.is_file()
    if scenario == "equal":
        assert {name for name, run in runs.items() if run.predictions.is_file()} == {*DECIDING, "majority"}
        assert {name for name, run in runs.items() if run.translation.is_file()} == {*TRANSLATING}
        tables = [runs[name].read_predictions()["p_stay"].to_numpy() for name in DECIDING]
        assert not np.allclose(tables[0], tables[1]) and not np.allclose(tables[1], tables[2])  # other thirds
    else:
        leakage = EvaluationRun(tmp_path / "evaluation").read_leakage()
        assert leakage["adaptation_intervals"]  # of recordings that are held out, a first part, without labels


def test_studies_do_not_depend_on_the_run(outcomes: pd.DataFrame) -> None:
    again = study.run(study.StudyJob("equal", 0, PLAN.seed), lambda _: None)
    before = outcomes[(outcomes["scenario"] == "equal") & (outcomes["study"] == 0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, before[again.columns], check_dtype=False)


def test_an_interrupted_calibration_continues(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = CalibrationRun(out).false_claims.read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("a study was run again")

    monkeypatch.setattr(study, "evaluated", never)
    calibrate(PLAN, out, lambda _: None)
    assert CalibrationRun(out).false_claims.read_bytes() == earlier


def test_power_rises(out: Path) -> None:
    table = pd.read_csv(CalibrationRun(out).power)
    assert set(table["effect"]) == {0.02, 0.05, 0.1} and set(table["recordings"]) == {4, 6, 8, 12, 20}
    mean = table.groupby("effect")["power"].mean()
    assert np.all(np.diff(mean) > 0)
