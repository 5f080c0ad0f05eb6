"""Write docs/gallery.md, every figure with its caption and how to read it; `--check` only compares.

    python scripts/gallery.py                       # the page, from the captions in src/spikebridge/figures
    python scripts/gallery.py --images FOLDER       # also docs/figures, small copies of some figures

FOLDER is reports/figures of a finished study. The copies are for the README and the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from PIL import Image

from spikebridge import figures
from spikebridge.artifacts.figures import FIGURES_FOLDER, FORMATS, FigureRun

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gallery.md"
IMAGES = FigureRun(ROOT / "docs" / "figures")
SHOWN = ("rasters", "bits_per_spike", "latent_trajectories", "scores", "confusion", "communication_gain")
"""Figures of which docs/figures has a copy."""
WIDTH, MOST_COLOURS, MOST_BYTES = 1000, 48, 60_000
"""Of a copy: pixels, colours of its palette, and size."""
SECTIONS: Mapping[str, Sequence[str]] = {
    "Data": ("quality",),
    "Translation": (
        "rasters", "bits_per_spike", "communication_gain", "direction", "held_out_units", "coupling", "states",
    ),
    "Latents": (
        "latent_trajectories", "consistency", "attribution", "shared_subspace", "latent_recovery",
    ),
    "Decisions": ("scores", "declared_tests", "confusion", "reliability", "time_resolved", "nested_models"),
    "Checks": ("nulls", "leakage_optimism", "learning_curves"),
}  # fmt: skip
INTRODUCTION = f"""# Gallery

Every figure that the stage `figures` draws, with its caption and how to read it. Each is a file in
`{FIGURES_FOLDER.as_posix()}` as {", ".join(FORMATS)}; text in the PDF can be edited. Figures show the names of the
regions, such as HC and PFC; the captions say source and target. The pictures are from a small simulated study (two
recordings, coupling 1).

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
    """One figure: picture, caption, how to read it, tables."""
    name = module.name
    image = IMAGES.image(name)
    picture = f"![{name.replace('_', ' ')}]({image.relative_to(PAGE.parent).as_posix()})\n\n" if image.is_file() else ""
    tables = ", ".join(f"`{table}.csv`" for table in module.needs)
    return (
        f"### {name}\n\n{picture}{module.caption}\n\n**How to read it.** {module.how_to_read}\n\n"
        f"Tables in `reports/evaluation/tables`: {tables}.\n"
    )


def copy_images(folder: Path) -> None:
    """Small copies of the figures SHOWN, in docs/figures."""
    IMAGES.folder.mkdir(exist_ok=True)
    for name in SHOWN:
        with Image.open(FigureRun(folder).image(name)) as image:
            size = (WIDTH, round(image.height * WIDTH / image.width))
            small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        target = IMAGES.image(name)
        small.quantize(MOST_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{target}: expected at most {MOST_BYTES} bytes, got {target.stat().st_size}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--images", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    if given.images:
        copy_images(given.images)
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    if given.check:
        print(f"{PAGE.relative_to(ROOT)} does not have today's captions: python scripts/gallery.py")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
