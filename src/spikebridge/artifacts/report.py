"""What the stage report writes, reports/report: pages for people, and the methods as text to take along.

index.html           the group page over all recordings
<recording>.html     a page for each recording
methods.md, .tex     the methods paragraphs; methods.bib has the papers that they cite
stages.svg, .csv     the stages of the pipeline and their times, as a drawing and as a table
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikebridge.text.keys import safe_key

REPORT_FOLDER = Path("reports") / "report"
"""Of the stage, in the folder of a project."""
INDEX = "index"


@dataclass(frozen=True)
class ReportRun:
    """The folder of the stage: where its pages are.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def index(self) -> Path:
        """The group page."""
        return self.folder / f"{INDEX}.html"

    @property
    def methods_markdown(self) -> Path:
        """The methods for Pandoc."""
        return self.folder / "methods.md"

    @property
    def methods_latex(self) -> Path:
        """The methods for LaTeX."""
        return self.folder / "methods.tex"

    @property
    def references(self) -> Path:
        """The papers that the methods cite, for BibTeX."""
        return self.folder / "methods.bib"

    @property
    def stages_drawing(self) -> Path:
        """The stages with their times, as SVG."""
        return self.folder / "stages.svg"

    @property
    def stages_table(self) -> Path:
        """The stages with their times, as CSV."""
        return self.folder / "stages.csv"

    def page(self, recording: str) -> Path:
        """The page of a recording.

        Parameters
        ----------
        recording : str
            Its name. Where it is called index, the last letter is escaped as in `safe_key`.

        Returns
        -------
        Path
            Where the page is, or would be.
        """
        key = safe_key(recording)
        if key.lower() == INDEX:
            key = f"{key[:-1]}.x{ord(key[-1]):x}."
        return self.folder / f"{key}.html"
