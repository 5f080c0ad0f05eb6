"""Only what changed is cut again, and only where nothing has been touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge import io, preprocess
from spikebridge.config import Config, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.types import Recording

Make = Callable[..., Recording]
Settings = Callable[..., Config]


@pytest.fixture
def ingested(make_recording: Make, tmp_path: Path) -> io.IngestedRecordings:
    for name, labels in (("one", ["a", "b"]), ("two", ["b", "a"])):
        io.save_ingested(replace(make_recording([5.0, 8.0], labels), name=name), tmp_path / "in" / name)
    return io.IngestedRecordings(tmp_path / "in")


def cut(ingested: io.IngestedRecordings, settings: Config, out: Path, earlier: Path | None) -> list[str]:
    heard: list[str] = []
    preprocess.write_windows(ingested, preprocess.PreprocessSections.of(settings), out, earlier, heard.append)
    return sorted(heard)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_did_not_change_is_taken_over(
    ingested: io.IngestedRecordings, settings: Settings, tmp_path: Path, workers: int
) -> None:
    config = settings(compute={"workers": workers})
    assert cut(ingested, config, tmp_path / "a", None) == ["one: 20 windows", "two: 20 windows"]
    assert cut(ingested, config, tmp_path / "b", tmp_path / "a") == ["one: unchanged", "two: unchanged"]
    assert files(tmp_path / "b") == files(tmp_path / "a")


CHANGES: list[dict[str, dict[str, Any]]] = [
    {"bins": {"width_s": 0.5}},
    {"trials": {"window_s": [-2.0, 0.0]}},
    {"data": {"min_rate_hz": 0.5}},
    {"trials": {"covariates": ["go"]}},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_setting_that_matters_cuts_all_again(
    ingested: io.IngestedRecordings, settings: Settings, tmp_path: Path, change: dict[str, dict[str, Any]]
) -> None:
    cut(ingested, settings(), tmp_path / "a", None)
    assert not any("unchanged" in line for line in cut(ingested, settings(**change), tmp_path / "b", tmp_path / "a"))
    cut(ingested, settings(**change), tmp_path / "c", None)
    assert files(tmp_path / "b") == files(tmp_path / "c"), "as if there had been no earlier result"


def test_a_setting_that_does_not_matter_cuts_nothing(
    ingested: io.IngestedRecordings, settings: Settings, tmp_path: Path
) -> None:
    cut(ingested, settings(), tmp_path / "a", None)
    heard = cut(ingested, settings(statistics={"alpha": 0.01}, tune={"n_trials": 3}), tmp_path / "b", tmp_path / "a")
    assert heard == ["one: unchanged", "two: unchanged"]


def test_states_are_checked_and_change_no_window(
    ingested: io.IngestedRecordings, settings: Settings, make_recording: Make, tmp_path: Path
) -> None:
    """Their share of the bins is printed before anything is fitted; a state that no recording has is refused."""
    cut(ingested, settings(), tmp_path / "a", None)
    speed = pd.DataFrame({"series": "speed", "time_s": np.arange(0, 20, 0.1), "value": np.arange(200) % 100})
    recording = replace(make_recording([5.0, 8.0], ["a", "b"]), name="one", behavior=speed)
    rest = pd.DataFrame({"start_time": [0.0], "stop_time": [10.0]})
    io.save_ingested(recording, tmp_path / "in" / "one", intervals={"rest": rest})
    cut(ingested, settings(), tmp_path / "b", tmp_path / "a")
    run, still = {"where": "speed > 49"}, {"intervals": "rest"}
    config = settings(analysis={"states": {"run": run, "rest": still}})
    heard = cut(ingested, config, tmp_path / "c", tmp_path / "b")
    assert heard == [
        "one: unchanged",
        "state rest: 50 % of the bins of the other recordings; two has no interval table 'rest'. Tables: none",
        "state run: 50 % of the bins of the other recordings; two has no behaviour series 'speed'. Series: none",
        "two: unchanged",
    ]
    assert files(tmp_path / "b") == files(tmp_path / "c")
    with pytest.raises(
        ConfigError, match=r"analysis.states.x: none of 2 recordings has it: one has no behaviour series"
    ):
        cut(ingested, settings(analysis={"states": {"x": {"where": "sped > 5"}}}), tmp_path / "d", None)


def test_a_new_recording_alone_is_cut_unless_it_brings_a_class(
    ingested: io.IngestedRecordings, settings: Settings, make_recording: Make, tmp_path: Path
) -> None:
    cut(ingested, settings(), tmp_path / "a", None)
    io.save_ingested(replace(make_recording([5.0, 8.0], ["a", "a"]), name="new"), tmp_path / "in" / "new")
    heard = cut(ingested, settings(), tmp_path / "b", tmp_path / "a")
    assert heard == ["new: 20 windows", "one: unchanged", "two: unchanged"]
    io.save_ingested(replace(make_recording([5.0, 8.0], ["a", "c"]), name="new"), tmp_path / "in" / "new")
    assert len([x for x in cut(ingested, settings(), tmp_path / "c", tmp_path / "b") if "unchanged" not in x]) == 3


@pytest.mark.parametrize("name", ["one/source.npy", "one/about.json", "one/quality.csv", "report.json"])
def test_a_touched_result_is_never_taken_over(
    ingested: io.IngestedRecordings, settings: Settings, tmp_path: Path, name: str
) -> None:
    cut(ingested, settings(), tmp_path / "a", None)
    good = files(tmp_path / "a")
    (tmp_path / "a" / name).write_text("{")
    heard = cut(ingested, settings(), tmp_path / "b", tmp_path / "a")
    assert "one: 20 windows" in heard
    assert files(tmp_path / "b") == good


def test_everything_wrong_in_every_recording_is_said(
    ingested: io.IngestedRecordings, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        cut(ingested, settings(data={"min_rate_hz": 1000.0}), tmp_path / "a", None)
    assert "one:" in str(caught.value) and "two:" in str(caught.value)


def test_counts_in_bins_must_fit_the_bins_that_are_asked_for(
    make_recording: Make, settings: Settings, tmp_path: Path
) -> None:
    binned = replace(make_recording([5.0, 8.0], ["a", "b"]), resolution_s=0.1)
    with pytest.raises(ConfigError, match=r"bins\.width_s = 0\.25 is no multiple of the 0\.1 s bins that small holds"):
        preprocess.make_windows(binned, WindowSections.of(settings()), ("a", "b"))
    even = settings(bins={"width_s": 0.2})
    assert preprocess.make_windows(binned, WindowSections.of(even), ("a", "b"))[0].n_bins == 5
    shifted = replace(binned, trials=binned.trials.assign(go=binned.trials["go"] + 0.03))
    with pytest.raises(DataError, match="2 windows begin inside a bin"):
        preprocess.make_windows(shifted, WindowSections.of(even), ("a", "b"))
