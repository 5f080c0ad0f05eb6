"""A tiny study of crossed recordings from a folder to the page: numbers are those of the files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies import small_config

from spikebridge import simulate
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.windows import load_animals, load_windows
from spikebridge.calibration import crossed_study
from spikebridge.calibration.crossed_claims import CrossedTables
from spikebridge.calibration.crossed_page import crossed_page, write_crossed
from spikebridge.calibration.crossed_run import crossed_settings, crossed_studies
from spikebridge.calibration.false_claims import clopper_pearson
from spikebridge.errors import ConfigError

ABOUT = {"params": "params.yaml"}


# --- the page ---------------------------------------------------------------------------------------------------------


def added(shift: int, recording: str, model: str, bits: float, translates: bool | None = None) -> dict[str, object]:
    return {"shift": shift, "recording": recording, "model": model, "source_bits": bits, "ci_low": bits - 0.01,
            "ci_high": bits + 0.01, "translates": translates}  # fmt: skip


def claim(shift: int, family: str, p: float, claimed: bool, **others: object) -> dict[str, object]:
    row = {"shift": shift, "recording": "all", "clusters": "as reported", "kind": "family", "family": family,
           "test": "any test after Holm", "metric": "balanced_accuracy_within_blocks", "against": "nothing",
           "role": "primary", "model_a": "", "model_b": "", "p": p, "n_clusters": 20, "decidable": True,
           "claimed": claimed}  # fmt: skip
    return row | others


def test_the_page_counts_claims_and_names_the_least() -> None:
    rows = [
        added(k, r, "ridge", b, t) for k in (1, 2, 3) for r, b, t in (("all", 0.001 * k, k == 3), ("a_x_b", -k, None))
    ]
    rows += [added(1, "all", "seq2seq", -0.0021, False), added(1, "a_x_b", "seq2seq", 0.0)]
    claims = [claim(k, "above_majority", 0.03, k == 2) for k in (1, 2, 3)]
    claims += [claim(k, "translation", 0.5, False, decidable=False) for k in (1, 2, 3)]
    claims += [claim(k, "translation", 0.5, False, clusters="blocks", decidable=k > 1) for k in (1, 2, 3)]
    claims += [claim(k, "above_majority", 0.001, True, clusters="blocks") for k in (1, 2, 3)]
    page = crossed_page(CrossedTables(pd.DataFrame(rows), pd.DataFrame(claims)), ABOUT)
    low, high = (round(100 * v) for v in clopper_pearson(1, 3))
    lines = page.replace("\n  ", " ")
    assert (
        f"of decisions claims something, after Holm: as reported 1 of 3 ({low} to {high} %); with test blocks" in lines
    )
    assert "as clusters 3 of 3 (29 to 100 %)." in lines
    assert "of translations claims something, after Holm: as reported never decides (too few clusters); with" in lines
    assert "as clusters 0 of 2 (0 to 84 %)." in lines
    assert "is the verdict of 1 of 4 translators and shifts" in page
    assert (
        "adds: -0.0021 bits/spike (seq2seq, shift 1); in a single recording: -3.0000 bits/spike (ridge, shift 3, a_x_b)"
        in page
    )
    assert "1 of 4\n  translators and shifts lie below -0.002" in page
    assert page.count("| 0.03 |") == 1 and page.count("| 0.001 |") == 3


# --- a study ----------------------------------------------------------------------------------------------------------


SIZE = {"n_recordings": 3, "n_animals": 3, "n_trials": 24, "n_source_units": [8, 10], "n_target_units": [6, 8]}
MODELS = {
    "seq2seq": {"max_epochs": 2, "n_members": 1, "n_readout_trees": 5, "n_latents": 4},
    "ridge": {},
    "random_forest": {"n_estimators": 5, "n_segments": 1},
    "majority": {},
    "psth": {},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("crossed")
    config = small_config(simulate=SIZE, tune={"n_trials": 1}, bins={"width_s": 0.2})
    simulate.simulate(config.simulate, 2, root / "recordings")
    chosen = crossed_settings(config.model_copy(update={"models": MODELS}), root / "recordings", workers=1)
    assert set(chosen.models) == {*MODELS} - {"psth"} and chosen.models["seq2seq"] == MODELS["seq2seq"]
    lines: list[str] = []
    tables = crossed_studies(chosen, root / "work", lines.append)
    text = write_crossed(tables, ABOUT, root / "out", root / "page.md")
    (place,) = (root / "work").glob("shifts-*")
    return SimpleNamespace(root=root, settings=chosen, tables=tables, text=text, place=place, lines=lines)


@pytest.mark.slow
def test_every_shift_is_a_study_of_crossed_recordings(study: SimpleNamespace) -> None:
    own = {w.recording: w for w in load_windows(study.root / "work" / "windows")}
    seen = set()
    for shift in (1, 2):
        folder = study.place / f"shift_{shift}" / "windows"
        animals = load_animals(folder)
        for w in load_windows(folder):
            source, target = (own[name] for name in w.recording.split("_x_"))
            seen.add((source.recording, target.recording))
            n = len(w)
            np.testing.assert_array_equal(w.source, source.source[source.in_trial][:n])
            np.testing.assert_array_equal(w.target, target.target[target.in_trial][:n])
            np.testing.assert_array_equal(w.label, target.label[target.in_trial][:n])
            np.testing.assert_array_equal(w.source_units, source.source_units)
            assert animals[w.recording] == target.recording.split("_")[0]
    assert len(seen) == 6


@pytest.mark.slow
def test_what_the_source_adds_is_that_of_the_trials(study: SimpleNamespace) -> None:
    table = study.tables.added.set_index(["shift", "model", "recording"])["source_bits"]
    assert len(table) == 2 * 2 * 4
    for shift in (1, 2):
        for model in ("seq2seq", "ridge"):
            rows = pd.read_parquet(TrainingRun(study.place / f"shift_{shift}" / "train" / model).translation)
            nats = rows["nats"] - rows["nats_without_source"]
            for name, part in [("all", rows), *rows.groupby("recording")]:
                bits = nats[part.index].sum() / np.log(2) / part["spikes"].sum()
                assert table[shift, model, name] == pytest.approx(bits)


@pytest.mark.slow
def test_claims_are_those_of_the_tests(study: SimpleNamespace) -> None:
    claims = study.tables.claims
    reported = claims[(claims["clusters"] == "as reported") & (claims["kind"] == "comparison")]
    table = EvaluationRun(study.place / "shift_1" / "evaluation").read_comparisons()
    for row in table[table["role"] == "primary"].to_dict("records"):
        same = reported[(reported["shift"] == 1) & (reported["role"] == "primary")]
        same = same[(same["family"] == row["family"]) & (same["model_a"] == row["model_a"])]
        same = same[same["model_b"] == row["model_b"]]
        assert same["p"].item() == row["p"] and same["claimed"].item() == (row["p"] <= 0.05)
    by_kind = claims.groupby("clusters")["n_clusters"].max()
    assert by_kind["blocks"] == 6 and by_kind["blocks of one recording"] == 2  # two folds, three recordings
    single = claims[claims["clusters"] == "blocks of one recording"]
    assert single.groupby(["shift", "recording"]).ngroups == 6
    assert "target_region" not in set(claims["model_a"])  # it is of the recording that the trials are of
    assert {"translated_latents", "linear_source"} <= set(claims["model_a"])


@pytest.mark.slow
def test_files_are_written_and_a_finished_study_is_not_run_again(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (study.root / "out" / "crossed.md").read_text() == (study.root / "page.md").read_text() == study.text
    assert len(pd.read_csv(study.root / "out" / "crossed_added.csv")) == len(study.tables.added)
    assert "shift 2: evaluated" in study.lines

    def never(*_: object) -> None:
        raise AssertionError("fitted again")

    for module in (crossed_study.tuning, crossed_study.training):
        monkeypatch.setattr(module, "tune" if module is crossed_study.tuning else "train", never)
    again = crossed_studies(study.settings, study.root / "work", lambda _: None, [2])
    second = study.tables.claims[study.tables.claims["shift"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.claims, second, check_dtype=False)


def test_parameters_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"models: expected some of seq2seq, ridge, .*, got psth"):
        crossed_settings(small_config().model_copy(update={"models": {"psth": {}}}), tmp_path)
    with pytest.raises(ConfigError, match=r"split.by: expected block for crossed recordings, got animal"):
        crossed_settings(small_config(split={"by": "animal"}), tmp_path)
