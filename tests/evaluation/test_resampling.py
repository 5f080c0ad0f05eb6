"""What counts as independent: recordings, animals or, of few recordings, blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_runs import Plan, Study, make_study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.errors import ConfigError
from spikebridge.evaluation.resampling import clusters_of

Run = Callable[..., Path]


def settings(study: Study, **changes: Any) -> Study:
    """The study with other keys in its section statistics."""
    config = study.config
    return replace(study, config=config.model_copy(update={"statistics": config.statistics.model_copy(update=changes)}))


@pytest.mark.slow
def test_few_recordings_say_so(tmp_path: Path, run: Run) -> None:
    small = make_study(tmp_path, Plan(recordings=3, trials=24, folds=3))
    table = EvaluationRun(run(settings(small, cluster="recording"))).read_comparisons()
    verdicts = table[table["family"] == "above_majority"]["verdict"]
    assert set(verdicts) == {"too few recordings to decide (needs 6)"}
    auto = EvaluationRun(run(small, "auto")).read_metrics()
    assert (auto["cluster"], auto["n_clusters"]) == ("block", 9)
    assert auto["models"]["majority"]["balanced_accuracy_within_blocks"]["value"] == 0.5


def test_two_models_are_compared_over_recordings_however_few(tmp_path: Path, run: Run) -> None:
    """Which of two is better differs between recordings; chance in a translation is alike in the blocks of one."""
    small = make_study(tmp_path, Plan(recordings=3, trials=24, folds=3))
    table = EvaluationRun(run(small)).read_comparisons().groupby("family")
    clusters = table["n_clusters"].agg(["min", "max"]).to_dict("index")
    assert clusters.pop("above_majority") == {"min": 9, "max": 9}
    declared = ("seq2seq_against_competitors", "translation", "translation_from_source")
    assert [clusters[family] for family in declared] == [{"min": 3, "max": 3}] * 3
    verdicts = table["verdict"].unique()
    assert list(verdicts["seq2seq_against_competitors"]) == ["too few recordings to decide (needs 6)"]
    assert list(verdicts["translation"]) == ["too few recordings to decide (needs 5)"]
    asked = EvaluationRun(run(settings(small, cluster="block"), "asked")).read_comparisons()
    assert set(asked[asked["family"] == "translation"]["n_clusters"]) == {9}


@pytest.mark.slow
def test_animals_as_clusters(study: Study, run: Run) -> None:
    metrics = EvaluationRun(run(settings(study, cluster="animal"), "out_animal")).read_metrics()
    assert (metrics["cluster"], metrics["n_clusters"]) == ("animal", 2)


def test_a_recording_without_animal_is_named() -> None:
    with pytest.raises(ConfigError, match="got none for \\['b'\\]"):
        clusters_of(pd.DataFrame({"recording": ["a", "b"]}), "animal", {"a": "rat"})


@pytest.mark.slow
def test_nested_intervals_draw_recordings_first(tmp_path: Path, run: Run) -> None:
    """The sign flip over blocks is the same; the interval speaks for new recordings, and is wider."""
    small = make_study(tmp_path, Plan(recordings=4, trials=24, folds=3, translate={}))
    tables, contents = [], []
    for rule in ("block", "nested"):
        folder = run(settings(small, cluster=rule), rule)
        tables.append(EvaluationRun(folder).read_comparisons())
        contents.append(EvaluationRun(folder).read_metrics())
    flat, nested = (t[t["role"] == "primary"] for t in tables)
    assert (flat["p"] == nested["p"]).all() and (nested["n_clusters"] == 12).all()
    wider = (nested["ci_high"] - nested["ci_low"]) / (flat["ci_high"] - flat["ci_low"])
    assert wider.mean() > 1
    assert "nested" not in contents[0] and contents[1]["nested"] is True
    value = contents[1]["models"]["seq2seq"]["balanced_accuracy"]
    assert value["value"] == contents[0]["models"]["seq2seq"]["balanced_accuracy"]["value"]
    assert value["ci_low"] < value["value"] < value["ci_high"]
