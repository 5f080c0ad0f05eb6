"""The images of reports/figures in the page: as data, with caption, how to read them, examples, and links."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from spikebridge import figures
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER
from spikebridge.artifacts.evaluation_tables import table_path
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun
from spikebridge.figures import style
from spikebridge.report.content import Explanation, PageLink, Picture
from spikebridge.report.examples import examples_of
from spikebridge.report.study import Study
from spikebridge.report.wording import listed, spaced

SECTIONS: dict[str, tuple[str, ...]] = {
    "data": ("quality",),
    "translation": (
        "bits_per_spike", "unit_scores", "rasters", "psth", "direction", "coupling", "held_out_units",
        "learning_curves",
    ),
    "latents": (
        "latent_trajectories", "latents_by_position", "shared_subspace", "consistency", "attribution",
        "latent_recovery",
    ),
    "decisions": ("scores", "roc", "confusion", "reliability", "declared_tests"),
    "nested": ("nested_models", "communication_gain", "time_resolved"),
    "states": ("states",),
    "nulls": ("nulls",),
    "leaks": ("leakage_optimism",),
}  # fmt: skip
"""Section of the page -> its figures. Figures that no section has stand in the last one."""
TITLES = {"psth": "PSTHs by decision", "roc": "ROC curves", "unit_scores": "Bits per spike of single units"}
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
MAX_SVG_BYTES = 400_000
"""A larger drawing is embedded as PNG."""
MAX_IMAGE_BYTES = 7_000_000
"""Of all figures of a page, as data. Beyond it a figure is linked, not embedded, so that the page has at most 10 MB;
the examples take 2 MB at most."""
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
    study: Study, names: Sequence[str], space: Space, recordings: Sequence[str], group: bool
) -> tuple[list[Picture], list[str]]:
    """The figures of a section, and one line for each that was not drawn.

    recordings: those whose pages of a figure are shown. group: whether the page is about all of them together; figures
    that have one image for that show it alone, and on the page of a recording only figures with pages are shown.
    """
    modules = figures.modules()
    shown, absent = [], []
    for name in names:
        if name not in modules or not (group or hasattr(modules[name], "pages")):
            continue
        every = list(_pictures(study, modules[name], space, _pages(study, modules[name], recordings, group)))
        if not group:  # the page of all recordings has the examples
            every = [replace(p, explanation=replace(p.explanation, examples=())) for p in every]
        shown += [*every[:1], *(replace(picture, folded=True) for picture in every[1:])]
        if not every and group:
            absent.append(_absent(study, modules[name]))
    return shown, absent


def _pages(study: Study, module: ModuleType, recordings: Sequence[str], group: bool) -> Sequence[str]:
    if not hasattr(module, "pages"):
        return [""]
    if group and hasattr(module, "group_page"):
        tables = study.evaluation.tables
        drawn = all(table_path(tables, table).is_file() for table in module.needs)
        return [page] if drawn and (page := module.group_page(tables)) else []
    return recordings


def _pictures(study: Study, module: ModuleType, space: Space, pages: Sequence[str]) -> Iterator[Picture]:
    run, tables, name = FigureRun(study.project / FIGURES_FOLDER), study.evaluation.tables, str(module.name)
    how_to_read, examples = study.named(getattr(module, "how_to_read", "")), examples_of(name)
    for page in pages:
        image = run.image(name, page)
        versions = {kind: image.with_name(f"{image.stem}.{kind}") for kind in OPENED}
        versions = {kind: path for kind, path in versions.items() if path.is_file()}
        if "png" not in versions and "svg" not in versions:
            continue
        of = page if page in study.recordings else ""
        yield Picture(
            image.stem,
            figure_title(study, name) + (f": {page}" if of else ""),
            Explanation(study.named(getattr(module, "caption", "") or _first_line(module)), how_to_read, examples),
            image=space.embed([path for kind, path in versions.items() if f".{kind}" in TYPES]),
            files=[PageLink(kind.upper(), relative(FIGURES_FOLDER, path.name)) for kind, path in versions.items()],
            tables=table_links(tables, module.needs),
            recording=of,
            inches=_inches(versions.get("png")),
        )
        how_to_read, examples = "", []  # once for all recordings


def figure_title(study: Study, name: str) -> str:
    """What a figure is called: "Bits per spike", "ROC curves"."""
    title = TITLES.get(name) or study.named(spaced(name))
    return title[:1].upper() + title[1:]


def table_links(tables: Path, names: Sequence[str]) -> list[PageLink]:
    """Links to those tables for figures that were written."""
    links = (table_link(tables.parent, f"{tables.name}/{table_path(tables, name).name}") for name in names)
    return [link for link in links if link]


def figure_links(study: Study, name: str) -> list[PageLink]:
    """Links to the files of a figure without pages."""
    image = FigureRun(study.project / FIGURES_FOLDER).image(name)
    paths = {kind: image.with_name(f"{image.stem}.{kind}") for kind in OPENED}
    return [
        PageLink(kind.upper(), relative(FIGURES_FOLDER, path.name)) for kind, path in paths.items() if path.is_file()
    ]


def _inches(png: Path | None) -> float:
    """Width as drawn, from the header of the file."""
    head = png.read_bytes()[:24] if png else b""
    return int.from_bytes(head[16:20], "big") / style.DPI if head[12:16] == b"IHDR" else Picture.inches


def _first_line(module: ModuleType) -> str:
    """What the module says that it draws."""
    return " ".join((module.__doc__ or "").partition("\n\n")[0].split())


def _absent(study: Study, module: ModuleType) -> str:
    tables = study.evaluation.tables
    missing = [table for table in module.needs if not table_path(tables, table).is_file()]
    why = f"the evaluation has no table {listed(missing)}" if missing else "its tables hold nothing to draw"
    return f"Figure {figure_title(study, module.name)}: not drawn, because {why}."
