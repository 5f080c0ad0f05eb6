"""ROC curves of held-out predictions as an inline drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from spikebridge.figures import style
from spikebridge.report.wording import spaced

SIDE, LEFT, TOP = 300, 52, 12
"""Of the plot, in units of the drawing."""
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")


@dataclass(frozen=True)
class RocCurve:
    """false_share, true_share: (threshold,), rising from 0 to 1. area: under the curve, ties counting a half."""

    model: str
    false_share: NDArray[np.float64]
    true_share: NDArray[np.float64]
    area: float


def roc_curve(model: str, positive: NDArray[np.bool_], evidence: NDArray[np.float64]) -> RocCurve:
    """The curve over all thresholds. positive, evidence: (trial,); both classes must occur."""
    values, inverse = np.unique(-evidence, return_inverse=True)  # highest evidence first; ties are one step
    n = len(values)
    true = np.cumsum(np.bincount(inverse, weights=positive, minlength=n)) / positive.sum()
    false = np.cumsum(np.bincount(inverse, weights=~positive, minlength=n)) / (~positive).sum()
    x, y = np.concatenate([[0.0], false]), np.concatenate([[0.0], true])
    return RocCurve(model, x, y, float(np.trapezoid(y, x)))


def roc_drawing(curves: Sequence[RocCurve], classes: Sequence[str]) -> str:
    """An SVG with one line a model and the chance diagonal; names are escaped."""
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
        f'<text x="{LEFT + SIDE / 2:g}" y="{height - 10}" text-anchor="middle">share of {escape(classes[0])} mistaken'
        "</text>"
        f'<text transform="translate(14 {middle:g}) rotate(-90)" text-anchor="middle">share of {escape(classes[1])} '
        "recognised</text>"
    )
    for k, curve in enumerate(curves):
        points = " ".join(
            f"{LEFT + SIDE * x:.1f},{TOP + SIDE * (1 - y):.1f}"
            for x, y in zip(curve.false_share, curve.true_share, strict=True)
        )
        look = f'stroke="{colour[curve.model]}" stroke-dasharray="{DASHES[k % len(DASHES)]}"'
        parts.append(f'<polyline points="{points}" class="curve" data-model="{escape(curve.model)}" {look}/>')
        y = TOP + 14 + 20 * k
        parts.append(f'<path d="M{LEFT + SIDE + 12} {y - 4}h24" class="curve" {look}/>')
        name = f"{escape(spaced(curve.model))} {curve.area:.2f}"
        parts.append(f'<text x="{LEFT + SIDE + 42}" y="{y}">{name}</text>')
    return "".join([*parts, "</svg>"])
