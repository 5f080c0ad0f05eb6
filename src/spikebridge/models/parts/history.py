"""The rows of a fit: told to a callback, one an epoch, and kept."""

from __future__ import annotations

from collections.abc import Callable

OnEpoch = Callable[[dict[str, float]], None]


def recorded(on_epoch: OnEpoch | None) -> tuple[list[dict[str, float]], OnEpoch]:
    """A list, and a callback that appends each epoch's row to it before it calls `on_epoch`."""
    rows: list[dict[str, float]] = []

    def note(row: dict[str, float]) -> None:
        rows.append(row)
        if on_epoch is not None:
            on_epoch(row)

    return rows, note
