"""The proposal as YAML, alone and inside a complete file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_sessions import Inspected, session
from ruamel.yaml import YAML

from spikebridge import config
from spikebridge.inspection import Proposal, complete_params, to_dict
from spikebridge.inspection.params_yaml import params_sections

BASE = """# the head
seed: 3

data:                 # all of it
  path: old
  source: [A]
  target: [B]

# about quality
quality: {max_rate_change: 3.0}

bins: {width_s: 0.5}  # goes
models:
  majority: {}        # stays

# the end
"""


def test_sections_are_replaced_and_all_else_stays(inspected: Inspected) -> None:
    proposal = inspected(session()).proposal
    text = complete_params(BASE, proposal)
    assert config.parse(yaml.safe_load(text)).data.source == ["CA1"]
    for kept in ("# the head\n", "# about quality\n", "# stays\n", "# the end\n", "quality: {max_rate_change: 3.0}\n"):
        assert kept in text
    for gone in ("all of it", "old", "goes"):
        assert gone not in text
    assert text.index("data:") < text.index("quality:") < text.index("bins:") < text.index("models:")
    assert complete_params(text, proposal) == text
    content = yaml.safe_load(text)
    printed = yaml.safe_load(params_sections(proposal))
    assert printed.pop("models") == {"seq2seq": proposal.translator}, "not in this file, which has no seq2seq"
    assert {name: content[name] for name in ("data", "trials", "bins")} == printed


@pytest.mark.parametrize("name", ["no", "1", "1e3", "a: b", "# x", "é", "null", " ca1", "it's"])
def test_names_survive(inspected: Inspected, name: str) -> None:
    proposal = replace(
        inspected(session()).proposal, data={"source": [name], "options": {"rate": 3.0e4, "field": name}}
    )
    assert yaml.safe_load(params_sections(proposal))["data"] == proposal.data


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["1e3", "0o7", "0x1F", "12:30:00", "2026-01-01", ".5", "-", "~", "yes", "a # b", "x: y", "{", "a, b]", '"', "l\nm"]
)
VALUES = st.recursive(
    PLAIN | NAMES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)


@given(st.dictionaries(st.sampled_from(["path", "source", "options", "observed"]), VALUES, min_size=1), NAMES)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_block_is_read_as_what_is_proposed(data: dict[str, Any], comment: str) -> None:
    """Also by YAML 1.2, as DVC reads it, and whatever stands in a comment."""
    comments = {f"data.{key}": comment for key in data}
    text = params_sections(Proposal(data, {"label": comment}, {"width_s": 0.05}, comments, {}))
    assert yaml.safe_load(text) == {"data": data, "trials": {"label": comment}, "bins": {"width_s": 0.05}}
    assert YAML(typ="safe", pure=True).load(text) == yaml.safe_load(text)
    assert len(text.splitlines()) == len(data) + 7, "one line a key: the block can be read and edited"


@pytest.mark.parametrize("length", range(10, 40))
def test_a_comment_is_never_glued_to_a_value(length: int) -> None:
    label = "x" * length
    text = params_sections(Proposal({}, {"label": label}, {}, {"trials.label": "or choice"}, {}))
    assert f"label: {label}  " in text
    assert "# or choice" in text
    assert yaml.safe_load(text)["trials"] == {"label": label}


def test_what_is_tried_is_the_block_as_it_is_printed(inspected: Inspected, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = session()
    long = "choice_of_the_animal_at_the_restaurant"
    table = contents.tables["trials"].rename(columns={"choice": long}).assign(other=lambda t: t[long])
    got = inspected(replace(contents, tables={"trials": table}))
    assert got.dry_run.runs
    assert yaml.safe_load(got.proposed_yaml)["trials"]["label"] == long
    monkeypatch.setattr(
        "spikebridge.inspection.params_yaml.params_sections",
        lambda _: got.proposed_yaml.replace(f"label: {long}", f"label: {long}#"),
    )
    again = inspected(replace(contents, tables={"trials": table}))
    assert not again.dry_run.runs
    assert f"no column '{long}#'" in "\n".join(map(str, again.dry_run.problems))


def test_options_of_the_reader_are_in_the_block(inspected: Inspected) -> None:
    proposal = inspected(session()).proposal
    proposal = replace(proposal, data={**proposal.data, "options": {"sampling_rate_hz": 30000.0}})
    assert "  options: {sampling_rate_hz: 30000.0}\n" in params_sections(proposal)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, list) else [value]


def test_the_document_is_plain_and_its_keys_are_stable(inspected: Inspected) -> None:
    contents = session()
    silent = replace(contents, spikes=contents.spikes[contents.spikes["unit"] != 3])
    got = to_dict(inspected(silent))
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert all(leaf is None or isinstance(leaf, (str, bool, int, float)) for leaf in _leaves(got))
    assert not any(isinstance(leaf, np.generic) for leaf in _leaves(got))
    assert set(got) == {
        *("path", "recordings", "regions", "tables", "not_read", "warnings", "proposal", "dry_run", "proposed_yaml"),
    }
    assert set(got["recordings"][0]) == {
        *("name", "source", "error", "animal", "units", "spikes", "regions", "tables", "behavior", "warnings"),
    }
    assert set(got["recordings"][0]["source"]) == {"path", "format", "reader"}
    assert set(got["recordings"][0]["spikes"]) == {
        *(
            "count",
            "first_s",
            "last_s",
            "resolution_s",
            "observed_from",
            "observed_s",
            "observed",
            "silent_intervals",
            "enclosing_table",
        ),
    }
    assert set(got["regions"][0]) == {"name", "units", "rate_hz", "contaminated", "few_spikes", "rate_change"}
    assert set(got["tables"][0]) == {
        *("name", "rows", "start_s", "stop_s", "columns", "label_candidates", "align_columns"),
    }
    assert set(got["tables"][0]["columns"][0]) == {"name", "kind", "missing", "distinct", "low", "high", "classes"}
    assert set(got["proposal"]) == {
        *("data", "trials", "bins", "comments", "region_column", "missing", "translator", "reasons"),
    }
    assert set(got["dry_run"]) == {
        *("runs", "stages", "problems", "trials_used", "class_counts", "units_used", "filters", "unreadable"),
    }
