"""The benchmark of claims: nothing of the later trials is learned, and the differences are those of the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import claims
from common import settings_of

pytestmark = pytest.mark.slow


def test_later_trials_come_after_the_study() -> None:
    base = settings_of("simulator", Path(), ["majority"])
    base = base.model_copy(
        update={
            "simulate": base.simulate.model_copy(update={"n_trials": 12, "n_recordings": 2, "n_source_units": (8, 8)})
        }
    )
    study, after = claims.parts(base, 20)
    for learned, new in zip(study, after, strict=True):
        assert int(learned.labelled.sum()) == 12
        assert new.labelled.all()
        assert new.start_s.min() - learned.stop_s.max() >= claims.PAUSE_S - 1e-6
        assert learned.source_units.tolist() == new.source_units.tolist()


def test_differences_by_hand() -> None:
    rows = [
        {"seed": 1, "recording": f"r{k}", "model": m, "metric": "balanced accuracy", "n": 10, "value": v + 0.01 * k}
        for k in range(4)
        for m, v in (("seq2seq", 0.8), ("majority", 0.5))
    ]
    compared = claims.differences(pd.DataFrame(rows)).set_index(["model_a", "model_b"])
    row = compared.loc[("seq2seq", "majority")]
    assert row["difference"] == pytest.approx(0.3)
    assert (row["recordings"], row["fresh_trials"], row["above"]) == (4, 40, 4)
    assert np.isclose(row["ci_low"], 0.3)
    assert len(compared) == 1


def test_quick_run(tmp_path: Path) -> None:
    words = ["--seeds", "1", "--trials", "24", "--fresh", "40", "--models", "random_forest", "majority", "ridge"]
    claims.main([*words, "--workers", "1", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "claims.csv")
    assert set(table["model"]) == {"random_forest", "majority", "ridge"}
    assert "random_forest" in (tmp_path / "claims.md").read_text(encoding="utf-8")
