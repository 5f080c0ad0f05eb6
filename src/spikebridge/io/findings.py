"""One thing that is wrong or odd in a recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`wrong` stops the pipeline: a result would be wrong. The merely odd becomes a warning."""

    wrong: bool
    text: str
