"""Whether there is anything to translate: each reason by itself, and whole studies with and without a link."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_runs import Plan, make_study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.errors import DataError
from spikebridge.evaluation.translation_scores import NOTHING, translation_verdict
from spikebridge.tracking.result_lines import analysis_lines
from spikebridge.types.verdicts import TranslationVerdict

Run = Callable[..., Path]


def source(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "ci_low": low, "ci_high": high}


def test_it_translates() -> None:
    assert translation_verdict(source(0.1, 0.08, 0.12), source(0.05, 0.04, 0.06), 0.001, 0.05) == {
        "code": "translates",
        "text": "the source adds 0.1000 [0.0800, 0.1200] bits/spike, its rates beat the next trials' by 0.0500 "
        "[0.0400, 0.0600]",
    }


ENOUGH = source(0.1, 0.08, 0.12)


@pytest.mark.parametrize(
    ("score", "specific", "p", "reason"),
    [
        (source(0.0015, 0.001, 0.002), ENOUGH, 0.001, "at most 0.002 is next to nothing"),
        (ENOUGH, source(0.0015, 0.001, 0.002), 0.001, "at most 0.002 is next to nothing"),
        (ENOUGH, source(0.01, -0.002, 0.02), 0.001, "the interval reaches zero"),
        (ENOUGH, ENOUGH, 0.2, "trials in another order do as well (p = 0.2)"),
        (ENOUGH, ENOUGH, float("nan"), "trials in another order do as well"),
        (ENOUGH, source(0.1, float("nan"), float("nan")), 0.001, "too few clusters for an interval"),
        (source(0.0, 0.0, 0.0), source(0.0, 0.0, 0.0), None, "at most 0.002 is next to nothing"),
    ],
)
def test_each_reason(score: dict[str, float], specific: dict[str, float], p: float | None, reason: str) -> None:
    verdict = translation_verdict(score, specific, p, 0.05)
    assert verdict is not None
    assert TranslationVerdict.of(verdict) is TranslationVerdict.NOTHING
    assert verdict["text"].startswith(f"{NOTHING}: the source adds ")
    assert reason in verdict["text"]


@pytest.mark.parametrize("verdict", [{"translates": True, "says": "it does"}, {"code": "perhaps", "text": ""}])
def test_a_verdict_without_a_known_code_is_refused(verdict: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="run evaluate again"):
        TranslationVerdict.of(verdict)


def test_a_model_that_cannot_tell_the_sources_share_is_not_asked() -> None:
    nan = float("nan")
    assert translation_verdict(source(nan, nan, nan), ENOUGH, 0.5, 0.05) is None


def test_whole_studies_and_the_line_of_results(tmp_path: Path, run: Run) -> None:
    plan = Plan(recordings=2, trials=30, folds=3, decode={}, translate={"seq2seq": 1.0, "ridge": 0.0})
    study = make_study(tmp_path, plan)
    folder = run(study)
    told = EvaluationRun(folder).read_metrics()["translation"]
    assert TranslationVerdict.of(told["seq2seq"]["verdict"]) is TranslationVerdict.TRANSLATES
    assert TranslationVerdict.of(told["ridge"]["verdict"]) is TranslationVerdict.NOTHING
    results = SimpleNamespace(metrics=lambda: EvaluationRun(folder).read_metrics())
    lines = [line for line in analysis_lines(results) if line.startswith("Translation")]
    assert lines == [f"Translation ({m}): {told[m]['verdict']['text']}" for m in ("ridge", "seq2seq")]
    assert NOTHING in lines[0]
