"""What must not be evaluated: leaks, and files that are broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_runs import Study

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.json_files import write_json
from spikebridge.artifacts.splits import load_splits, save_splits
from spikebridge.artifacts.truth import truth_path
from spikebridge.artifacts.windows import save_windows
from spikebridge.errors import DataError, LeakageError
from spikebridge.evaluation import leakage
from spikebridge.evaluation.inputs import read

Run = Callable[..., Path]
Spoil = Callable[[Study], None]


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame], model: str = "dnn") -> Spoil:
    def spoil(study: Study) -> None:
        path = study.run(model).folder / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return spoil


def intervals(change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(study: Study) -> None:
        path = study.run("dnn").training_intervals
        content = json.loads(path.read_text())
        change(content)
        write_json(path, content)

    return spoil


def touched_block(study: Study) -> None:
    stop = load_splits(study.places[1]).folds[2].test_intervals["rat1_day2"][0, 1]
    intervals(lambda c: c["folds"]["2"]["rat1_day2"].append([stop + 0.2, stop + 0.5]))(study)


def edited_manifest(study: Study) -> None:
    splits = load_splits(study.places[1])
    gaps = dict.fromkeys(splits.gap_s, 0.0)
    save_splits(replace(splits, gap_s=gaps), study.places[1])


def other_windows(study: Study) -> None:
    w = study.windows[0]
    save_windows(replace(w, source=w.source[::-1]), study.root / "windows")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (table("predictions", lambda t: t.assign(split_hash="0")), "dnn predictions: expected split hash"),
        (table("translation", lambda t: t.assign(split_hash="0"), "ridge"), "ridge translation: expected split hash"),
        (table("predictions", lambda t: t.iloc[1:]), r"fold 0, recording rat1_day1, trial 0: .*got none \(1 such"),
        (table("predictions", lambda t: pd.concat([t, t.iloc[:1]])), "trial 0: predicted more than once"),
        (table("predictions", lambda t: t.assign(fold=(t["fold"] + 1) % 5)), "predicted in a fold that trained on it"),
        (table("predictions", lambda t: t.assign(time_s=t["time_s"] + 1)), "another decision time"),
        (table("predictions", lambda t: t.assign(label=t["label"].iloc[::-1].to_numpy())), "another label"),
        (table("predictions", lambda t: t.assign(trial=t["trial"] + 1000)), "the manifest does not test it"),
        (intervals(lambda c: c.update(split_hash="0")), "dnn: training intervals: expected split hash"),
        (intervals(lambda c: c["folds"].pop("3")), "dnn: fold 3: expected the time intervals"),
        (touched_block, r"dnn: fold 2: rat1_day2: learned from .* nearer than the gap"),
        (edited_manifest, "does not match its hash"),
        (other_windows, "rat1_day1: the windows are not those of the split manifest"),
    ],
)
@pytest.mark.quick_cases(6)
def test_leaks_are_refused(copy: Study, spoil: Spoil, message: str, run: Run) -> None:
    spoil(copy)
    with pytest.raises(LeakageError, match=message):
        run(copy)
    assert not (copy.root / "out").exists()


def test_windows_past_the_decision_are_refused(copy: Study) -> None:
    inputs = read(copy.config.models, *copy.places[:3])
    w = next(iter(inputs.windows.values()))
    late = replace(inputs, windows={**inputs.windows, w.recording: replace(w, decision_s=w.decision_s - 0.1)})
    assert any("decision windows reach past the decision" in line for line in leakage.window_problems(late))


def test_what_was_checked_is_written(out: Path) -> None:
    report = EvaluationRun(out).read_leakage()
    assert report["passed"] is True
    assert report["trials"] > 300
    assert len(report["checks"]) >= 6


def remove(name: str) -> Spoil:
    return lambda study: (study.run("dnn").folder / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("training_intervals.json"), "run the stage train@dnn"),
        (lambda s: s.run("dnn").training_intervals.write_text("{"), "cannot be read as JSON"),
        (table("predictions", lambda t: t.drop(columns="p_stay")), r"missing \['p_stay'\]"),
        (table("predictions", lambda t: t.assign(p_stay=2.0)), "expected probabilities that sum to one"),
        (table("predictions", lambda t: t.assign(predicted="maybe")), r"expected one of .* got \['maybe'\]"),
        (lambda s: s.run("dnn").predictions.write_text("no"), "cannot be read as parquet"),
        (lambda s: s.run("seq2seq").latents.write_text("no"), "latents.parquet: cannot be read"),
        (lambda s: s.run("dnn").training_intervals.write_text("[]"), "expected a JSON object, got list"),
        (lambda s: truth_path(s.root / "data", "rat1_day1").write_text("no"), "as the truth of a simulated"),
    ],
)
def test_broken_files_are_named(copy: Study, spoil: Spoil, message: str, run: Run) -> None:
    spoil(copy)
    with pytest.raises(DataError, match=message):
        run(copy)
