"""What the stage figures writes, reports/figures: <figure>.png, or <figure>_<page>.png for each page of a figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikebridge.text.keys import safe_key

FIGURES_FOLDER = Path("reports") / "figures"
"""Of the stage, in the folder of a project."""


@dataclass(frozen=True)
class FigureRun:
    """The folder of the stage: where its images are.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def image(self, figure: str, page: str = "") -> Path:
        """The image of a figure, or of one of its pages.

        Parameters
        ----------
        figure : str
            Name of the figure.
        page : str
            Name of the page (of a recording, say); "" where the figure has no pages.

        Returns
        -------
        Path
            Where the PNG file is, or would be.
        """
        return self.folder / f"{figure}{f'_{safe_key(page)}' if page else ''}.png"

    def of_model(self, model: str) -> list[Path]:
        """The images that have the name of a model in their own.

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
