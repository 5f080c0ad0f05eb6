"""Write the graph of the stages in docs/pipeline.md from dvc.yaml, the readable twin of `dvc dag`; `--check` compares.

    python scripts/pipeline_graph.py

An arrow a --> b says that stage b reads what stage a writes. An arrow that follows from two others is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "pipeline.md"
BEGIN, END = "<!-- graph: made by scripts/pipeline_graph.py -->", "<!-- end of graph -->"
Graph = dict[str, set[str]]


def paths(entries: list[Any], data: str) -> list[PurePosixPath]:
    """The paths of a list of deps or outs, which may have settings. data: the value of data.path."""
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    return [PurePosixPath(name.replace("${data.path}", data)) for name in names]


def stages(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Stage -> its definition in dvc.yaml; one for all models where it has one a model."""
    content = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in content.items()}


def graph(root: Path = ROOT) -> Graph:
    """Stage -> the stages that read directly what it writes, with the default folder of recordings."""
    data = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))["data"]["path"]
    content = stages(root)
    written = {name: paths(stage.get("outs", []), data) for name, stage in content.items()}
    read = {name: paths(stage.get("deps", []), data) for name, stage in content.items()}
    return {
        a: {
            b for b in read if b != a and any(r.is_relative_to(w) or w.is_relative_to(r) for r in read[b] for w in outs)
        }
        for a, outs in written.items()
    }


def after(edges: Graph, stage: str) -> set[str]:
    """Every stage that reads, directly or not, what this one writes."""
    return edges[stage].union(*(after(edges, other) for other in edges[stage]))


def reduced(edges: Graph) -> Graph:
    """Without the arrows that follow from two others."""
    return {a: bs - set().union(*(after(edges, b) for b in bs)) for a, bs in edges.items()}


def mermaid(root: Path = ROOT) -> str:
    """The block for the page."""
    once = {
        name
        for name, stage in yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items()
        if "do" not in stage
    }
    lines = [f"    {name}([{name}{'' if name in once else ', once a model'}])" for name in stages(root)]
    lines += [f"    {a} --> {b}" for a, bs in reduced(graph(root)).items() for b in stages(root) if b in bs]
    return "\n".join(["```mermaid", "flowchart TB", *lines, "```"])


def page(text: str, root: Path = ROOT) -> str:
    """The text of the page with the graph of today. Raises SystemExit where the page has no place for it."""
    before, begun, rest = text.partition(BEGIN)
    _, ended, behind = rest.partition(END)
    if not (begun and ended):
        raise SystemExit(f"{PAGE.name}: expected the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{mermaid(root)}\n{END}{behind}"


def main(arguments: list[str]) -> int:
    """Write the page, or with --check only compare it."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if "--check" in arguments:
        return int(wanted != text)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
