"""The style sheet of all figures: sizes for a talk, colours that survive colour blindness and grey print, and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spikebridge.artifacts.figures import formats_of
from spikebridge.figures.fonts import families

DPI = 150
# Okabe & Ito (2008), without yellow, which is too faint for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
KNOWN = {
    "seq2seq": PALETTE[0],
    "random_forest": PALETTE[2],
    "dnn": PALETTE[4],
    "ridge": PALETTE[1],
    "majority": "#8C8C8C",
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK = "#222222"
FAINT = "#9A9A9A"
RC: Any = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "lines.linewidth": 1.8,
    "image.interpolation": "nearest",
    "figure.facecolor": "white",
}
FILES: Any = {
    "svg.hashsalt": "spikebridge",  # else ids in the file are random
    "svg.fonttype": "path",  # looks the same where the font is missing
    "pdf.fonttype": 42,  # text stays text: editors can change it
}
NO_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": dict.fromkeys(("Creator", "Date")),
    "pdf": dict.fromkeys(("Creator", "Producer", "CreationDate")),
}
LEAST_BITS = 0.01
"""Bits/spike that an axis holds on both sides of 0, at least."""
METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_within_blocks": "balanced accuracy",
    "accuracy": "accuracy",
    "auc": "area under ROC curve",
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
    "bits_per_spike": "bits/spike",
    "source_bits_per_spike": "bits/spike from the source",
    "trial_contrast_bits_per_spike": "bits/spike against neighbouring trials' rates",
}


INTERVALS = (
    "95 % intervals (1 − statistics.alpha) from a bootstrap of clusters (recordings, or blocks of trials where there "
    "are fewer than six recordings)"
)
"""What the intervals of most figures are, for their captions."""


def new(width: float, height: float) -> Figure:
    """An empty figure, inches, laid out so that nothing overlaps. Free of pyplot and its global state."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> bool:
    """Write a figure as PNG, and beside it as SVG and PDF, without dates or versions: equal figures are equal files.

    Parameters
    ----------
    figure : Figure
        Drawn within `styled`. It is laid out once, for the PNG.
    path : Path
        Of the PNG. The others have its name, with their own suffix.

    Returns
    -------
    bool
        True: it is written.
    """
    with mpl.rc_context(FILES):
        for kind, file in formats_of(path).items():
            figure.savefig(file, dpi=DPI, format=kind, metadata=NO_METADATA[kind])
            figure.set_layout_engine("none")  # the others keep this layout: it takes most of the time
    return True


def note(figure: Figure, text: str) -> None:
    """What a reader must know to read the figure, below it."""
    figure.legend([], [], title=text, title_fontsize=10, loc="outside lower left", alignment="left", borderpad=0)


def styled() -> AbstractContextManager[None]:
    """The look, within a `with` block."""
    return mpl.rc_context(RC | {"font.family": families()})


def headline(figure: Figure, text: str) -> None:
    """What the whole figure shows, at its top left."""
    figure.suptitle(text, fontsize=13, x=0.01, ha="left")


def shown(name: str) -> str:
    """A model's or column's name for people."""
    return str(name).replace("_", " ")


def colours(names: Iterable[str]) -> dict[str, str]:
    """Name -> colour: the same model has the same colour in every figure."""
    names = list(dict.fromkeys(names))
    free = [c for c in PALETTE if c not in {KNOWN.get(n) for n in names}] or list(PALETTE)
    others = [n for n in names if n not in KNOWN]
    return {n: KNOWN.get(n) or free[others.index(n) % len(free)] for n in names}


def class_colours(labels: Sequence[str]) -> dict[str, str]:
    """Decision -> colour."""
    order = (PALETTE[1], PALETTE[0], *PALETTE[2:])
    return {label: order[k % len(order)] for k, label in enumerate(labels)}


def time_zero(axes: Axes) -> None:
    """A thin line where the event is."""
    axes.axvline(0, color=FAINT, linewidth=1, linestyle=":", zorder=0)


def event_label(event: str) -> str:
    return f"time from {shown(event).removesuffix(' time')} (s)"


def few_ticks() -> MaxNLocator:
    """Round places on a narrow linear axis."""
    return MaxNLocator(nbins=4, steps=[1, 2, 5, 10])


def at_least(axes: Axes, span: float) -> None:
    """Widen the vertical axis to hold both ends of ±span: next to nothing must not fill a panel."""
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -span), max(high, span))


def log_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Decades on a logarithmic axis, some of them where there are many; powers of two where there is hardly one."""
    decades = np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1)
    if len(decades) >= 2:
        return [float(10.0**d) for d in decades[:: -(-len(decades) // most)]]
    twos = np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    return [float(2.0**d) for d in twos[:: -(-len(twos) // most) or 1]]


def broken_axis(axes: Axes, x: float) -> None:
    """Two slashes on the lower axis at x: left of them the scale is another."""
    look: Any = {"color": INK, "markersize": 9, "markeredgewidth": 1.2, "clip_on": False, "linestyle": ""}
    at = axes.get_xaxis_transform()
    axes.plot([x], [0], marker="$//$", transform=at, zorder=5, **look)
