"""What was found wrong or odd while tables were read: all of it, before one error says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spikebridge.errors import DataError


@dataclass(frozen=True)
class Log:
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fail(self, path: Path, text: str) -> None:
        """Note what is wrong with a file."""
        self.wrong.append(f"{path.name}: {text}")

    def check(self, path: Path | str) -> None:
        """Raise DataError with everything wrong, if anything is."""
        if self.wrong:
            raise DataError(
                f"{path}:"
                + (f" {self.wrong[0]}" if len(self.wrong) == 1 else "".join(f"\n  - {w}" for w in self.wrong))
            )
