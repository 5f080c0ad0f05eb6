"""Communication gain, against brute force over trials, bins and units; nothing where it cannot be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, Study, make_study

Run = Callable[..., Path]
HISTORY = {"target_history": 0.4, "target_history_source": 1.0}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Study:
    plan = Plan(recordings=2, trials=30, folds=3, decode={}, translate=HISTORY)
    return make_study(tmp_path_factory.mktemp("gain"), plan)


def test_brute_force(pair: Study, run: Run) -> None:
    found = run(pair)
    table = pd.read_csv(found / "tables" / "communication_gain.csv")
    bits = spikes = 0.0
    for w in pair.windows:
        rates = []
        for model in HISTORY:
            with np.load(pair.model(model) / "rates.npz") as z:
                rates.append(dict(zip(z[f"{w.recording}|trial"].tolist(), z[f"{w.recording}|rates"], strict=True)))
        own, count = np.zeros(w.target.shape[2]), np.zeros(w.target.shape[2])
        for row in np.flatnonzero(w.trial >= 0):
            y, trial = w.target[row].astype(float), int(w.trial[row])
            without, full = (r[trial].astype(float) for r in rates)
            own += (y * np.log2(full / without) - (full - without) / np.log(2)).sum(axis=0)
            count += y.sum(axis=0)
        mine = table[(table["recording"] == w.recording) & (table["unit"] != "all")].set_index("unit")
        np.testing.assert_allclose(mine.loc[w.target_units.astype(str), "gain"], own / count, rtol=1e-6)
        np.testing.assert_allclose(mine.loc[w.target_units.astype(str), "spikes"], count)
        pooled = table[(table["recording"] == w.recording) & (table["unit"] == "all")]["gain"].item()
        assert pooled == pytest.approx(own.sum() / count.sum(), rel=1e-6)
        bits, spikes = bits + own.sum(), spikes + count.sum()
    said = json.loads((found / "metrics.json").read_text())["communication_gain"]
    assert said["value"] == pytest.approx(bits / spikes, rel=1e-4)
    assert said["ci_low"] < said["value"] < said["ci_high"]
    assert said["value"] > 0.02
    assert said["n_units"] == sum(len(w.target_units) for w in pair.windows)
    assert said["n_units_above_zero"] > said["n_units"] / 2
    assert set(said["per_recording"]) == {w.recording for w in pair.windows}


def test_the_other_way_round_the_gain_is_negative(tmp_path: Path, run: Run) -> None:
    turned = {"target_history": 1.0, "target_history_source": 0.4}
    study = make_study(tmp_path, Plan(recordings=2, trials=30, folds=3, decode={}, translate=turned))
    assert json.loads((run(study) / "metrics.json").read_text())["communication_gain"]["ci_high"] < 0


def test_nothing_without_both_models(tmp_path: Path, run: Run) -> None:
    study = make_study(tmp_path, Plan(recordings=2, trials=20, folds=2, decode={}, translate={"target_history": 0.5}))
    found = run(study)
    assert "communication_gain" not in json.loads((found / "metrics.json").read_text())
    assert not (found / "tables" / "communication_gain.csv").exists()
