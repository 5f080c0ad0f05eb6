"""Errors, warnings and notes about a recording, as records: code reads their fields, people read their text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

REFUSED = "refused"
"""The code of an error that has no other code: one that no reader and no check of a recording makes."""


class Severity(StrEnum):
    """An error stops the pipeline: a result would be wrong. A warning may point to a mistake; a note explains."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that a check or a reader found.

    Parameters
    ----------
    code : str
        The kind of finding, such as ``duplicate-spike-times``. Findings of one code differ in numbers and names alone;
        one place makes them. docs/findings.md lists all.
    severity : Severity
        Whether the finding stops the pipeline.
    subject : str
        What the finding is about: a part of the recording (``spikes``), a column, a region, a setting or a file.
    text : str
        What was found, for people. It ends with the punctuation that leads to the remedy, where there is one.
    remedy : str
        What to do about it, for people; empty where nothing has to be done.
    """

    code: str
    severity: Severity
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}" if self.remedy else self.text

    @property
    def is_error(self) -> bool:
        """Whether the finding stops the pipeline."""
        return self.severity is Severity.ERROR

    @classmethod
    def error(cls, code: str, subject: str, text: str, remedy: str = "") -> Finding:
        """A finding that stops the pipeline."""
        return cls(code, Severity.ERROR, subject, text, remedy)

    @classmethod
    def warning(cls, code: str, subject: str, text: str, remedy: str = "") -> Finding:
        """A finding that may point to a mistake."""
        return cls(code, Severity.WARNING, subject, text, remedy)

    @classmethod
    def note(cls, code: str, subject: str, text: str, remedy: str = "") -> Finding:
        """A finding that explains what was done."""
        return cls(code, Severity.NOTE, subject, text, remedy)

    def as_dict(self) -> dict[str, str]:
        """The fields in the form of the JSON files."""
        return {**asdict(self), "severity": self.severity.value}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Finding:
        """The finding with these fields of a JSON file."""
        return cls(**{**fields, "severity": Severity(fields["severity"])})


@dataclass(frozen=True)
class Refusal:
    """Why something is refused.

    Parameters
    ----------
    place : str
        Path or name with which the message begins; empty where the texts name it. The texts do not repeat it.
    findings : tuple of Finding
        Everything that is wrong there.
    """

    place: str
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        """One line for one finding, else a list of them."""
        texts = [str(f) for f in self.findings]
        if not self.place:
            return "\n".join(texts)
        return f"{self.place}:" + (f" {texts[0]}" if len(texts) == 1 else "".join(f"\n  - {text}" for text in texts))

    @property
    def is_uncoded(self) -> bool:
        """Whether it is the message of an error that was raised without records."""
        return all(f.code == REFUSED for f in self.findings)

    @property
    def complete(self) -> tuple[Finding, ...]:
        """The findings, each with the place in its text, for a list in which other places stand too."""
        before = f"{self.place}: " if self.place else ""
        return tuple(replace(f, text=before + f.text) for f in self.findings)


def split_errors(findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Errors, and all other findings."""
    every = tuple(findings)
    return tuple(f for f in every if f.is_error), tuple(f for f in every if not f.is_error)
