"""Recordings in memory, read by a reader that takes files named *.memory; and the real ones where they lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from memory_sessions import Found

from spikebridge.errors import DataError
from spikebridge.inspection import Inspection, InspectOptions, inspect
from spikebridge.io import Contents
from spikebridge.io import reader_registry as readers


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Inspect recordings held in memory: their names -> contents, or the words of the error they raise."""

    def inspected(
        *contents: Contents | str, asked: InspectOptions | None = None, base: dict[str, Any] | None = None
    ) -> Inspection:
        held = {f"{c.name}{i or ''}" if isinstance(c, Contents) else f"broken{i}": c for i, c in enumerate(contents)}

        def read(path: Path, options: Any) -> Contents:
            one = held[path.stem]
            if isinstance(one, str):
                raise DataError(f"{path}: {one}")
            return replace(one, name=path.stem)

        memory = SimpleNamespace(
            __name__="readers.memory",
            FORMAT="in memory",
            Options=readers.NoOptions,
            can_read=lambda path: path.suffix == ".memory" and path.stem in held,
            read=read,
        )
        monkeypatch.setattr(readers, "reader_names", lambda: ["memory"])
        monkeypatch.setattr(readers, "get_reader", lambda name: memory)
        for name in held:
            (tmp_path / f"{name}.memory").touch()
        return inspect(tmp_path if len(held) > 1 else tmp_path / f"{next(iter(held))}.memory", asked, base)

    return inspected
