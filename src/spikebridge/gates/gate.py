"""What a gate answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """One condition: whether it holds, and why (not). decisive: whether a version that fails it stays a candidate."""

    passed: bool
    reason: str
    decisive: bool = True

    @property
    def word(self) -> str:
        """The outcome in a word or two."""
        if self.decisive:
            return "passed" if self.passed else "failed"
        return "for information"
