"""The benchmark of animals never seen: its settings, its page, and at tiny size its numbers (those of evaluate)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import unseen
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import FEW_LABELS_TABLE


def test_settings_hold_animals_out_and_leave_nothing_to_the_tuner() -> None:
    made = dict(unseen.studies("simulator", unseen.parse(["--seeds", "7", "8"])))
    assert list(made) == ["seed 7", "seed 8", "seed 7, label_information 0"]
    assert [settings.seed for settings in made.values()] == [7, 8, 7]
    assert [settings.simulate.label_information for settings in made.values()] == [1.0, 1.0, 0.0]
    for settings in made.values():
        assert (settings.split.by, settings.split.n_outer_folds, settings.simulate.n_animals) == ("animal", 3, 3)
        assert "tune" not in [value for section in settings.models.values() for value in section.values()]


def test_page_has_a_row_a_model() -> None:
    rows = [
        ("seq2seq", "all recordings", "adapted", "0", 0, 60, 0.84, None),
        ("seq2seq", "all recordings", "adapted", "10", 10, 60, 0.85, None),
        ("seq2seq", "all recordings", "from scratch", "all", 90, 60, 0.9, None),
        ("seq2seq", "all recordings", "translation", None, None, None, None, 0.31),
        ("majority", "all recordings", "adapted", "0", 0, None, 0.5, None),
        ("seq2seq", "rat1_day1", "adapted", "0", 0, 60, 0.8, None),
    ]
    results = pd.DataFrame([("simulator", "seed 3", *row) for row in rows], columns=unseen.COLUMNS)
    assert unseen.page(results).splitlines() == [
        "| study | model | no labels | 10 labels | from scratch | source bits/spike |",
        "| --- | --- | --- | --- | --- | --- |",
        "| seed 3 | seq2seq | 0.840 | 0.850 | 0.900 | 0.310 |",
        "| seed 3 | majority | 0.500 |  |  |  |",
    ]
    assert unseen.recordings_of(results).splitlines()[-1] == "| seed 3 | rat1_day1 | 0.800 |"


@pytest.mark.slow
def test_numbers_are_those_of_the_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = unseen.studies
    monkeypatch.setattr(unseen, "studies", lambda name, a: made(name, a)[:1])
    options = ["--quick", "--models", "aligned_pca", "psth", "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    unseen.main(options)
    table = pd.read_csv(tmp_path / "unseen.csv")
    (work,) = (tmp_path / "work").iterdir()
    evaluated = EvaluationRun(work / "evaluation").read_table(FEW_LABELS_TABLE)
    assert evaluated is not None
    written = table[table["model"] == "aligned_pca"]
    assert written["balanced_accuracy"].tolist() == pytest.approx(evaluated["balanced_accuracy"].tolist())
    assert set(written["recording"]) == {"rat1_day1", "rat2_day1", "rat3_day1", "all recordings"}
