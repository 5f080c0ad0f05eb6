"""The stages of dvc.yaml: what each reads from which, and how long it took; as a drawing and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from markupsafe import escape

from spikebridge.artifacts.report import ReportRun
from spikebridge.errors import DataError
from spikebridge.report.content import PageTable, TableRow
from spikebridge.report.wording import spaced

WIDE, HIGH, ACROSS, DOWN = 196, 46, 16, 26
"""Size of a box, and the space between boxes, in units of the drawing."""
FILE_STYLE = (
    "svg{font:13px sans-serif;fill:#1d2430;background:#fff}rect{fill:#f5f7fa;stroke:#9fb3c8}"
    ".arrow{fill:none;stroke:#7d8da1;stroke-width:1.4;marker-end:url(#tip)}marker path{fill:#7d8da1}"
    ".stage{font-weight:600}.time{fill:#5b6575;font-size:12px}"
)
"""Of the drawing as a file; in the page it has the style of the page."""
DATA_PATH = "${data.path}"
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class StageNode:
    """A stage. reads: names of the stages whose outputs it reads; runs: how often it ran (once a model).

    seconds: of all its runs, None where a time is not recorded.
    """

    name: str
    purpose: str
    reads: frozenset[str]
    runs: int = 1
    seconds: float | None = None


def stage_nodes(project: Path, models: Iterable[str], data_path: str, times: Mapping[str, float]) -> list[StageNode]:
    """The stages of dvc.yaml in its order, without those that nothing reads from and that read nothing.

    models: of the stages that run once a model. data_path: data.path of params.yaml. times: stage -> seconds, as
    `runtime.stage_times.read_seconds` gives them. No stages where there is no dvc.yaml; DataError where it is damaged.
    """
    path = project / "dvc.yaml"
    if not path.is_file():
        return []
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
        entries: dict[str, dict[str, Any]] = {name: stage.get("do", stage) for name, stage in raw.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: expected the stages of the pipeline ({error!r})") from None
    each = [name for name, stage in raw.items() if "foreach" in stage]
    outs = {name: [_place(out) for out in stage.get("outs", [])] for name, stage in entries.items()}
    reads = {
        name: frozenset(
            other
            for other in entries
            for dep in stage.get("deps", [])
            for out in outs[other]
            if other != name and _reads(str(dep), out, data_path)
        )
        for name, stage in entries.items()
    }
    used = {name for name in entries if reads[name] or any(name in others for others in reads.values())}
    names = list(models)
    nodes = []
    for name, stage in entries.items():
        if name in used:
            keys = [f"{name}@{model}" for model in names] if name in each else [name]
            known = [times[key] for key in keys if key in times]
            seconds = sum(known) if known and len(known) == len(keys) else None
            nodes.append(StageNode(name, str(stage.get("desc", "")), reads[name], len(keys), seconds))
    return nodes


def _place(out: Any) -> str:
    return str(next(iter(out))) if isinstance(out, dict) else str(out)


def _reads(dep: str, out: str, data_path: str) -> bool:
    """Whether a dependency is an output, or one lies in the other; recordings lie beside outputs, and hold none."""
    if dep == DATA_PATH:
        return data_path == out or data_path.startswith(f"{out}/")
    return _overlap(dep.replace(DATA_PATH, data_path), out)


def _overlap(dep: str, out: str) -> bool:
    """Whether one path is the other or lies in it; ${key} stands for a model."""
    first, second = (tuple(path.replace("${key}", "*").split("/")) for path in (dep, out))
    n = min(len(first), len(second))
    return first[:n] == second[:n]


def duration(seconds: float | None) -> str:
    """ "3.2 s", "2 min 05 s", "1 h 03 min"."""
    if seconds is None:
        return NOT_RECORDED
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def flow_table(nodes: Iterable[StageNode]) -> PageTable:
    """One row a stage: what it does, what it reads, its time."""
    rows = [
        TableRow(
            [_title(node), node.purpose, ", ".join(map(spaced, sorted(node.reads))) or "–", duration(node.seconds)]
        )
        for node in nodes
    ]
    return PageTable("Stages", ["stage", "what it makes", "reads from", "time of its last run"], rows, folded=True)


def _title(node: StageNode) -> str:
    return spaced(node.name) + (f" ({node.runs} models)" if node.runs > 1 else "")


def write_flow(nodes: list[StageNode], run: ReportRun) -> None:
    """Write the drawing and the table as files."""
    svg = flow_drawing(nodes).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    start = svg.index(">") + 1
    run.stages_drawing.write_text(f"{svg[:start]}<style>{FILE_STYLE}</style>{svg[start:]}\n", encoding="utf-8")
    table = flow_table(nodes)
    columns = ["stage", "makes", "reads_from", "seconds"]
    rows = [[*row.cells[:3], node.seconds] for row, node in zip(table.rows, nodes, strict=True)]
    pd.DataFrame(rows, columns=columns).to_csv(run.stages_table, index=False)


def layers(nodes: Iterable[StageNode]) -> list[list[StageNode]]:
    """The stages in rows: each as late as those that read from it allow, and never in the row of one that it reads."""
    by_name = {node.name: node for node in nodes}
    readers = {name: [n.name for n in by_name.values() if name in n.reads] for name in by_name}
    below: dict[str, int] = {}

    def depth(name: str) -> int:
        """Stages on the longest way from here to the end."""
        if name not in below:
            below[name] = 1 + max(map(depth, readers[name]), default=0)
        return below[name]

    deepest = max(map(depth, by_name), default=0)
    rows: list[list[StageNode]] = [[] for _ in range(deepest)]
    for name, node in by_name.items():
        rows[deepest - depth(name)].append(node)
    return rows


def direct(nodes: Iterable[StageNode]) -> list[tuple[str, str]]:
    """Pairs (earlier, later) that no longer way joins as well."""
    by_name = {node.name: node for node in nodes}

    def above(name: str) -> set[str]:
        every = set(by_name[name].reads)
        return every.union(*(above(other) for other in by_name[name].reads)) if every else every

    return [
        (other, name)
        for name, node in by_name.items()
        for other in sorted(node.reads)
        if not any(other in above(between) for between in node.reads if between != other)
    ]


def flow_drawing(nodes: list[StageNode]) -> str:
    """An SVG: a box a stage with its time, an arrow where a stage reads what another wrote; from top to bottom."""
    rows = layers(nodes)
    most = max(map(len, rows), default=1)
    width = most * WIDE + (most - 1) * ACROSS
    height = len(rows) * HIGH + max(len(rows) - 1, 0) * DOWN
    place: dict[str, tuple[float, float]] = {}
    for k, row in enumerate(rows):
        start = (width - len(row) * WIDE - (len(row) - 1) * ACROSS) / 2
        for i, node in enumerate(row):
            place[node.name] = start + i * (WIDE + ACROSS), k * (HIGH + DOWN)
    parts = [
        f'<svg class="drawing flow" viewBox="-4 -4 {width + 8} {height + 8}" role="img" aria-label="Stages and times">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    for first, second in direct(nodes):
        (x1, y1), (x2, y2) = place[first], place[second]
        x1, y1, x2 = x1 + WIDE / 2, y1 + HIGH, x2 + WIDE / 2
        bend = (y1 + y2) / 2
        parts.append(f'<path class="arrow" d="M{x1:g} {y1:g}C{x1:g} {bend:g} {x2:g} {bend:g} {x2:g} {y2:g}"/>')
    parts += [_box(node, *place[node.name]) for node in nodes]
    return "".join([*parts, "</svg>"])


def _box(node: StageNode, x: float, y: float) -> str:
    middle = x + WIDE / 2
    return (
        f'<g><title>{escape(node.purpose)}</title><rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="7"/>'
        f'<text x="{middle:g}" y="{y + 19:g}" text-anchor="middle" class="stage">{escape(_title(node))}</text>'
        f'<text x="{middle:g}" y="{y + 36:g}" text-anchor="middle" class="time">{duration(node.seconds)}</text></g>'
    )
