"""A page of the report as a browser would read it: its elements, closed in the right order, and its text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} is closed and was not open"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, tag: str, key: str) -> list[str]:
        return [about[key] for name, about in self.elements if name == tag and key in about]


def roles_in(text: str) -> list[str]:
    """Where a page says source or target, apart from the line that says which is which, and from settings."""
    text = text.replace("HC is the source, whose spikes", "").replace("PFC is the target, whose spikes", "")
    text = text.partition("Settings, versions, digests Settings")[0]
    return re.findall(r".{30}(?<![.\w])(?:source|target)(?!\w).{30}", text, re.IGNORECASE)
