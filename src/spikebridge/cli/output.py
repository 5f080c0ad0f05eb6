"""Printing of titled tables and lists: with lines and colours in a terminal, plain text of any width in a pipe.

Nothing is cut off: a name or a number without its end would be read as another one. Where a terminal is too narrow for
the words of a table, each row becomes a block of lines.
"""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

COLUMN_GAP = 2
"""Columns of the terminal between two cells, at most."""
PIPE_WIDTH = 1_000_000
"""Wider than any table: in a pipe no cell is wrapped."""


@dataclass(frozen=True)
class Block:
    """A titled table, a titled list of lines, or both. warn: it needs the user's attention."""

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()
    warn: bool = False


def print_block(block: Block) -> None:
    """Print a block and an empty line."""
    if sys.stdout.isatty():
        _print_in_terminal(block)
        return
    indent = "  " if block.title else ""
    if block.title:
        print(block.title)
    for line in [*_plain_table(block.head, block.rows), *block.lines]:
        print(f"{indent}{line}".rstrip())
    print()


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table without a title. Cells may contain the Markdown mark of bold text, which is left out."""
    print_block(Block("", head, [[str(cell).replace("**", "") for cell in row] for row in rows]))


def print_heading(title: str) -> None:
    """Print the title of what follows outside any block."""
    if not sys.stdout.isatty():
        print(title)
        return
    from rich.console import Console
    from rich.rule import Rule

    Console().print(Rule(title, align="left", style="bold cyan"))


def _print_in_terminal(block: Block) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    style = "yellow" if block.warn else "bold cyan"
    widths = column_widths([block.head, *block.rows], console.width - 2) if block.head else None
    if block.title:
        console.print(Text(block.title, style))
    if widths:
        console.print(_table(block.head, block.rows, widths))
    elif block.head:
        print("\n".join(_rows_as_lines(block, console.width)))
    for line in block.lines:
        console.print(Padding(Text(line, "yellow" if block.warn else ""), (0, 0, 0, 2), expand=False))
    console.print()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int | None]) -> Table:
    """A table of rich. Cells are `Text`, so that rich takes no part of them as markup or as the name of an emoji."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    is_drawn = sys.stdout.isatty()
    gap = 1 if is_drawn else COLUMN_GAP
    table = Table(box=box.SIMPLE_HEAD if is_drawn else None, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
    for name, width in zip(head, widths, strict=True):
        table.add_column(Text(name), overflow="fold", width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    from rich.console import Console

    if not head:
        return []
    console = Console(width=PIPE_WIDTH, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(_table(head, rows, [None] * len(head)))
    return capture.get().splitlines()


def column_widths(rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths of columns that fit into the room and break no word; None where the room is too small for the words.

    Kept by hand: rich breaks words of narrow columns although wide ones could be wrapped instead. The room that is left
    goes first to the columns that need least of it to keep every cell on one line.
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


def _rows_as_lines(block: Block, width: int) -> Iterator[str]:
    """Each row as its first cell and, below it, a line for each other cell with the name of its column."""
    for first, *others in block.rows:
        yield f"  {first}"
        for name, cell in zip(block.head[1:], others, strict=True):
            if cell:
                start = f"    {name}: " if name else "    "
                wrapper = textwrap.TextWrapper(
                    max(width - 1, 20), start, " " * 6, break_long_words=False, break_on_hyphens=False
                )
                yield from wrapper.wrap(cell)
