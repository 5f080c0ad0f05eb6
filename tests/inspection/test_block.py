"""The proposal as YAML, alone and inside a complete file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from memory_sessions import Found, session

from spikebridge import config
from spikebridge.inspection import complete, document
from spikebridge.inspection.block import sections

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


def test_sections_are_replaced_and_all_else_stays(found: Found) -> None:
    proposal = found(session()).proposal
    text = complete(BASE, proposal)
    assert config.parse(yaml.safe_load(text)).data.source == ["CA1"]
    for kept in ("# the head\n", "# about quality\n", "# stays\n", "# the end\n", "quality: {max_rate_change: 3.0}\n"):
        assert kept in text
    for gone in ("all of it", "old", "goes"):
        assert gone not in text
    assert text.index("data:") < text.index("quality:") < text.index("bins:") < text.index("models:")
    assert complete(text, proposal) == text
    content = yaml.safe_load(text)
    assert {name: content[name] for name in ("data", "trials", "bins")} == yaml.safe_load(sections(proposal))


@pytest.mark.parametrize("name", ["no", "1", "1e3", "a: b", "# x", "é", "null", " ca1", "it's"])
def test_names_survive(found: Found, name: str) -> None:
    proposal = replace(found(session()).proposal, data={"source": [name], "options": {"rate": 3.0e4, "field": name}})
    assert yaml.safe_load(sections(proposal))["data"] == proposal.data


def test_options_of_the_reader_are_in_the_block(found: Found) -> None:
    proposal = found(session()).proposal
    proposal = replace(proposal, data={**proposal.data, "options": {"sampling_rate_hz": 30000.0}})
    assert "  options: {sampling_rate_hz: 30000.0}\n" in sections(proposal)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, list) else [value]


def test_the_document_is_plain_and_its_keys_are_stable(found: Found) -> None:
    contents = session()
    silent = replace(contents, spikes=contents.spikes[contents.spikes["unit"] != 3])
    got = document(found(silent))
    assert json.loads(json.dumps(got, allow_nan=False)) == got
    assert all(leaf is None or isinstance(leaf, (str, bool, int, float)) for leaf in _leaves(got))
    assert not any(isinstance(leaf, np.generic) for leaf in _leaves(got))
    assert set(got) == {
        *("path", "recordings", "regions", "tables", "not_read", "warnings", "proposal", "trial", "block"),
    }
    assert set(got["recordings"][0]) == {
        *("path", "name", "format", "reader", "error", "animal", "units", "spikes", "regions", "tables", "behavior"),
        "warnings",
    }
    assert set(got["recordings"][0]["spikes"]) == {
        *("number", "first_s", "last_s", "resolution_s", "observed_from", "observed_s", "observed", "silences"),
    }
    assert set(got["regions"][0]) == {"name", "units", "rate_hz", "violating", "few_spikes", "rate_change"}
    assert set(got["tables"][0]) == {"name", "rows", "start_s", "stop_s", "columns", "labels", "aligns"}
    assert set(got["tables"][0]["columns"][0]) == {"name", "kind", "missing", "distinct", "low", "high", "classes"}
    assert set(got["proposal"]) == {"data", "trials", "bins", "comments", "region_column", "missing"}
    assert set(got["trial"]) == {"runs", "stages", "problems", "kept", "labels", "units"}
