"""The images of reports/figures in the page: as data, with caption, how to read them, and links to files and tables."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from spikebridge import figures
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.evaluation_tables import table_path
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun
from spikebridge.report.content import PageLink, Picture
from spikebridge.report.wording import listed, spaced

SECTIONS: dict[str, tuple[str, ...]] = {
    "data": ("quality",),
    "translation": ("bits_per_spike", "rasters", "direction", "coupling", "held_out_units", "learning_curves"),
    "latents": ("latent_trajectories", "shared_subspace", "consistency", "attribution", "latent_recovery"),
    "decisions": ("scores", "confusion", "reliability", "declared_tests"),
    "nested": ("nested_models", "communication_gain", "time_resolved"),
    "states": ("states",),
    "nulls": ("nulls",),
    "leaks": ("leakage_optimism",),
}
"""Section of the page -> its figures. Figures that no section has stand in the last one."""
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
MAX_SVG_BYTES = 400_000
"""A larger drawing is embedded as PNG."""
MAX_IMAGE_BYTES = 8_000_000
"""Of all images of a page, as data. Beyond it an image is linked, not embedded, so that the page has at most 10 MB."""
OPENED = ("svg", "pdf", "png")


@dataclass
class Space:
    """Bytes that images may still take in a page."""

    left: int = MAX_IMAGE_BYTES

    def embed(self, images: Sequence[Path]) -> str:
        """The first image that fits, as data URI; "" where none does."""
        for path in images:
            size = path.stat().st_size
            if path.suffix == ".svg" and size > MAX_SVG_BYTES:
                continue
            if (taken := size * 4 // 3 + 100) <= self.left:
                self.left -= taken
                data = base64.b64encode(path.read_bytes()).decode("ascii")
                return f"data:{TYPES[path.suffix]};base64,{data}"
        return ""


def relative(folder: Path, *parts: str) -> str:
    """The address of a file below reports/, as a page in reports/report has it."""
    return "/".join(["..", folder.name, *(quote(part) for part in parts)])


def table_link(evaluation: Path, source: str) -> PageLink | None:
    """The link to a file of the evaluation; None where it was not written. source: its path in reports/evaluation."""
    if not source or not (evaluation / source).is_file():
        return None
    return PageLink(source.rpartition("/")[2], relative(EVALUATION_FOLDER, *source.split("/")))


def unplaced() -> list[str]:
    """Figures that no section names."""
    placed = {name for names in SECTIONS.values() for name in names}
    return [name for name in figures.modules() if name not in placed]


def pictures_of(
    project: Path, names: Sequence[str], space: Space, recordings: Sequence[str]
) -> tuple[list[Picture], list[str]]:
    """The figures of a section, and one line for each that was not drawn.

    recordings: those whose pages of a figure are shown.
    """
    modules = figures.modules()
    shown, absent = [], []
    for name in names:
        if name not in modules:
            continue
        every = list(_pictures(project, name, modules[name], space, recordings))
        shown += every
        if not every:
            absent.append(_absent(project, name, modules[name]))
    return shown, absent


def _pictures(
    project: Path, name: str, module: ModuleType, space: Space, recordings: Sequence[str]
) -> Iterator[Picture]:
    run, tables = FigureRun(project / FIGURES_FOLDER), EvaluationRun(project / EVALUATION_FOLDER).tables
    how_to_read = str(getattr(module, "how_to_read", ""))
    for page in recordings if hasattr(module, "pages") else [""]:
        image = run.image(name, page)
        versions = {kind: image.with_name(f"{image.stem}.{kind}") for kind in OPENED}
        versions = {kind: path for kind, path in versions.items() if path.is_file()}
        if "png" not in versions and "svg" not in versions:
            continue
        needed = [
            table_link(tables.parent, f"{tables.name}/{table_path(tables, table).name}") for table in module.needs
        ]
        title = spaced(name).capitalize() + (f": {page}" if page else "")
        embedded = space.embed([path for kind, path in versions.items() if f".{kind}" in TYPES])
        caption = str(getattr(module, "caption", "")) or _first_line(module)
        yield Picture(
            image.stem,
            title,
            caption,
            how_to_read,
            image=embedded,
            files=[PageLink(kind.upper(), relative(FIGURES_FOLDER, path.name)) for kind, path in versions.items()],
            tables=[link for link in needed if link],
            recording=page,
        )
        how_to_read = ""  # once for all recordings


def _first_line(module: ModuleType) -> str:
    """What the module says that it draws."""
    return " ".join((module.__doc__ or "").partition("\n\n")[0].split())


def _absent(project: Path, name: str, module: ModuleType) -> str:
    tables = EvaluationRun(project / EVALUATION_FOLDER).tables
    missing = [table for table in module.needs if not table_path(tables, table).is_file()]
    why = f"the evaluation has no table {listed(missing)}" if missing else "its tables hold nothing to draw"
    return f"Figure {spaced(name)}: not drawn, because {why}."
