"""Titled tables and lists: drawn in a terminal, plain columns of any width in a pipe."""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNBROKEN = 24
"""Words of up to so many characters stay in one piece, however narrow the terminal is."""


@dataclass(frozen=True)
class Part:
    """A titled table, a titled list of lines, or both. warn: what is in it wants attention."""

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()
    warn: bool = False


def draw(part: Part) -> None:
    (_rich if sys.stdout.isatty() else _plain)(part)


def heading(title: str) -> None:
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.rule import Rule

        Console().print(Rule(title, align="left", style="bold cyan"))
    else:
        print(title)


def _rich(part: Part) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as Drawn

    console = Console()
    style = "yellow" if part.warn else "bold cyan"
    if part.head:
        drawn = Drawn(title=escape(part.title), title_style=style, title_justify="left")
        drawn.box, drawn.padding, drawn.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
        for name, cells in zip(part.head, zip(*part.rows, strict=True), strict=True):
            longest = max(len(word) for cell in (name, *cells) for word in cell.split() or [""])
            drawn.add_column(name, overflow="fold", min_width=min(longest, UNBROKEN))
        for row in part.rows:
            drawn.add_row(*map(escape, row))
        console.print(drawn)
    else:
        console.print(escape(part.title), style=style, highlight=False)
    for line in part.lines:
        console.print(f"  {escape(line)}", style="yellow" if part.warn else None, highlight=False)
    console.print()


def _plain(part: Part) -> None:
    print(part.title)
    for line in _aligned([part.head, *part.rows] if part.head else []):
        print(f"  {line}".rstrip())
    for line in part.lines:
        print(f"  {line}")
    print()


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
