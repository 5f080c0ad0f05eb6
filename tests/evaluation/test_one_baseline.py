"""Two translators with different baselines are refused: their difference would not be that of the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.artifacts.training import TrainingRun
from spikebridge.errors import DataError
from spikebridge.evaluation.one_baseline import baseline_table, check_one_baseline


def translation(model: str, known: float, nats: float = 2.0) -> Translation:
    table = pd.DataFrame({"recording": "a", "trial": np.arange(4), "fold": [0, 0, 1, 1], "nats": nats, "spikes": 5.0})
    return Translation(model, table.assign(nats_without_source=[known, 0.1, 0.2, 0.3]), Path())


def test_one_baseline_is_accepted_and_the_difference_is_that_of_the_source() -> None:
    a, b, past = translation("a", 0.5, 2.0), translation("b", 0.5, 1.5), translation("past", np.nan)
    past.table["nats_without_source"] = np.nan
    check_one_baseline({"past": past, "a": a, "b": b})
    np.testing.assert_allclose(a.nats - b.nats, a.from_source - b.from_source)


def test_another_baseline_is_refused_by_trial() -> None:
    with pytest.raises(DataError, match=r"a and b: expected one baseline .* 0\.5000 and 0\.7000 .* at a trial 0; run"):
        check_one_baseline({"a": translation("a", 0.5), "b": translation("b", 0.7)})


def test_terms_are_a_table(tmp_path: Path) -> None:
    row = {"fold": "full", "recording": "a", "psth": True, "smoothing_bins": 2.0, "shrinkage": 0.5, "drift": False,
           "kernel_s": 0.0, "prior": 1.0, "scale": 0.4}  # fmt: skip
    for model in ("ridge", "seq2seq"):
        (tmp_path / model).mkdir()
    TrainingRun(tmp_path / "ridge").write_baselines([row])
    table = baseline_table(["ridge", "seq2seq"], tmp_path)
    assert table.to_dict("records") == [{"model": "ridge", **row}]
    (tmp_path / "ridge" / "baselines.csv").write_text("fold\n1\n")
    with pytest.raises(DataError, match="missing"):
        baseline_table(["ridge"], tmp_path)
