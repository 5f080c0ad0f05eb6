"""What a page is made of: sections with tables, figures and lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TableRow:
    """One row. recording, model: what the filters of the page compare; empty where the row belongs to all."""

    cells: Sequence[str]
    recording: str = ""
    model: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table. source: name of the CSV file in reports/evaluation that it was made from, relative to that folder.

    folded: shown after a click, since it is long; on paper where it is open.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[TableRow]
    note: str = ""
    source: str = ""
    folded: bool = False


@dataclass(frozen=True)
class PageLink:
    """Text and relative address of a file."""

    text: str
    address: str


@dataclass(frozen=True)
class PageExample:
    """How a figure looks in a simulated study. title: which one; image: data URI."""

    title: str
    image: str


@dataclass(frozen=True)
class Explanation:
    """What stands below a figure. examples: how it looks in simulated studies, good first."""

    caption: str
    how_to_read: str
    examples: Sequence[PageExample] = ()


@dataclass(frozen=True)
class Picture:
    """A figure. image: data URI, "" where the page would get too large; drawing: an inline SVG of the report.

    inches: its width as it was drawn, so that a narrow screen keeps its text readable. folded: shown after a click.
    """

    name: str
    title: str
    explanation: Explanation
    image: str = ""
    drawing: str = ""
    files: Sequence[PageLink] = ()
    tables: Sequence[PageLink] = ()
    recording: str = ""
    inches: float = 6.5
    folded: bool = False

    @property
    def kind(self) -> str:
        """The title without the recording."""
        return self.title.removesuffix(f": {self.recording}")


@dataclass(frozen=True)
class PageSection:
    """A section. absent: one line for each thing that is not there, and why."""

    key: str
    title: str
    text: Sequence[str] = ()
    tables: Sequence[PageTable] = ()
    pictures: Sequence[Picture] = ()
    absent: Sequence[str] = field(default=())


def absence(tables: Sequence[PageTable], pictures: Sequence[Picture], line: str) -> list[str]:
    """The line, where a section has neither rows nor pictures."""
    return [] if not line or pictures or any(table.rows for table in tables) else [line]
