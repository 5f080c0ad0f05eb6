"""The benchmark of the gates: what a study draws and forbids, what is kept of a broken-off run, and one small study."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gates.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_gates", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_kind_lacks_its_effect(bench: ModuleType) -> None:
    without = {kind: bench.settings_for(kind, 3, 50) for kind in bench.KINDS}
    told = {kind: (c.simulate.label_information, c.simulate.coupling) for kind, c in without.items()}
    assert told == {"no_label": (0.0, 1.0), "no_coupling": (1.0, 0.0), "default": (1.0, 1.0)}
    assert {c.seed for c in without.values()} == {3}
    assert {c.simulate.n_recordings for c in without.values()} == {6}, "as many as a sign flip needs"


def outcome(**changes: Any) -> dict[str, Any]:
    return {
        "chosen": "dnn",
        "promoted": False,
        "gates_failed": "nulls",
        "decides": "none",
        "translates": "none",
    } | changes


def test_a_forbidden_claim_is_false_and_studies_are_made_once(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def study(settings: Any, work: Path) -> dict[str, Any]:
        made.append((settings.simulate.label_information, settings.simulate.coupling, settings.seed))
        return outcome(promoted=True, gates_failed="none", decides="dnn", translates="none")

    monkeypatch.setattr(bench, "study", study)
    path = tmp_path / "gates.csv"
    known = pd.DataFrame([{"study": "no_label", "seed": 0, **outcome(), "false_claims": False, "seconds": 1.0}])
    table = bench.compare(1, 50, path, known)
    assert made == [(1.0, 0.0, 0), (1.0, 1.0, 0)], "what is known is not made again"
    by_kind = table.set_index("study")
    assert not by_kind["false_claims"].any(), "without coupling a decision may be claimed"
    made.clear()
    again = bench.compare(2, 50, path, pd.read_csv(path))
    assert len(again) == 6
    assert len(made) == 3
    assert again[again["study"] == "no_label"]["false_claims"].tolist() == [False, True]
    lines = bench.summary_lines(again)
    assert lines[0].startswith("- no_label: promoted 1 of 2; some model better than majority in 1,")
    assert lines[0].endswith("false claims in 1.")


@pytest.mark.slow
def test_one_small_study_from_spikes_to_gates(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "KINDS", {"no_coupling": bench.KINDS["no_coupling"]})
    monkeypatch.setattr(bench, "FALSE", {"no_coupling": "translates"})
    small = {"n_recordings": 2, "n_source_units": [10, 12], "n_target_units": [6, 8]}
    monkeypatch.setitem(bench.SMALL, "simulate", bench.SMALL["simulate"] | small)
    for model, settings in {
        "seq2seq": {"max_epochs": 1},
        "dnn": {"max_epochs": 1},
        "random_forest": {"n_estimators": 5},
    }.items():
        monkeypatch.setitem(bench.MODELS, model, bench.MODELS[model] | settings)
    bench.main(["--seeds", "1", "--trials", "30", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "gates.csv")
    assert list(table.columns) == bench.COLUMNS
    assert table["study"].tolist() == ["no_coupling"]
    assert table["translates"].tolist() == ["none"]
    text = (tmp_path / "gates.md").read_text(encoding="utf-8")
    assert "python benchmarks/gates.py --seeds 1 --trials 30" in text
    assert text in capsys.readouterr().out
