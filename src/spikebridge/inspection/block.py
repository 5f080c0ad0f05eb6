"""A proposal as YAML: the sections data, trials and bins of params.yaml, alone or inside a complete file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from spikebridge.inspection.records import Proposal

SECTIONS = ("data", "trials", "bins")
COMMENT_FROM = 32
"""Comments begin in this column, or two blanks after a value that is longer."""
LIKE_A_NUMBER = re.compile(r"[-+.\d].*", re.DOTALL)
"""Text that begins so is quoted: 1e3 is text in YAML 1.1 and a number in 1.2."""


def sections(proposal: Proposal) -> str:
    """The three sections, with comments where something is a guess."""
    return "\n".join(_section(name, getattr(proposal, name), proposal.comments) for name in SECTIONS)


def complete(base: str, proposal: Proposal) -> str:
    """A parameter file with its three sections replaced and everything else, comments included, as it was.

    base: the text of a parameter file that has been checked.
    """
    lines = base.splitlines()
    spans = _spans(base, len(lines))
    made = {name: _section(name, getattr(proposal, name), proposal.comments) for name in SECTIONS}
    for name in sorted(made, key=lambda n: spans.get(n, (len(lines), 0)), reverse=True):
        first, last = spans.get(name, (len(lines), len(lines)))
        lines[first:last] = ["", *made[name].splitlines()] if first == last else made[name].splitlines()
    return "\n".join(lines) + "\n"


def _spans(text: str, n_lines: int) -> dict[str, tuple[int, int]]:
    """Section -> its first line and the line after its last, blank lines and comments before the next left out."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        return {}
    lines = text.splitlines()
    starts = [(str(key.value), key.start_mark.line) for key, _ in node.value]
    spans = {}
    for (name, first), (_, following) in zip(starts, [*starts[1:], ("", n_lines)], strict=True):
        last = following
        while last - 1 > first and (not lines[last - 1].strip() or lines[last - 1].startswith("#")):
            last -= 1
        spans[name] = (first, last)
    return spans


def _section(name: str, values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    lines = [f"{name}:"]
    for key, value in values.items():
        nested = key == "recordings" and isinstance(value, Mapping)  # a line for each session: there may be many
        line = f"  {key}:" if nested else f"  {key}: {_scalar(value)}"
        comment = _one_line(comments.get(f"{name}.{key}", ""))
        lines.append(f"{line}  ".ljust(COMMENT_FROM) + f"# {comment}" if comment else line)
        if nested:
            lines += [f"    {_scalar(str(k))}: {_scalar(v)}" for k, v in value.items()]
    return "\n".join(lines) + "\n"


def _one_line(comment: str) -> str:
    """What YAML allows in a comment; names of columns may hold anything."""
    return " ".join("".join(c if c.isprintable() else " " for c in comment).split())


class _Dumper(yaml.SafeDumper):
    """Text in double quotes where it might be taken for a number, or might not stay on its line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    quoted = LIKE_A_NUMBER.fullmatch(value) or not value.isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)


_Dumper.add_representer(str, _text)


def _scalar(value: Any) -> str:
    """On one line, as YAML 1.1 and 1.2 read it the same."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()
