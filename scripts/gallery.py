"""Write docs/gallery.md, every figure with a good and a bad example; `--check` only compares.

    python scripts/gallery.py                                # the page, from the captions in src/spikebridge/figures
    python scripts/gallery.py --studies FOLDER               # also the examples, from three studies made in FOLDER
    python scripts/gallery.py --examples GOOD BAD QUALITY    # also the examples, from projects that are finished

The examples are small images, src/spikebridge/report/examples, which the report shows beside each figure. `--studies`
simulates and analyses two studies of six recordings, one with coupling 1 and one with coupling 0, and the units of a
third one. It takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from PIL import Image

from spikebridge import figures
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER, FORMATS, FigureRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.cli.demo_command import make_demo
from spikebridge.cli.project_commands import replace_params
from spikebridge.evaluation.tables import quality_tables
from spikebridge.figures import Regions
from spikebridge.report.examples import BAD, FOLDER, GOOD, example_path, example_title

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gallery.md"
IMAGES = "../src/spikebridge/report/examples"
"""The folder of the examples, from docs."""
REGIONS = Regions("HC", "PFC")
"""Of the simulator."""
WIDTH, COLOURS, MOST_BYTES = 720, (64, 32), 36_000
"""Of an example: pixels at most, numbers of colours that are tried, and size."""
SMALLER = (
    "simulate.n_trials=90", "split.n_outer_folds=3", "models.seq2seq.n_members=1", "tune.n_trials=3",
    "tune.n_startup_trials=2", "analysis.n_folds=1", "statistics.n_resamples=4000",
    "analysis.states={running: {where: speed > 0.1}}",
)  # fmt: skip
"""Changes to params.yaml in all studies."""
NO_BAD_EXAMPLE = frozenset({"attribution", "consistency"})
"""Figures that are not drawn where latents do not vary."""
STUDIES: Mapping[str, Sequence[str]] = {
    GOOD: ("simulate.coupling=1.0", "simulate.label_information=1.0"),
    BAD: ("simulate.coupling=0.0", "simulate.label_information=0.0"),
    "quality": ("simulate.refractory_s=0.0007", "simulate.drift=1.0", "simulate.n_recordings=2"),
}
"""What each study changes besides."""
SECTIONS: Mapping[str, Sequence[str]] = {
    "Data": ("quality",),
    "Translation": (
        "rasters", "psth", "bits_per_spike", "unit_scores", "communication_gain", "direction", "held_out_units",
        "coupling", "states",
    ),
    "Latents": (
        "latent_trajectories", "latents_by_position", "consistency", "attribution", "shared_subspace",
        "latent_recovery",
    ),
    "Decisions": (
        "scores", "declared_tests", "roc", "confusion", "reliability", "time_resolved", "nested_models",
    ),
    "Checks": ("nulls", "leakage_optimism", "learning_curves"),
}  # fmt: skip
INTRODUCTION = f"""# Gallery

Every figure that the stage `figures` draws, with its caption, how to read it, and a good and a bad example. Each is a
file in `{FIGURES_FOLDER.as_posix()}` as {", ".join(FORMATS)}; text in the PDF can be edited. Figures and captions name
the regions; here these are {REGIONS.source} and {REGIONS.target} of the simulator. The good examples are from a study
of six recordings with coupling 1, the bad ones from a study with coupling 0 and label_information 0: no link between
the regions, and decisions that are independent of the spikes. The [report](report.md) shows them beside each figure.

This page is made by `python scripts/gallery.py`; the sentences stand in `src/spikebridge/figures/<name>.py`.
"""


def page() -> str:
    """The page, from the modules of the figures."""
    modules = figures.modules()
    missing = set(modules) - {name for names in SECTIONS.values() for name in names}
    if missing:
        raise SystemExit(f"scripts/gallery.py: expected every figure in a section, got none for {sorted(missing)}")
    parts = [INTRODUCTION]
    for title, names in SECTIONS.items():
        parts += [f"## {title}\n", *(entry(modules[name]) for name in names)]
    return "\n".join(parts)


def entry(module: ModuleType) -> str:
    """One figure: caption, how to read it, examples, tables."""
    name = module.name
    caption, how_to_read = REGIONS.named(module.caption), REGIONS.named(module.how_to_read)
    pictures = "".join(
        f"{example_title(name, kind)}:\n\n![{kind} example of {name}]({IMAGES}/{example_path(name, kind).name})\n\n"
        for kind in (GOOD, BAD)
        if example_path(name, kind).is_file()
    )
    tables = ", ".join(f"`{table}.csv`" for table in module.needs)
    return (
        f"### {name}\n\n{caption}\n\n**How to read it.** {how_to_read}\n\n{pictures}"
        f"Tables in `reports/evaluation/tables`: {tables}.\n"
    )


def make_studies(folder: Path) -> dict[str, Path]:
    """The three projects, GOOD, BAD and that of bad units, in folders of these names."""
    projects = {name: folder / name for name in STUDIES}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # stages are run as `python ...`
    for name, project in projects.items():
        make_demo(project)
        replace_params(ROOT / "params.yaml", (*SMALLER, *STUDIES[name]), project / "params.yaml")
        stage = "preprocess" if name == "quality" else "figures"
        subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "--quiet", stage], cwd=project, check=True,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
    return projects


def make_examples(projects: Mapping[str, Path]) -> None:
    """Small copies of the figures of the projects, in the package."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    _draw_quality(projects["quality"])
    for name, module in figures.modules().items():
        for kind in (GOOD, BAD):
            project = projects["quality" if (name, kind) == ("quality", BAD) else kind]
            image = FigureRun(project / FIGURES_FOLDER).image(name, _page(project, module))
            if not image.is_file():
                if kind == BAD and name in NO_BAD_EXAMPLE:
                    continue
                raise SystemExit(f"{image}: expected the figure, found none")
            small(image, example_path(name, kind))


def _page(project: Path, module: ModuleType) -> str:
    """The page of a figure that the report on all recordings shows, or its first one."""
    tables = EvaluationRun(project / EVALUATION_FOLDER).tables
    if hasattr(module, "group_page"):
        return str(module.group_page(tables))
    return str(module.pages(tables)[0]) if hasattr(module, "pages") else ""


def _draw_quality(project: Path) -> None:
    """Of a project that ended with the stage preprocess."""
    run = EvaluationRun(project / EVALUATION_FOLDER)
    run.folder.mkdir(parents=True, exist_ok=True)
    run.write_tables(quality_tables(project / WINDOWS_FOLDER))
    figures.draw_all(run.tables, project / FIGURES_FOLDER)


def small(image: Path, target: Path) -> None:
    """A copy with fewer pixels and colours."""
    with Image.open(image) as whole:
        width = min(WIDTH, whole.width)
        size = (width, round(whole.height * width / whole.width))
        reduced = whole.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    for colours in COLOURS:
        reduced.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{target}: expected at most {MOST_BYTES} bytes, got {target.stat().st_size}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--studies", type=Path, metavar="FOLDER")
    parser.add_argument("--examples", type=Path, nargs=3, metavar=("GOOD", "BAD", "QUALITY"))
    given = parser.parse_args()
    if given.studies or given.examples:
        made = make_studies(given.studies) if given.studies else dict(zip(STUDIES, given.examples, strict=True))
        make_examples(made)
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    if given.check:
        print(f"{PAGE.relative_to(ROOT)} does not have today's captions: python scripts/gallery.py")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
