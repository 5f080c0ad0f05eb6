"""Markdown for MLflow: templates in which names are escaped, tables, and formatted numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jinja2

from spikebridge.text.plain_text import code_span, escape_markdown

PLACES = 3


def render(template: str, **values: Any) -> str:
    """Fill a jinja2 template.

    Its filters are `escape` (a user's text, escaped for Markdown), `code` (between backticks), `number` and `table`.
    Empty blocks leave no blank lines.
    """
    lines = _environment().from_string(template).render(values).strip("\n").split("\n")
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line.strip() or before.strip()]
    return "\n".join(kept)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"escape": escape_markdown, "code": code_span, "number": number, "table": markdown_table}
    return environment


def with_interval(scores: Mapping[str, float], key: str) -> str:
    """ "0.712 [0.640, 0.781]", or "–" if there is no such score."""
    if key not in scores:
        return "–"
    low, high = scores.get(f"{key}_ci_low"), scores.get(f"{key}_ci_high")
    interval = f" [{number(low)}, {number(high)}]" if low is not None and high is not None else ""
    return number(scores[key]) + interval


def number(value: Any) -> str:
    """A number with three decimal places; small p-values as < 0.001; "–" for a missing value."""
    if value is None or not math.isfinite(float(value)):
        return "–"
    value = float(value)
    return "< 0.001" if 0 < value < 0.0005 else f"{value:.{PLACES}f}"


def markdown_table(rows: Iterable[Sequence[Any]], head: Sequence[str]) -> str:
    """A table in Markdown."""
    lines = [list(head), ["---"] * len(head), *([_cell(c) for c in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """The text of a cell, on one line. A bar is escaped, because it would begin another cell."""
    return " ".join(str(value).replace("|", "\\|").split())
