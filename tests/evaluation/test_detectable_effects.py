"""What the declared tests could have seen, in metrics.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_runs import Plan, make_study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.evaluation.comparisons import detectable_effects
from spikebridge.statistics import clusters_needed
from spikebridge.tracking.result_lines import power_lines
from spikebridge.types import Comparison, DetectableEffect, Difference, Sample, Significance

Run = Callable[..., Path]
NAN = float("nan")


def row(family: str, a: str, wanted: float, role: str = "primary") -> Comparison:
    sample, significance = Sample(90, 6, 1.5, 60), Significance("sign_flip", 0.1, 1 / 64, 0.2)
    return Comparison(
        family, a, "b", "m", role, sample, Difference(0.1, 0, 0.2), significance, DetectableEffect(0.12, wanted)
    )


def test_by_family_and_pair() -> None:
    rows = [row("f", "a", 14.0), row("f", "c", math.inf), row("g", "a", 5.0), row("pairs", "a", 3.0, "descriptive")]
    effects = detectable_effects(rows, "recording", 0.05)
    assert list(effects) == ["f", "g"]
    assert effects["f"]["a_minus_b"] == {
        "cluster": "recording", "metric": "m", "n_trials": 90, "design_effect": 1.5, "effective_trials": 60,
        "detectable": 0.12, "n_clusters": 6, "clusters_to_decide": clusters_needed(0.05, 2), "clusters_for_power": 14,
        "clusters_still_needed": 8,
    }  # fmt: skip
    assert effects["f"]["c_minus_b"]["clusters_for_power"] is None
    assert effects["f"]["c_minus_b"]["clusters_still_needed"] is None
    assert effects["g"]["a_minus_b"]["clusters_still_needed"] == 0


def test_the_line_of_results() -> None:
    effects = detectable_effects([row("above_majority", "a", 14.0), row("above_majority", "c", 3.0)], "recording", 0.05)
    assert power_lines(effects) == [
        "Could have seen (above majority, 80 % power): a − b 0.120 (90 trials worth 60; 8 more recordings for the "
        "difference seen), c − b 0.120 (90 trials worth 60)"
    ]
    unknown = replace(row("translation", "a", 14.0), sample=Sample(90, 6, 1.5, None))
    assert power_lines(detectable_effects([unknown], None, 0.05)) == []


def test_of_a_study_with_effects(scores: dict[str, Any], out: Path) -> None:
    table = EvaluationRun(out).read_comparisons().query("role == 'primary'").set_index(["family", "model_a", "model_b"])
    effects = scores["power"]
    assert {(f, *pair.split("_minus_")) for f, pairs in effects.items() for pair in pairs} == set(table.index)
    seen = effects["above_majority"]["seq2seq_minus_majority"]
    assert 0 < seen["detectable"] < table.loc[("above_majority", "seq2seq", "majority"), "estimate"]
    assert seen["clusters_still_needed"] == 0
    assert seen["effective_trials"] == pytest.approx(seen["n_trials"] / max(seen["design_effect"], 1))
    assert effects["translation"]["seq2seq_minus_ridge"]["design_effect"] is None


@pytest.mark.slow
def test_too_few_recordings_could_see_nothing(tmp_path: Path, run: Run) -> None:
    small = make_study(tmp_path, Plan(recordings=3, trials=24, folds=3, translate={}, cluster="recording"))
    rows = EvaluationRun(run(small)).read_comparisons()
    primary = rows[rows["role"] == "primary"]
    assert (primary["detectable"] == math.inf).all()
    assert primary["verdict"].str.fullmatch(r"too few recordings to decide \(needs \d\)").all()
