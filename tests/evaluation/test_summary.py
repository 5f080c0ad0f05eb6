"""summary.json: the translator beside the best of the others."""

from __future__ import annotations

import math

import fake_project

from spikebridge.evaluation.comparisons import ABOVE_MAJORITY
from spikebridge.evaluation.summary import summary


def score(value: float) -> dict[str, float]:
    return {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}


SCORES = {
    "models": {
        m: {"balanced_accuracy": score(v)} for m, v in (("seq2seq", 0.71234567), ("dnn", 0.6), ("forest", 0.65))
    },
    "translation": {m: {"bits_per_spike": score(v)} for m, v in (("seq2seq", 0.2), ("ridge", 0.25))},
}


def test_translator_and_rivals() -> None:
    assert summary(SCORES, [], "seq2seq") == {
        "bacc": 0.7123, "bacc_lo": 0.6123, "bacc_hi": 0.8123, "peer": 0.65,
        "bits": 0.2, "bits_lo": 0.1, "bits_hi": 0.3, "peer_bits": 0.25,
    }  # fmt: skip


def test_p_value_is_that_of_the_declared_test() -> None:
    tests = [
        fake_project.comparison("another", "seq2seq", "dnn", 0.5),
        fake_project.comparison(ABOVE_MAJORITY, "dnn", "majority", 0.04),
        fake_project.comparison(ABOVE_MAJORITY, "seq2seq", "majority", 0.012345),
        fake_project.comparison(ABOVE_MAJORITY, "seq2seq", "majority", 0.9, role="descriptive"),
    ]
    assert summary(SCORES, tests[1:], "seq2seq")["p_holm"] == 0.0123
    assert summary(SCORES, tests[::-1], "dnn")["p_holm"] == 0.04
    assert "p_holm" not in summary(SCORES, tests[:1], "seq2seq")


def test_what_was_not_computed_is_left_out() -> None:
    alone = {"models": {}, "translation": {"seq2seq": {"bits_per_spike": {"value": 0.2, "ci_low": math.nan}}}}
    assert summary(alone, [], "seq2seq") == {"bits": 0.2}
    assert summary({"models": {}, "translation": {}}, [], "seq2seq") == {}
