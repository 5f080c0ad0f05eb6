"""Settings of the translator that are proposed from the recordings, and how they are written into a parameter file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from memory_sessions import Inspected, session
from ruamel.yaml import YAML

from spikebridge import config, models
from spikebridge.errors import ConfigError
from spikebridge.inspection import complete_params
from spikebridge.inspection.edit_yaml import MARK, with_settings
from spikebridge.inspection.propose_translator import propose_min_rate, propose_translator

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "params.yaml").read_text(encoding="utf-8")
START = 5.0 + 6.0 * np.arange(60)


def translator(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text)["models"]["seq2seq"])


def of_seconds(*observed_s: float) -> Any:
    """Recordings of which only the observed time is known."""
    return [SimpleNamespace(summary=SimpleNamespace(spikes=SimpleNamespace(observed_s=s))) for s in observed_s]


def test_short_windows_in_little_time_do_not_get_the_settings_of_the_simulator(inspected: Inspected) -> None:
    """Spikes only in 0.4 s of each of 60 trials, as in the recordings of examples/steinmetz."""
    contents = session(columns={"stop_time": START + 0.43, "decision_time": 7})
    since = (contents.spikes["time_s"] - 5.0) % 6.0
    kept = contents.spikes[(since < 0.43) & contents.spikes["time_s"].between(5.0, START[-1] + 0.43)]
    got = inspected(replace(contents, spikes=kept))
    assert got.dry_run.runs
    assert got.proposal.trials["window_s"] == [0.0, 0.4]
    written, shipped = complete_params(SHIPPED, got.proposal), translator(SHIPPED)
    example = translator((ROOT / "examples/steinmetz/params.yaml").read_text(encoding="utf-8"))
    for key in ("smoothing_s", "hidden_size", "n_members"):
        assert translator(written)[key] == example[key] != shipped[key]
    assert got.proposal.data["min_rate_hz"] == config.load(ROOT / "examples/steinmetz/params.yaml").data.min_rate_hz
    for text in (written, got.proposed_yaml):
        assert "an eighth of the window of 0.4 s" in text
        assert "1300 observed bins in the median recording, fewer than 10000" in text
        assert "# 13 spikes in the 26 s observed; 0.1 would be 3" in text


@pytest.mark.parametrize(
    ("window_s", "bin_s", "smoothing_s"),
    [((0.0, 0.4), 0.02, 0.05), ((-2.0, 0.0), 0.05, 0.15), ((0.0, 0.1), 0.02, 0.02), ((-1.0, 0.0), 0.05, 0.125)],
)
def test_smoothing_follows_the_window(window_s: tuple[float, float], bin_s: float, smoothing_s: float) -> None:
    got, reasons = propose_translator(of_seconds(900.0), window_s, bin_s)
    assert got["smoothing_s"] == smoothing_s
    assert set(reasons) == set(got)
    models.check_section({"seq2seq": got})


def test_size_follows_the_observed_time_of_the_median_recording() -> None:
    sizes = [
        propose_translator(of_seconds(*seconds), (-2.0, 0.0), 0.05)[0]["hidden_size"]
        for seconds in ((100.0, 100.0, 9000.0), (100.0, 9000.0, 9000.0), (499.0,), (501.0,), ())
    ]
    assert sizes == [64, 32, 64, 32, 32]


@given(st.lists(st.floats(0.0, 1e5), max_size=4))
def test_units_have_enough_spikes_at_the_proposed_rate_where_any_candidate_gives_them(seconds: list[float]) -> None:
    comments: dict[str, str] = {}
    rate = propose_min_rate(of_seconds(*seconds), comments)
    assert rate in (0.1, 0.2, 0.5)
    assert bool(comments) == (rate > 0.1)
    shortest = min(seconds, default=0.0)
    if shortest >= 40.0:
        assert rate * shortest >= 20 > {0.1: 0.0, 0.2: 0.1, 0.5: 0.2}[rate] * shortest


def test_without_a_window_nothing_is_proposed(inspected: Inspected) -> None:
    contents = session()
    tables = {"trials": contents.tables["trials"][["choice"]]}
    got = inspected(replace(contents, tables=tables))
    assert got.proposal.missing
    assert not got.proposal.translator
    assert "models:" not in got.proposed_yaml
    assert translator(complete_params(SHIPPED, got.proposal)) == translator(SHIPPED)


VALUES = {"smoothing_s": "0.05", "n_members": "4"}
FILES = {
    "one line": "models:\n  ridge: {}\n  seq2seq: {core: gru, smoothing_s: 0.15, n_members: tune}  # all\ntune: {}\n",
    "lines in braces": "models:\n  seq2seq: {core: gru, smoothing_s: 0.15,\n            n_members: 2}  # end\n",
    "a line each": "models:\n  seq2seq:\n    core: gru     # a core\n    smoothing_s: 0.15   # wide\n",
    "nothing set": "models:\n  majority: {}\n  seq2seq: {}\n",
    "no value": "models:\n  seq2seq:\n  majority: {}\n",
    "an anchor": "models:\n  seq2seq: &t {core: gru}\n  seq2seq_label_direction: *t\n",
    "an anchor over lines": "models:\n  # why\n  seq2seq: &t\n           {core: gru, n_members: 3}\n  other: *t\n",
    "all in braces": "models: {majority: {}, seq2seq: {core: gru}}\n",
}


@pytest.mark.parametrize("name", FILES)
def test_only_the_settings_change_and_the_reasons_stand_above(name: str) -> None:
    text = FILES[name]
    got = with_settings(text, "seq2seq", VALUES, ["because", "and because"])
    before, after = yaml.safe_load(text), yaml.safe_load(got)
    wanted = (before["models"]["seq2seq"] or {}) | {"smoothing_s": 0.05, "n_members": 4}
    assert after["models"]["seq2seq"] == wanted
    aliases = {"seq2seq", "seq2seq_label_direction", "other"}
    for key in before["models"]:
        assert after["models"][key] == (wanted if key in aliases else before["models"][key])
    assert YAML(typ="safe", pure=True).load(got) == after
    for comment in ("# all", "# end", "# a core", "# wide", "# why"):
        assert (comment in got) == (comment in text)
    assert [line.strip() for line in got.splitlines() if MARK in line] == [f"{MARK}because", f"{MARK}and because"]
    again = with_settings(got, "seq2seq", VALUES, ["because", "and because"])
    assert again == got


def test_a_file_without_the_model_stays_as_it_is() -> None:
    for text in ("models: {ridge: {}}\n", "seed: 1\n", "models:\n"):
        assert with_settings(text, "seq2seq", VALUES, ["because"]) == text


def test_a_section_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"models.seq2seq: expected settings such as smoothing_s: 0.1, got 'fast'"):
        with_settings("models:\n  seq2seq: fast\n", "seq2seq", VALUES, [])
