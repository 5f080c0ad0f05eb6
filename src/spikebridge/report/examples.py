"""A good and a bad example of each figure, from the simulator: small images that are part of the package.

`scripts/gallery.py --studies` makes them.
"""

from __future__ import annotations

import base64
from pathlib import Path

from spikebridge.report.content import PageExample

FOLDER = Path(__file__).with_name("examples")
GOOD, BAD = "good", "bad"
TITLES = {GOOD: "Good: simulator, coupling 1", BAD: "Bad: simulator, coupling 0"}
OF_DECISIONS = {GOOD: "Good: simulator, label_information 1", BAD: "Bad: simulator, label_information 0"}
OTHER_TITLES = {
    **dict.fromkeys(("scores", "roc", "confusion", "reliability", "time_resolved"), OF_DECISIONS),
    "quality": {GOOD: "Good: simulator, as it is", BAD: "Bad: simulator, short refractory time and strong drift"},
}
"""Of figures that do not show a link between the regions. The good study has both settings 1, the bad one both 0."""


def example_path(figure: str, kind: str) -> Path:
    """The image of a figure's example. kind: GOOD or BAD."""
    return FOLDER / f"{figure}_{kind}.png"


def example_title(figure: str, kind: str) -> str:
    """What the example is from."""
    return OTHER_TITLES.get(figure, TITLES)[kind]


def examples_of(figure: str) -> list[PageExample]:
    """The examples of a figure, good first; none of a figure that has none, such as one that a user added."""
    paths = {kind: example_path(figure, kind) for kind in (GOOD, BAD)}
    return [
        PageExample(example_title(figure, kind), f"data:image/png;base64,{_encoded(path)}")
        for kind, path in paths.items()
        if path.is_file()
    ]


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
