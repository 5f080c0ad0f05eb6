"""The benchmark of regimes: its settings, its page, and at tiny size its numbers, which are those of evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import pytest

import quality
import regimes
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import BEYOND_LINEAR_TABLE
from spikebridge.errors import ConfigError


def words(*more: str) -> argparse.Namespace:
    return quality.parse(["--on", "regimes", *more])


def test_settings_of_each_regime() -> None:
    settings_by_regime = {regime: regimes.settings_of_regime(regime, words()) for regime in regimes.REGIMES}
    kinds = [settings.simulate.regime for settings in settings_by_regime.values()]
    assert kinds == ["linear", "gated", "integrated", "theta", "theta"]
    assert {settings.tune.n_trials for settings in settings_by_regime.values()} == {3}
    assert all(list(settings.models) == list(regimes.MODELS) for settings in settings_by_regime.values())
    fine = settings_by_regime["theta, bins of 25 ms"]
    assert fine.bins.width_s == 0.025 and regimes.FINE.items() <= fine.models["seq2seq"].items()
    assert settings_by_regime["linear"].models["seq2seq"]["n_members"] == 2
    assert regimes.settings_of_regime("gated", words("--quick")).simulate.n_trials == 40
    with pytest.raises(ConfigError, match="did you mean ridge"):
        regimes.settings_of_regime("linear", words("--models", "rigde"))


def test_a_row_is_against_the_best_linear_translator() -> None:
    rows = [("seq2seq", "all", 0.18), ("ridge", "all", 0.09), ("poisson_glm", "all", 0.12), ("oracle", "all", 0.24)]
    table = pd.DataFrame(
        [("gated", *row, None, None, None, None) for row in rows]
        + [
            ("gated", "seq2seq - poisson_glm", "all", 0.06, 0.04, 0.08, True, "beyond linear"),
            ("gated", "seq2seq - ridge", "all", 0.09, 0.08, 0.1, False, "beyond linear"),
            ("gated", "seq2seq - poisson_glm", "a", -0.01, -0.02, 0.01, True, "linear"),
            ("gated", "seq2seq - ridge", "b", 0.02, 0.01, 0.03, True, "beyond linear"),
        ],
        columns=regimes.COLUMNS,
    )
    page = regimes.page(table, "Made by hand.")
    cells = "| gated | 0.180 | 0.120 | 0.090 | 0.240 | 0.060 [0.040, 0.080] | +50% | 50% | 75% | beyond linear |"
    assert cells in page.splitlines()
    assert "- gated: seq2seq is above the best linear translator of the recording in 1 of 2." in page
    assert page.endswith("Made by hand.\n")


@pytest.mark.slow
def test_numbers_are_those_of_the_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regimes, "REGIMES", {"gated": regimes.REGIMES["gated"]})
    options = ["--quick", "--models", "seq2seq", "ridge", "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    quality.main(["--on", "regimes", *options])
    (work,) = (tmp_path / "work").iterdir()
    run = EvaluationRun(work / "evaluation")
    table = pd.read_csv(tmp_path / "regimes.csv")
    value = table[table["recording"] == "all"].set_index("model")["value"]
    of_models = run.read_metrics()["translation"]
    for model in ("seq2seq", "ridge"):
        assert value[model] == pytest.approx(of_models[model]["source_bits_per_spike"]["value"])
    assert value["oracle"] == pytest.approx(run.read_recovery()["oracle"]["source_bits_per_spike"])
    assert value["seq2seq - ridge"] == pytest.approx(value["seq2seq"] - value["ridge"])
    written = run.read_table(BEYOND_LINEAR_TABLE)
    assert written is not None and len(written) == 3
    assert "| gated |" in (tmp_path / "regimes.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit, match="quality: expected seq2seq and a linear translator among the models"):
        quality.main(["--on", "regimes", "--quick", "--models", "ridge", "--out", str(tmp_path)])
