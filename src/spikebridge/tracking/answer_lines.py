"""The five lines that `spikebridge results` prints first: data, translation, decision, declared tests, saved model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikebridge.config import declared_tests
from spikebridge.errors.messages import counted
from spikebridge.labels.trial_labels import label_text
from spikebridge.tracking.descriptions import interval_text
from spikebridge.tracking.markdown import number, with_interval
from spikebridge.tracking.results import Results
from spikebridge.types.verdicts import Verdict

UNDECIDED = {Verdict.TOO_FEW_CLUSTERS.code}
SUPPORTING = {Verdict.A_BETTER.code, Verdict.PREDICTS_DECISION.code, Verdict.SOURCE_PREDICTS_TARGET.code}


def answer_lines(results: Results, registration: Mapping[str, Any]) -> list[str]:
    """The answer in five lines, with numbers and units. registration: the content of registration.json, or empty."""
    metrics = results.metrics()
    return [
        _data_line(results, metrics),
        _translation_line(results, metrics),
        _decision_line(results, metrics),
        _tests_line(results),
        _model_line(registration),
    ]


def _data_line(results: Results, metrics: Mapping[str, Any]) -> str:
    data = results.config.data
    trials = max((int(scores["n_trials"]) for scores in metrics["models"].values() if "n_trials" in scores), default=0)
    return (
        f"Data:         {counted(int(metrics['n_recordings']), 'recording')}, {counted(trials, 'trial')}, "
        f"{'+'.join(data.source)} to {'+'.join(data.target)}; scores of held-out trials, "
        f"in brackets the {interval_text(results)}"
    )


def _translation_line(results: Results, metrics: Mapping[str, Any]) -> str:
    translation = metrics.get("translation", {})
    models = [m for m in declared_tests.TRANSLATING if m in translation] or sorted(translation)[:1]
    if not models:
        return "Translation:  no model that translates was run"
    texts = [f"{m} {with_interval(results.scores(m), 'bits_per_spike')}" for m in models]
    added = translation[models[0]].get("source_bits_per_spike", {})
    source = f"; the source adds {number(added['value'])} to the baseline of {models[0]}" if "value" in added else ""
    return f"Translation:  {', '.join(texts)} bits/spike over the mean rate{source}"


def _decision_line(results: Results, metrics: Mapping[str, Any]) -> str:
    names = [m for m in metrics["models"] if "balanced_accuracy" in metrics["models"][m]]
    if not names:
        return "Decision:     no model that decides was run"
    scores = {m: results.scores(m) for m in names}
    names.sort(key=lambda m: -scores[m].get("balanced_accuracy", 0.0))
    declared = [m for m in names if m in (*declared_tests.DECIDING, declared_tests.BASELINE)]
    texts = [f"{m} {with_interval(scores[m], 'balanced_accuracy')}" for m in (declared or names)[:4]]
    return f"Decision:     balanced accuracy (0 to 1) for {label_text(results.config.trials.label)}: {', '.join(texts)}"


def _tests_line(results: Results) -> str:
    table = results.evaluation.read_comparisons()
    rows = table[table["role"] == "primary"]
    if not len(rows):
        return "Tests:        none was declared"
    codes = rows["verdict_code"] if "verdict_code" in rows else rows["verdict"]
    shown = rows[codes.isin(SUPPORTING)]
    undecided = int(codes.isin(UNDECIDED).sum())
    claims = "; ".join(f"{r['model_a']} − {r['model_b']}: {r['verdict']}" for r in shown.to_dict("records"))
    few = f"; {undecided} had too few recordings or blocks to decide" if undecided else ""
    listed = f" ({claims})" if claims else ""
    return f"Tests:        {len(shown)} of {len(rows)} declared tests show an effect{listed}{few}"


def _model_line(registration: Mapping[str, Any]) -> str:
    if not registration:
        return "Saved model:  none registered yet; make repro, or spikebridge publish"
    failed = [name for name, gate in registration.get("gates", {}).items() if not gate.get("passed")]
    gates = f"gates not passed: {', '.join(failed)}" if failed else "all gates passed"
    return f'Saved model:  {registration["model"]}, {gates}; spikebridge.load("{registration["uri"]}")'
