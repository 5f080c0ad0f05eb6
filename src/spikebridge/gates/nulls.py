"""The gate: the score is not there in data without the effect."""

from __future__ import annotations

from typing import Any

import pandas as pd

from spikebridge.gates.gate import Gate


def nulls(table: pd.DataFrame, model: str) -> Gate:
    """Every primary null of the model was passed: what it finds is not there in data without the effect."""
    rows = table[(table["model"] == model) & (table["role"] == "primary")]
    if rows.empty:
        return Gate(False, f"no primary null of {model}")
    failed = rows[~rows["passed"].map(_truth)]
    names = ", ".join(sorted(set((rows if failed.empty else failed)["null"].astype(str))))
    return Gate(failed.empty, names if failed.empty else f"not passed: {names}")


def _truth(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1"}
