"""ROC curves of one recording as an inline drawing, from the table of evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

from spikebridge.artifacts.evaluation_tables import ROC_TABLE
from spikebridge.figures import style
from spikebridge.report.study import Study
from spikebridge.report.wording import spaced

SIDE, LEFT, TOP = 300, 52, 12
"""Of the plot, in units of the drawing."""
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")


@dataclass(frozen=True)
class DrawnCurve:
    """A curve of one model. of: the decision that is recognised; points: (false share, true share), from 0 to 1."""

    model: str
    of: str
    points: Sequence[tuple[float, float]]
    area: float
    trials: int


def curves_of(study: Study, recording: str) -> list[DrawnCurve]:
    """The curves of a recording, models in the order of the table."""
    rows: dict[str, list[dict[str, object]]] = {}
    for row in study.table(ROC_TABLE):
        if row["recording"] == recording:
            rows.setdefault(str(row["model"]), []).append(dict(row))
    return [
        DrawnCurve(
            model, str(of[0]["of"]), [(_number(r["false_share"]), _number(r["true_share"])) for r in of],
            _number(of[0]["area"]), int(_number(of[0]["n"])),
        )
        for model, of in rows.items()
    ]  # fmt: skip


def _number(value: object) -> float:
    return float(str(value))


def roc_drawing(curves: Sequence[DrawnCurve], other: str) -> str:
    """An SVG with one line a model and the chance diagonal; names are escaped. other: the decision mistaken for it."""
    colour = style.colours([c.model for c in curves])
    width, height = LEFT + SIDE + 170, TOP + SIDE + 48
    parts = [
        f'<svg class="drawing" viewBox="0 0 {width} {height}" role="img" aria-label="ROC curves">',
        f'<path d="M{LEFT} {TOP}V{TOP + SIDE}H{LEFT + SIDE}" class="axis"/>',
        f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" class="chance"/>',
    ]
    for tick in (0.0, 0.5, 1.0):
        x, y = LEFT + SIDE * tick, TOP + SIDE * (1 - tick)
        parts.append(f'<text x="{x:g}" y="{TOP + SIDE + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>')
    middle = TOP + SIDE / 2
    parts.append(
        f'<text x="{LEFT + SIDE / 2:g}" y="{height - 10}" text-anchor="middle">share of {escape(other)} mistaken'
        "</text>"
        f'<text transform="translate(14 {middle:g}) rotate(-90)" text-anchor="middle">share of {escape(curves[0].of)} '
        "recognised</text>"
    )
    for k, curve in enumerate(curves):
        points = " ".join(f"{LEFT + SIDE * x:.1f},{TOP + SIDE * (1 - y):.1f}" for x, y in curve.points)
        look = f'stroke="{colour[curve.model]}" stroke-dasharray="{DASHES[k % len(DASHES)]}"'
        parts.append(f'<polyline points="{points}" class="curve" data-model="{escape(curve.model)}" {look}/>')
        y = TOP + 14 + 20 * k
        parts.append(f'<path d="M{LEFT + SIDE + 12} {y - 4}h24" class="curve" {look}/>')
        name = f"{escape(spaced(curve.model))} {curve.area:.2f}"
        parts.append(f'<text x="{LEFT + SIDE + 42}" y="{y}">{name}</text>')
    return "".join([*parts, "</svg>"])
