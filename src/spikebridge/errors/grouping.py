"""Messages about many recordings: what several share is said once, with how many they are and their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spikebridge.errors.messages import counted, listed

MAX_NAMES = 4
MIN_RECORDINGS = 4


@dataclass(frozen=True)
class Line:
    """What became of one recording, and its warnings."""

    recording: str
    what: str
    warnings: tuple[str, ...] = ()


@dataclass
class Heard:
    """Passes on what is said of recordings. A warning that an earlier recording had is not said again at once.

    `finish` says it for all of the others together. Warnings are the same where they differ in numbers alone. Of fewer
    than MIN_RECORDINGS recordings (`of`), each has all of its own.
    """

    say: Callable[[str], None]
    of: int
    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    others: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def __call__(self, line: Line) -> None:
        new = []
        for text in line.warnings:
            key = _numberless(text.replace(line.recording, "#"))
            if self.of >= MIN_RECORDINGS and key in self.first:
                self.others.setdefault(key, []).append((line.recording, text))
            else:
                self.first.setdefault(key, (line.recording, text))
                new.append(text)
        self.say("\n".join([f"{line.recording}: {line.what}", *(f"  warning: {w}" for w in new)]))

    def finish(self) -> None:
        for key, several in self.others.items():
            name, text = self.first[key]
            names = [n for n, _ in several]
            numbers = "" if all(t.replace(n, name) == text for n, t in several) else ", with other numbers"
            more = counted(len(names), "more recording")
            self.say(f"  warning: {more} as {name}{numbers} ({listed(names, MAX_NAMES)}): {text}")


def errors_together(errors: Sequence[tuple[str, str, str]]) -> list[str]:
    """Errors that are the same but for the recording are one, with the names of the others.

    errors: recording, its path, and the text. Texts with other numbers stay apart: who mends them needs the numbers.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, path, text in errors:
        groups.setdefault(text.replace(path, "\0").replace(name, "\0"), []).append((name, text))
    lines = []
    for several in groups.values():
        (_, text), *others = several
        lines.append(text)
        if others:
            names = listed((name for name, _ in others), MAX_NAMES)
            lines.append(f"the same is wrong in {counted(len(others), 'more recording')}: {names}")
    return lines


def warnings_together(several: Sequence[tuple[str, str]], of: int) -> list[str]:
    """(recording, warning) -> one line for each warning, those that differ in numbers alone together."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, text in several:
        groups.setdefault(_numberless(text), []).append((name, text))
    return [_together(group, of) for group in groups.values()]


def _together(several: Sequence[tuple[str, str]], of: int) -> str:
    names, texts = zip(*several, strict=True)
    who = ("both" if of == 2 else f"all {of}") + " recordings" if len(names) == of > 1 else listed(names, MAX_NAMES)
    return f"{who}: {texts[0]}" if len(set(texts)) == 1 else f"{who}; {names[0]}: {texts[0]}"


def _numberless(text: str) -> str:
    return re.sub(r"[\d.]+", "#", text)
