"""The code in README and docs: its blocks, and the commands of the shell in blocks and in sentences."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from import_graph import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n)(?:    \S[^\n]*\n)+", re.MULTILINE)
INLINE = re.compile(r"`((?:\.venv/bin/)?(?:spikebridge|make|dvc|python|mlflow) [^`]+)`")
ASSIGNED = re.compile(r"^[A-Z_]+=")


@dataclass(frozen=True)
class Block:
    """A block of code. page: its file, from the folder of the repository; line: of its first line."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of the shell, without variables before it and with its program's name alone."""

    place: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        body = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        yield Block(page.relative_to(ROOT).as_posix(), line, match[2], body)


def python_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language == "python"]


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page: in blocks of the shell, and indented."""
    name = page.relative_to(ROOT).as_posix()
    for block in blocks(page):
        if block.language == "sh":
            yield from _commands(block.text, str(block))
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in INDENTED.finditer(text):
        lines = [line for line in match[0].splitlines() if re.match(r"    (spikebridge|make|dvc|python|mlflow) ", line)]
        yield from _commands("\n".join(lines), name)


def mentioned(page: Path) -> Iterator[Command]:
    """The commands within the sentences of a page."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in INLINE.finditer(text):
        yield from _commands(" ".join(match[1].split()), page.relative_to(ROOT).as_posix())


def _commands(text: str, place: str) -> Iterator[Command]:
    """Every command of the lines; && and ; part them, a backslash at the end of a line joins it to the next."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= {";", "&"}:
                while words and ASSIGNED.match(words[0]):
                    words = words[1:]
                if words:
                    program = words[0].removeprefix(".venv/bin/")
                    yield Command(place, (program, *words[1:]))
                words = []
            else:
                words.append(word)
