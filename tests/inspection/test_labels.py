"""Labels that inspect offers: judged by their values, kept under the alignment, made of several columns."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from memory_sessions import Inspected, session
from project import shared_recordings

from spikebridge.inspection import Inspection, inspect, to_dict

N = 60
START = 5.0 + 6.0 * np.arange(N)
K = np.arange(N)


def labels(result: Inspection) -> list[Any]:
    return [c.label for c in result.tables[0].label_candidates]


def runs(result: Inspection) -> Inspection:
    assert result.dry_run.runs, result.dry_run.problems
    return result


def made(columns: dict[str, Any], drop: tuple[str, ...] = ("choice",)) -> Any:
    contents = session(columns=columns)
    return replace(contents, tables={"trials": contents.tables["trials"].drop(columns=list(drop))})


def test_the_case_of_a_response_that_misses_lack(tmp_path: Path) -> None:
    """response_time has no value in misses: aligned to it, the label hit would have one class."""
    cases = shared_recordings().parents[1] / "cases"
    script = next(iter(sorted(cases.glob("04b_*.py"))), None)
    if script is None:
        pytest.skip("the shared cases are not here")
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["trials"] == 75
    result = inspect(tmp_path)
    trials = result.proposal.trials
    assert (trials["label"], trials["align"] == "response_time") == ("hit", False)
    assert "hit" not in result.proposal.missing
    if "regions" not in result.proposal.missing:
        assert result.dry_run.class_counts == {"False": 25, "True": 50}


@pytest.mark.parametrize(
    ("time", "label", "values"),
    [
        ("response_time", "hit", K % 3 > 0),
        ("lick_time", "outcome", np.where(K % 3 > 0, "hit", "miss")),
        ("choice_onset", "correct", (K % 3 > 0).astype(float)),
        ("reaction_onset", "trial_type", np.where(K % 3 > 0, np.where(K % 2 > 0, "go", "probe"), "catch")),
    ],
)
def test_the_label_keeps_its_classes_under_the_alignment(
    inspected: Inspected, time: str, label: str, values: Any
) -> None:
    columns = {label: values, time: np.where(K % 3 > 0, START + 1.1, np.nan), "cue_time": START + 0.2}
    got = runs(inspected(made(columns, ("choice", "decision_time"))))
    trials = got.proposal.trials
    assert (trials["label"], trials["align"]) == (label, "cue_time")
    assert got.dry_run.class_counts == {str(v): int(n) for v, n in pd.Series(values).map(_name).value_counts().items()}
    assert trials["window_s"] == [0.0, 0.8], "the window ends before the responses that there are"
    assert got.proposal.comments["trials.align"].startswith(
        f"not {time}, which has no time in most trials of the class "
    )


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def test_trials_whose_response_comes_too_early_are_left_out(inspected: Inspected) -> None:
    early = K % 15 == 1
    response = np.where(K % 3 > 0, START + np.where(early, 0.3, 3.0), np.nan)
    got = runs(inspected(made({"hit": K % 3 > 0, "response_time": response}, ("choice", "decision_time"))))
    trials = got.proposal.trials
    assert (trials["align"], trials["window_s"]) == ("start_time", [0.0, 2.0])
    assert trials["include"] == "not 0 < response_time - start_time < 1.999999"
    assert got.dry_run.class_counts == {"False": 20, "True": 40 - int(early.sum())}


def test_a_label_that_only_some_trials_have(inspected: Inspected) -> None:
    """The column that comes first by name has a value in few trials; under its alignment two classes remain."""
    choice = np.where(K % 2 == 0, np.where(K % 4 == 0, "left", "right"), None)
    got = runs(inspected(session(columns={"choice": choice})))
    assert (got.proposal.trials["label"], got.dry_run.class_counts) == ("choice", {"left": 15, "right": 15})


@pytest.mark.parametrize("name", ["trial_type", "choice_id", "stim_index", "number_correct", "id_of_image", "trialNr"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_column_is_judged_by_its_values(inspected: Inspected, name: str, classes: int) -> None:
    values = np.random.default_rng(1).permutation(K % classes)
    got = runs(inspected(made({name: values})))
    assert got.proposal.trials["label"] == name
    assert got.dry_run.class_counts == {str(k): N // classes for k in range(classes)}


def test_columns_that_count_or_never_change_are_no_labels(inspected: Inspected) -> None:
    columns = {
        "choice_count": K // 6,  # rises by one
        "trial_in_block": K % 10,  # begins anew
        "side_id": 4,
        "choice_number": K,
        "answer": np.random.default_rng(2).permutation(K % 2),
        "stim_id": np.random.default_rng(3).permutation(K % 4),
    }
    got = runs(inspected(made(columns)))
    assert labels(got) == ["answer", "stim_id"]
    assert got.proposal.trials["label"] == "answer"
    assert [c["label"] for c in to_dict(got)["tables"][0]["label_candidates"]] == ["answer", "stim_id"]
    assert "stim_id" in got.proposed_yaml


def one_hot(kind: type = bool, **names: str) -> dict[str, Any]:
    """Columns HitR, HitL, ErrR, ErrL, or as they are called here, of 60 trials; and what the animal chose."""
    rng = np.random.default_rng(5)
    which = rng.permutation(np.repeat(["HitR", "HitL", "ErrR", "ErrL"], [18, 17, 13, 12]))
    return {names.get(n, n): (which == n).astype(kind) for n in ("HitR", "HitL", "ErrR", "ErrL")}


@pytest.mark.parametrize("kind", [bool, np.int64, np.float64, np.uint8])
@pytest.mark.parametrize(
    "names",
    [
        {},
        {"HitR": "correct_right", "HitL": "correct_left", "ErrR": "error_right", "ErrL": "error_left"},
        {"HitR": "right hit", "HitL": "left hit", "ErrR": "right err", "ErrL": "left err"},
    ],
)
@pytest.mark.quick_cases(3)
def test_flags_that_make_a_choice(inspected: Inspected, kind: type, names: dict[str, str]) -> None:
    got = runs(inspected(made(one_hot(kind, **names) | {"laser": K % 2 == 0})))
    hit_r, hit_l, err_r, err_l = (
        f"`{n}`" if " " in n else n for n in (names.get(k, k) for k in ("HitR", "HitL", "ErrR", "ErrL"))
    )
    assert got.proposal.trials["label"] == {"right": f"{hit_r} or {err_l}", "left": f"{hit_l} or {err_r}"}
    assert got.dry_run.class_counts == {"left": 30, "right": 30}
    assert got.proposal.comments["trials.label"].startswith("a guess: right and left in the columns' names are")
    offered = labels(got)
    assert {"right": f"{hit_r} or {err_r}", "left": f"{hit_l} or {err_l}"} in offered
    assert {"correct": f"{hit_r} or {hit_l}", "error": f"{err_r} or {err_l}"} in offered
    assert {
        names.get(k, k): q for k, q in zip(("HitR", "HitL", "ErrR", "ErrL"), (hit_r, hit_l, err_r, err_l), strict=True)
    } in offered
    assert "laser" in offered


def test_flags_of_any_name_are_classes(inspected: Inspected) -> None:
    which = np.random.default_rng(6).permutation(K % 3)
    got = runs(inspected(made({name: which == k for k, name in enumerate(["stay", "skip", "wait"])})))
    assert {"stay": "stay", "skip": "skip", "wait": "wait"} in labels(got)


def test_trials_in_which_two_flags_are_true_have_no_class(inspected: Inspected) -> None:
    flags = one_hot(np.int64)
    slip = int(np.flatnonzero(flags["HitR"])[0])
    flags["ErrL"][slip] = 1
    flags["ErrR"][slip] = 1
    got = inspected(made(flags))
    assert got.dry_run.runs, got.dry_run.problems
    if isinstance(got.proposal.trials["label"], dict):
        assert sum(got.dry_run.class_counts.values()) == N - 1


@pytest.mark.parametrize("suffix", ["csv", "nwb", "mat"])
def test_flags_of_any_format(tmp_path: Path, suffix: str) -> None:
    from spikebridge import io
    from spikebridge.types import Recording

    contents = made(one_hot(np.float64 if suffix == "mat" else bool))
    recording = Recording(
        name="day", animal="rat", spikes=contents.spikes.sort_values(["unit", "time_s"], ignore_index=True),
        units=contents.units, trials=contents.tables["trials"], behavior=contents.behavior,
        observed=np.array([[0.0, 370.0]]),
    )  # fmt: skip
    reader = io.get_reader({"csv": "tables", "nwb": "nwb", "mat": "matlab"}[suffix])
    got = inspect(reader.write(recording, tmp_path))
    assert got.proposal.trials["label"] == {"right": "HitR or ErrL", "left": "HitL or ErrR"}
    assert got.dry_run.class_counts == {"left": 30, "right": 30}


def test_every_candidate_is_shown(inspected: Inspected, capsys: pytest.CaptureFixture[str]) -> None:
    from spikebridge.cli.inspect_report import print_report

    rng = np.random.default_rng(7)
    many = {f"answer_{chr(97 + k)}": rng.permutation(K % 2) for k in range(14)}
    got = runs(inspected(made(many)))
    print_report(got)
    printed = capsys.readouterr().out.partition("Label candidates")[2]
    assert all(name in printed for name in many)
