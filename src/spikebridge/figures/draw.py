"""Finds every figure by its file name and draws it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from spikebridge.artifacts.evaluation_tables import table_path
from spikebridge.artifacts.figures import FigureRun
from spikebridge.runtime.parallel import Report, run_jobs

NOT_FIGURES = {"draw", "fonts", "study", "style"}
MODULES = ("matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "matplotlib.backends.backend_pdf")
"""Libraries of the workers."""


def modules() -> dict[str, ModuleType]:
    """Every figure.

    Returns
    -------
    dict
        Name of the figure -> its module, in the order of names.
    """
    here = __name__.rpartition(".")[0]
    names = sorted(m.name for m in iter_modules([str(Path(__file__).parent)]) if m.name not in NOT_FIGURES)
    return {name: import_module(f"{here}.{name}") for name in names}


@dataclass(frozen=True)
class _Drawing:
    """One image. page: "" for a figure without pages."""

    figure: str
    page: str
    tables: Path
    image: Path


def draw_all(tables_folder: Path, out_folder: Path, workers: int = 1) -> list[str]:
    """Draw every figure whose tables are there and hold something.

    A figure with `pages` has one image a page, <name>_<key of the page>.png.

    Parameters
    ----------
    tables_folder : Path
        The tables of evaluate, one CSV file each.
    out_folder : Path
        Gets the images.
    workers : int
        Number of processes that draw. The images do not depend on it.

    Returns
    -------
    list of str
        The names of the images, without suffix; each is a PNG, an SVG and a PDF.
    """
    out_folder.mkdir(parents=True, exist_ok=True)
    run, jobs = FigureRun(out_folder), []
    for name, module in modules().items():
        if not all(table_path(tables_folder, table).is_file() for table in module.needs):
            continue
        pages = module.pages(tables_folder) if hasattr(module, "pages") else [""]
        jobs += [_Drawing(name, page, tables_folder, run.image(name, page)) for page in pages]
    drawn = run_jobs(_draw, jobs, max(1, min(workers, len(jobs))), _ignore, MODULES)
    return [job.image.stem for job, done in zip(jobs, drawn, strict=True) if done]


def _draw(job: _Drawing, _: Report) -> bool:
    module = import_module(f"{__name__.rpartition('.')[0]}.{job.figure}")
    return bool(module.draw(job.tables, job.image, **({"page": job.page} if job.page else {})))


def _ignore(_: object) -> None:
    """Figures report no progress: each takes about a second."""
