"""Settings of one model changed in the text of a parameter file; everything else stays as it is, comments included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from spikebridge.errors import ConfigError

MARK = "# proposed: "
"""Begins the lines that give reasons. Those that an earlier proposal wrote are replaced."""
Edit = tuple[int, int, str]
"""From, to (characters of the text), and what stands there afterwards."""


def with_settings(text: str, model: str, values: Mapping[str, str], reasons: Sequence[str]) -> str:
    """Set values in `models.<model>`; the reasons stand in lines above it.

    text: a parameter file. values: key -> YAML. Where the file does not have the model, it is returned unchanged.
    Raises ConfigError where the section of the model is no mapping.
    """
    entry = _entry(yaml.compose(text, Loader=yaml.SafeLoader), "models", model)
    if entry is None or not values:
        return text
    key, node = entry
    edits = [_reasons(text, key.start_mark.index, reasons)]
    if isinstance(node, yaml.MappingNode):
        edits += _settings(text, node, values)
    elif isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"):
        inside = ", ".join(f"{k}: {v}" for k, v in values.items())
        space = "" if text[node.start_mark.index - 1].isspace() else " "
        edits.append((node.start_mark.index, node.end_mark.index, f"{space}{{{inside}}}"))
    else:
        raise ConfigError(f"models.{model}: expected settings such as smoothing_s: 0.1, got {node.value!r}")
    for first, last, new in sorted(edits, reverse=True):
        text = text[:first] + new + text[last:]
    return text


def _entry(node: Any, *path: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The nodes of the last key of a path and of its value; None where it is not there."""
    entry = None
    for name in path:
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        entry = next(((k, v) for k, v in entries if k.value == name), None)
        if entry is None:
            return None
        node = entry[1]
    return entry


def _settings(text: str, node: yaml.MappingNode, values: Mapping[str, str]) -> list[Edit]:
    there = {k.value: v for k, v in node.value}
    edits = [
        (there[key].start_mark.index, there[key].end_mark.index, value) for key, value in values.items() if key in there
    ]
    added = [f"{key}: {value}" for key, value in values.items() if key not in there]
    if added and node.flow_style:
        at = text.index("{", node.start_mark.index) + 1
        edits.append((at, at, ", ".join(added) + (", " if there else "")))
    elif added:
        first = node.value[0][0].start_mark
        edits.append((first.index, first.index, "".join(f"{line}\n{' ' * first.column}" for line in added)))
    return edits


def _reasons(text: str, key: int, reasons: Sequence[str]) -> Edit:
    """Put the reasons above the line of a key, in place of those that stand there."""
    first = last = text.rfind("\n", 0, key) + 1
    indent = text[last:key][: len(text[last:key]) - len(text[last:key].lstrip())]
    while (before := text.rfind("\n", 0, max(first - 1, 0)) + 1) < first and text[before:first].strip().startswith(
        MARK
    ):
        first = before
    return first, last, "".join(f"{indent}{MARK}{reason}\n" for reason in reasons)
