"""nulls.csv: models that know something beat every null."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from fake_runs import Plan, make_study

Run = Callable[..., Path]


def test_nulls(out: Path) -> None:
    nulls = pd.read_csv(out / "nulls.csv")
    primary = nulls[nulls["role"] == "primary"].set_index(["model", "null"])
    assert set(primary.index) == {
        ("seq2seq", "session_permutation"), ("random_forest", "session_permutation"), ("dnn", "session_permutation"),
        ("seq2seq", "trial_shuffle"), ("ridge", "trial_shuffle"),
    }  # fmt: skip
    assert primary["passed"].all()
    assert (primary["observed"] > primary["null_high"]).all()
    assert (nulls["p"] >= nulls["smallest_attainable_p"] - 1e-12).all()
    assert nulls["assumptions"].str.len().gt(0).all()


def test_linear_shift_steps_in_for_few_recordings(tmp_path: Path, run: Run) -> None:
    few = make_study(tmp_path, Plan(recordings=2, trials=130, truth=False))
    nulls = pd.read_csv(run(few) / "nulls.csv")
    primary = nulls[(nulls["role"] == "primary") & (nulls["model"] == "seq2seq")]
    assert set(primary["null"]) == {"linear_shift", "trial_shuffle"}
    assert primary["passed"].all()
