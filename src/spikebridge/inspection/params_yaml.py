"""A proposal as YAML, alone or inside a complete file: sections of params.yaml, and settings of the translator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from spikebridge.inspection.edit_yaml import with_settings
from spikebridge.inspection.records import Proposal

SECTIONS = ("data", "trials", "bins")
TRANSLATOR = "seq2seq"
"""The model whose settings are proposed."""
OTHERS_STAY = "# the other models, and its other settings, stay as they are"
COMMENT_COLUMN = 32
"""Comments begin in this column, or two spaces after a longer value."""
NUMBER_LIKE = re.compile(r"[-+.\d].*", re.DOTALL)
"""Such text is quoted: 1e3 is text in YAML 1.1 and a number in YAML 1.2."""


def params_sections(proposal: Proposal) -> str:
    """Write the three sections and the settings of the translator as YAML.

    Parameters
    ----------
    proposal : Proposal
        What is proposed.

    Returns
    -------
    str
        YAML; a comment gives the reason of a value.
    """
    parts = [_section(name, getattr(proposal, name), proposal.comments) for name in SECTIONS]
    if proposal.translator:
        reasons = {f"{TRANSLATOR}.{key}": reason for key, reason in proposal.reasons.items()}
        settings = _section(TRANSLATOR, proposal.translator, reasons).splitlines()
        parts.append(
            "\n".join(["models:".ljust(COMMENT_COLUMN) + OTHERS_STAY, *(f"  {line}" for line in settings), ""])
        )
    return "\n".join(parts)


def complete_params(base: str, proposal: Proposal) -> str:
    """Put the proposed sections and settings into a parameter file; all else, comments included, stays as it is.

    Parameters
    ----------
    base : str
        The text of a valid params.yaml.
    proposal : Proposal
        The sections data, trials and bins, and settings of the translator; these are set where the file has the model.

    Returns
    -------
    str
        The text of the complete params.yaml.
    """
    lines = base.splitlines()
    spans = _spans(base, len(lines))
    texts = {name: _section(name, getattr(proposal, name), proposal.comments) for name in SECTIONS}
    for name in sorted(texts, key=lambda n: spans.get(n, (len(lines), 0)), reverse=True):
        first, last = spans.get(name, (len(lines), len(lines)))
        lines[first:last] = ["", *texts[name].splitlines()] if first == last else texts[name].splitlines()
    values = {key: _scalar(value) for key, value in proposal.translator.items()}
    return with_settings("\n".join(lines) + "\n", TRANSLATOR, values, _reasons(proposal))


def _reasons(proposal: Proposal) -> list[str]:
    """One line for each reason, with the settings that it holds for."""
    settings: dict[str, list[str]] = {}
    for key, value in proposal.translator.items():
        settings.setdefault(_one_line(proposal.reasons[key]), []).append(f"{key} {value}")
    return [f"{', '.join(names)}: {reason}" for reason, names in settings.items()]


def _spans(text: str, n_lines: int) -> dict[str, tuple[int, int]]:
    """Section -> its first line and the line after its last, without blank lines and comments before the next one."""
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
        nested = key == "recordings" and isinstance(value, Mapping)  # one line for each session
        line = f"  {key}:" if nested else f"  {key}: {_scalar(value)}"
        comment = _one_line(comments.get(f"{name}.{key}", ""))
        lines.append(f"{line}  ".ljust(COMMENT_COLUMN) + f"# {comment}" if comment else line)
        if nested:
            lines += [f"    {_scalar(str(k))}: {_scalar(v)}" for k, v in value.items()]
    return "\n".join(lines) + "\n"


def _one_line(comment: str) -> str:
    """A comment that YAML allows; names of columns may contain any character."""
    return " ".join("".join(c if c.isprintable() else " " for c in comment).split())


class _Dumper(yaml.SafeDumper):
    """Writes text in double quotes where it looks like a number or would not stay on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    quoted = NUMBER_LIKE.fullmatch(value) or not value.isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)


_Dumper.add_representer(str, _text)


def _scalar(value: Any) -> str:
    """A value on one line, in a form that YAML 1.1 and 1.2 read in the same way."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()
