"""recovery.json: what the simulation put in is found again."""

from __future__ import annotations

import json
from pathlib import Path


def test_recovery(out: Path) -> None:
    found = json.loads((out / "recovery.json").read_text())
    model = found["models"]["seq2seq"]
    assert model["mean_r2"] > 0.8
    assert set(model["r2"]) == {"position", "deliberation", "arousal"}
    assert len(model["recordings"]) == 6
    assert abs(found["counts"]["lag_error_s"]) < 0.05
    assert len(found["counts"]["recordings"]) == 6
    assert found["counts"]["dimension"] in (2, 3, 4)
