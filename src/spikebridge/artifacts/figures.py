"""What the stage figures writes, reports/figures: <figure>.png, or <figure>_<page>.png for each page of a figure.

Beside each PNG lie the same figure as SVG and as PDF.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikebridge.text.keys import safe_key

FIGURES_FOLDER = Path("reports") / "figures"
"""Of the stage, in the folder of a project."""
FORMATS = ("png", "svg", "pdf")
"""Of every figure."""


@dataclass(frozen=True)
class FigureRun:
    """The folder of the stage: where its images are.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def image(self, figure: str, page: str = "", kind: str = FORMATS[0]) -> Path:
        """The image of a figure, or of one of its pages.

        Parameters
        ----------
        figure : str
            Name of the figure.
        page : str
            Name of the page (of a recording, say); "" where the figure has no pages.
        kind : str
            png, svg or pdf.

        Returns
        -------
        Path
            Where the file is, or would be.
        """
        return self.folder / f"{figure}{f'_{safe_key(page)}' if page else ''}.{kind}"

    def of_model(self, model: str) -> list[Path]:
        """The PNG images that have the name of a model in their own.

        Parameters
        ----------
        model : str
            Name of the model.

        Returns
        -------
        list of Path
            Sorted.
        """
        return sorted(self.folder.glob(f"*{model}*.png"))


def formats_of(image: Path) -> dict[str, Path]:
    """Name the files of a figure.

    Parameters
    ----------
    image : Path
        Its PNG file.

    Returns
    -------
    dict
        png, svg, pdf -> the file.
    """
    return {kind: image.with_name(f"{image.name.removesuffix('.png')}.{kind}") for kind in FORMATS}
