"""The gate: no model saw what it is scored on."""

from __future__ import annotations

from typing import Any

from spikebridge.gates.gate import Gate


def leakage(report: dict[str, Any], model: str) -> Gate:
    """The check of evaluate (leakage.json) passed, this model was among those that it looked at, and every gap is as
    long as the data ask."""
    if short := report.get("gap_too_short_s"):
        said = ", ".join(f"{name} {report['gap_s'][name]:g} of {needed:g} s" for name, needed in sorted(short.items()))
        return Gate(False, f"split.gap_s is shorter than what the rates remember: {said}")
    if report.get("passed") is not True:
        return Gate(False, "the leakage check of evaluate did not pass")
    if model not in report.get("models", []):
        return Gate(False, f"the leakage check of evaluate did not look at {model}")
    return Gate(True, f"{len(report.get('checks', []))} checks on {report.get('trials', '?')} trials")
