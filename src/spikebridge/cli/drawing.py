"""Titled tables and lists: drawn in a terminal, plain columns of any width in a pipe. Nothing is ever cut off.

Where a terminal is too narrow for the words of a table, each row becomes a block of lines.
"""
# ruff: noqa: T201  (printing is what a command line is for)

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

COLUMN_GAP = 2
"""Columns of the terminal that a table takes beside each of its cells, at most."""


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
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    style = "yellow" if part.warn else "bold cyan"
    widths = column_widths([part.head, *part.rows], console.width - 2) if part.head else None
    if widths:
        console.print(_drawn(part, widths, style))
    else:
        console.print(escape(part.title), style=style, highlight=False)
        for line in _blocks(part, console.width) if part.head else ():
            print(line)
    for line in part.lines:
        console.print(f"  {escape(line)}", style="yellow" if part.warn else None, highlight=False)
    console.print()


def _drawn(part: Part, widths: Sequence[int], style: str) -> object:
    from rich import box
    from rich.markup import escape
    from rich.table import Table as Drawn

    drawn = Drawn(title=escape(part.title), title_style=style, title_justify="left")
    drawn.box, drawn.padding, drawn.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for name, width in zip(part.head, widths, strict=True):
        drawn.add_column(escape(name), overflow="fold", width=width)
    for row in part.rows:
        drawn.add_row(*map(escape, row))
    return drawn


def column_widths(rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths within which no word of a column is broken; None where the room is too small for them.

    What is left over goes to the columns that need least of it to hold every cell on one line.
    """
    from rich.cells import cell_len

    columns = list(zip(*rows, strict=True))
    widths = [max((cell_len(word) for cell in cells for word in cell.split()), default=1) for cells in columns]
    spare = room - sum(widths) - COLUMN_GAP * len(widths)
    if spare < 0:
        return None
    wanted = [max(map(cell_len, cells)) - width for cells, width in zip(columns, widths, strict=True)]
    for rank, column in enumerate(sorted(range(len(widths)), key=wanted.__getitem__)):
        more = max(0, min(wanted[column], spare // (len(widths) - rank)))
        widths[column] += more
        spare -= more
    return widths


def _blocks(part: Part, width: int) -> Iterator[str]:
    """A row as lines: its first cell, and below that each other with its column's name."""
    for first, *others in part.rows:
        yield f"  {first}"
        for name, cell in zip(part.head[1:], others, strict=True):
            if cell:
                start = f"    {name}: " if name else "    "
                wrap = textwrap.TextWrapper(
                    max(width - 1, 20), start, " " * 6, break_long_words=False, break_on_hyphens=False
                )
                yield from wrap.wrap(cell)


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
