"""The five sentences say the numbers of the result files, and nothing that was not tested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge.evaluation.nulls.rows import ModelNull
from spikebridge.report import answer
from spikebridge.report.study import Study
from spikebridge.statistics.nulls import NullResult
from spikebridge.types import Comparison, DetectableEffect, Difference, Sample, Significance
from spikebridge.types.verdicts import Verdict


def comparison(
    family: str, a: str, b: str, estimate: float, p_holm: float, verdict: Verdict, **fields: Any
) -> Comparison:
    return Comparison(
        family,
        a,
        b,
        fields.get("metric", "balanced_accuracy_within_blocks"),
        fields.get("role", "primary"),
        Sample(36, 6),
        Difference(estimate, estimate - 0.05, estimate + 0.05),
        Significance("sign_flip", p_holm / 2, 1 / 64, p_holm, **verdict.columns(better=a, cluster="block", needed=9)),
        DetectableEffect(),
    )


@pytest.fixture
def compared(study: Study) -> Study:
    """seq2seq better than majority and worse than the forest, too few clusters against dnn, and better than ridge."""
    study.evaluation.write_comparisons(
        [
            comparison("above_majority", "seq2seq", "majority", 0.3125, 0.012, Verdict.A_BETTER),
            comparison("seq2seq_against_competitors", "seq2seq", "random_forest", -0.25, 0.2, Verdict.NOT_SIGNIFICANT),
            comparison("seq2seq_against_competitors", "seq2seq", "dnn", 0.125, 0.5, Verdict.TOO_FEW_CLUSTERS),
            comparison("translation", "seq2seq", "ridge", 0.07, 0.031, Verdict.A_BETTER, metric="bits_per_spike"),
            comparison("pairs", "seq2seq", "dnn", 0.9999, 0.0001, Verdict.A_BETTER, role="descriptive"),
        ]
    )
    return study


def sentences(study: Study) -> dict[str, str]:
    return {sentence.subject: sentence.text for sentence in answer.five_sentences(study)}


def test_there_are_five_and_each_ends(compared: Study) -> None:
    texts = sentences(compared)
    assert [*texts] == ["Translation", "Decision", "Declared tests", "Nulls", "Limits"]
    assert all(text.endswith(".") for text in texts.values())


def test_translation_has_every_yardstick(compared: Study) -> None:
    content = compared.metrics
    content["translation"]["seq2seq"] = {
        "bits_per_spike": {"value": 0.4321, "ci_low": 0.4, "ci_high": 0.46},
        "source_bits_per_spike": {"value": 0.2187, "ci_low": 0.2, "ci_high": 0.24},
        "trial_contrast_bits_per_spike": {"value": 0.777, "ci_low": 0.7, "ci_high": 0.8},
        "per_recording": {},
    }
    content["communication_gain"] |= {"value": 0.0432, "ci_low": 0.04, "ci_high": 0.05, "p_holm": 0.021}
    compared.evaluation.write_metrics(content)
    text = sentences(Study(compared.sections, compared.project))["Translation"]
    assert "2 recordings of 2 animals" in text
    assert "over PFC's own mean, course and drift, 0.219 [0.200, 0.240]" in text
    assert "over PFC's mean rate, 0.432 [0.400, 0.460]" in text
    assert "over ridge, 0.070 [0.020, 0.120] (Holm p = 0.031)" in text
    assert "to PFC's own past and behaviour HC adds 0.043 [0.040, 0.050] (Holm p = 0.021)" in text
    assert "0.777 [0.700, 0.800]" in text


def test_decision_has_every_competitor_with_interval_and_p(compared: Study) -> None:
    text = sentences(compared)["Decision"]
    score = compared.metrics["models"]["seq2seq"]["balanced_accuracy_within_blocks"]
    assert f"{score['value']:.3f} [{score['ci_low']:.3f}, {score['ci_high']:.3f}] in 36 held-out trials" in text
    assert "(skip or stay)" in text
    assert "0.312 [0.263, 0.362] above majority (Holm p = 0.012)" in text
    assert "0.250 [0.200, 0.300] below random forest (Holm p = 0.2)" in text
    assert "0.125 [0.075, 0.175] above dnn (Holm p = 0.5)" in text
    assert "0.9999" not in text, "a descriptive test"


def test_declared_tests_are_counted_by_verdict(compared: Study) -> None:
    text = sentences(compared)["Declared tests"]
    assert text.startswith("Of 4 declared tests, 2 support a claim at 0.05")
    assert "seq2seq against majority: 0.312 [0.263, 0.362], Holm p = 0.012" in text
    assert "1 cannot decide, because 6 clusters allow no p below 0.016" in text
    assert "1 shows no difference" in text
    assert [n.value for n in answer.key_numbers(compared) if "declared" in n.meaning] == ["2 of 4"]


def test_nulls_tell_rejected_from_undecidable(study: Study) -> None:
    rows = [
        ModelNull("linear_shift", model, "balanced_accuracy", NullResult(0.6, np.full(3, 0.5), p, least), True, "")
        for model, p, least in (("seq2seq", 0.004, 0.001), ("random_forest", 0.3, 0.001), ("dnn", 0.25, 0.25))
    ]
    study.evaluation.write_nulls(pd.DataFrame([row.row(0.05) for row in rows]))
    text = sentences(study)["Nulls"]
    assert text.startswith(
        "Of 3 primary nulls (data without the effect), 1 is rejected (linear shift: seq2seq p = 0.004)"
    )
    assert "1 is not (linear shift: random forest p = 0.3)" in text
    assert "1 cannot be at this size of data, whose smallest p is 0.25 (linear shift: dnn p = 0.25)" in text


def test_limits_count_what_was_left_out(study: Study) -> None:
    text = sentences(study)["Limits"]
    assert "The leakage check passed (2 checks on 36 trials)" in text
    assert "6 of 24 trials and 4 of 23 units were left out" in text
    assert "2 warnings" in text
    assert "simulated" in text
    assert "fewer than six recordings" in text
    real = replace(study.sections, data=study.sections.data.model_copy(update={"path": "my/data"}))
    assert "simulated" not in answer.limited(Study(real, study.project))
    study.evaluation.write_leakage({"passed": False, "checks": ["a"], "trials": 36})
    assert "FAILED" in answer.limited(Study(study.sections, study.project))


def test_without_shared_latents_or_translators_it_says_so(study: Study) -> None:
    study.evaluation.write_metrics({"models": {"dnn": {}}, "translation": {}})
    texts = sentences(Study(study.sections, study.project))
    assert texts["Translation"] == "No model translated HC into PFC."
    assert texts["Decision"] == "The decision was predicted by dnn, and by no shared latents."


def test_regions_have_their_names(study: Study) -> None:
    data = study.sections.data.model_copy(update={"source": ["CA1", "CA3"], "target": ["ACC"]})
    renamed = Study(replace(study.sections, data=data), study.project)
    text = " ".join(sentences(renamed).values())
    assert "CA1+CA3" in text
    assert "ACC" in text
    assert not {"HC", "PFC"} & set(text.replace("'", " ").split())
    assert renamed.shown("linear_source") == "CA1+CA3, linear"
    assert renamed.shown("target_history") == "ACC's own past"
    assert renamed.shown("random_forest") == "random forest"
