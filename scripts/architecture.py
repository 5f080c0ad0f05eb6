"""Write the arrows between rooms in docs/architecture.md from the imports of the code; `--check` only compares.

    python scripts/architecture.py

An arrow a --> b says that room a imports room b. An arrow that follows from two others is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from import_graph import PACKAGE, imports, modules  # noqa: E402

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "    %% rooms: made by scripts/architecture.py", "    %% end of rooms"


def rooms() -> dict[str, set[str]]:
    """The rooms that each room imports; imports inside functions count."""
    edges: dict[str, set[str]] = {}
    for name, path in modules().items():
        here = name.split(".")[1] if "." in name else ""
        if not here:
            continue
        edges.setdefault(here, set())
        for entry in imports(path):
            parts = entry.name.split(".")
            if parts[0] == PACKAGE and len(parts) > 1 and parts[1] != here:
                edges[here].add(parts[1])
    return edges


def reduced(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same graph without the arrows that follow from others (transitive reduction)."""

    def below(room: str, without: str) -> set[str]:
        seen: set[str] = set()
        todo = [r for r in edges.get(room, ()) if r != without]
        while todo:
            room = todo.pop()
            if room not in seen:
                seen.add(room)
                todo += edges.get(room, ())
        return seen

    return {room: {r for r in to if r not in below(room, r)} for room, to in edges.items()}


def drawn() -> str:
    """The lines of Mermaid between the two marks."""
    lines = [f"    {room} --> {other}" for room, to in sorted(reduced(rooms()).items()) for other in sorted(to)]
    return "\n".join([BEGIN, *lines, END])


def page(text: str) -> str:
    """The page with its arrows as the code has them."""
    before, _, rest = text.partition(BEGIN)
    return before + drawn() + rest.partition(END)[2]


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    if page(text) == text:
        return 0
    if "--check" in sys.argv:
        print(f"{PAGE.relative_to(ROOT)} does not show today's imports: python scripts/architecture.py")
        return 1
    PAGE.write_text(page(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
