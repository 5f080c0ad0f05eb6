"""A small audit from studies to page: every row of the product's tables is counted, twice the same, and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.latents import read_latents
from spikebridge.calibration import latents, scenario, study
from spikebridge.calibration.outcomes import KEYS
from spikebridge.calibration.run import Plan, audit
from spikebridge.calibration.settings import draw
from spikebridge.config import SplitConfig
from spikebridge.splits import make_splits

PLAN = Plan(studies=2, power_studies=4, seed=3, workers=1)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    audit(PLAN, folder, lambda _: None, folder / "docs.md")
    return folder


@pytest.fixture(scope="module")
def outcomes(out: Path) -> pd.DataFrame:
    return pd.read_parquet(out / "outcomes.parquet")


def test_everything_is_written(out: Path) -> None:
    for name in ("calibration.png", "power.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert (out / "audit.md").read_text() == (out / "docs.md").read_text()
    assert "make audit" in (out / "audit.md").read_text()


def test_every_test_of_the_product_is_in_the_table(out: Path, outcomes: pd.DataFrame) -> None:
    table = pd.read_csv(out / "calibration.csv")
    assert {"sign_flip", "mcnemar_exact", "mcnemar_mid_p", "cluster_bootstrap", "session_permutation", "linear_shift",
            "trial_shuffle", "any test after Holm", "translates", "translated_latents",
            "linear_source"} <= set(table["test"])  # fmt: skip
    primary = table[table["role"] == "primary"]
    assert {"above_majority", "seq2seq_against_competitors", "translation", "translation_from_source", "nulls",
            "verdicts"} <= set(primary["family"])  # fmt: skip
    assert {"ladder", "translation_ladder"} <= set(table.loc[table["role"] == "ladder", "family"])
    course = outcomes[outcomes["kind"] == "course"]
    assert set(course["model_a"]) == {"source_region", "translated_latents"} and set(course["world"]) == {"nothing"}
    whole = table[table["clusters"] == "all"]
    assert len(whole) == len(outcomes.groupby(["world", *KEYS]))
    assert (whole["tests"] * 1.0).sum() == outcomes["decidable"].sum()


def test_only_true_nulls_are_counted(outcomes: pd.DataFrame) -> None:
    pairs = outcomes[outcomes["kind"] == "comparison"]
    equal = pairs[pairs["world"] == "equal"]
    assert (equal["against"] == "model").all() and not (equal[["model_a", "model_b"]] == "majority").any(axis=None)
    between = pairs[(pairs["world"] == "nothing") & (pairs["against"] == "model")]
    assert set(between["metric"]) == {"balanced_accuracy_within_blocks"}
    gains = outcomes[(outcomes["kind"] == "ladder") & (outcomes["world"] == "nothing")]
    assert {"source_region", "translated_latents", "linear_source", "seq2seq"} <= set(gains["model_a"])
    assert not set(gains["model_a"]) & {"target_history", "time_in_recording"}  # those do know something


def test_latents_of_the_ladder_know_no_test_trial(tmp_path: Path) -> None:
    """The stand-in's latents of a fold stay as they are, bit by bit, when its test trials' spikes change."""
    setting = draw(np.random.default_rng(0))
    data = scenario.recordings(setting, "nothing", np.random.default_rng(1))[:1]
    splits = make_splits(data, SplitConfig(n_outer_folds=5))
    fold = splits.folds[0]
    w, test = data[0], fold.test[data[0].recording]
    noise = np.random.default_rng(2).poisson(3.0, w.target[test].shape)
    changed = w.target.copy()
    changed[test] = noise
    found = []
    for k, target in enumerate((w.target, changed)):
        latents.write([replace(w, target=target)], splits, tmp_path / f"{k}.parquet")
        found.append(read_latents(tmp_path / f"{k}.parquet")[w.recording])
    before, after = (folds[fold.fold].latents for folds in found)
    assert np.array_equal(before, after)
    before, after = (folds[splits.folds[1].fold].latents for folds in found)  # these trials are in its training data
    assert not np.array_equal(before, after)


def test_studies_do_not_depend_on_the_run(outcomes: pd.DataFrame) -> None:
    again = study.run(study.Job("equal", 0, PLAN.seed), lambda _: None)
    before = outcomes[(outcomes["world"] == "equal") & (outcomes["study"] == 0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, before[again.columns], check_dtype=False)


def test_an_audit_goes_on_where_it_was(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = (out / "calibration.csv").read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("a study was run again")

    monkeypatch.setattr(study, "evaluated", never)
    audit(PLAN, out, lambda _: None)
    assert (out / "calibration.csv").read_bytes() == earlier


def test_power_rises(out: Path) -> None:
    table = pd.read_csv(out / "power.csv")
    assert set(table["effect"]) == {0.02, 0.05, 0.1} and set(table["recordings"]) == {4, 6, 8, 12, 20}
    mean = table.groupby("effect")["power"].mean()
    assert np.all(np.diff(mean) > 0)
