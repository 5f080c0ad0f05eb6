"""Build the site of the docs in site/, without a network; a warning is an error: `make docs`.

    python scripts/build_docs.py                                          # site/index.html
    python scripts/build_docs.py --out FOLDER --without-tutorials         # quicker: their code is shown, not run

Most pages are Markdown files of docs/, written to be read on a code host too: their links lead to files of the
repository. This script copies them to the places that they have in the site, changes the links accordingly, adds the
measurements of benchmarks/results, CONTRIBUTING.md, CHANGELOG.md and one page of the API for each room in API, and
writes the menu of docs/navigation.yaml. Sphinx does the rest (docs/conf.py). A file that a page links to, and that is
no page itself, is copied into the site.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NAVIGATION = DOCS / "navigation.yaml"
TUTORIALS = DOCS / "tutorials"
MEASUREMENTS = "measurements"
ELSEWHERE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "README.md": "index.md"}
"""Files outside docs/ -> their pages in the site."""
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
"""The target of a Markdown link to a file: its path, and its heading."""
API: dict[str, Sequence[str]] = {
    "spikebridge": (),
    "spikebridge.notebook": ("FittedModels",),
    "spikebridge.io.pynapple": (),
    "spikebridge.io": (),
    "spikebridge.simulate": (),
    "spikebridge.preprocess": (),
    "spikebridge.splits": (),
    "spikebridge.models": (),
    "spikebridge.metrics": (),
    "spikebridge.statistics": (),
    "spikebridge.types": (),
    "spikebridge.config": ("load", "parse"),
    "spikebridge.errors": ("SpikebridgeError", "ConfigError", "DataError", "RegistryError"),
    "spikebridge.artifacts.project_results": ("ProjectResults",),
    "spikebridge.tracking.served_model": ("ServedModel",),
    "spikebridge.artifacts.latents": ("read_latents",),
}
"""Modules that users import -> the names that they use; all of `__all__` where none is given. The sections of the
configuration are in docs/parameters.md."""


def pages() -> dict[str, Path]:
    """Page of the site, as docs/navigation.yaml has it with .md -> the file of the repository that it is made of."""
    own = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
    measured = {f"{MEASUREMENTS}/{p.name}": p for p in sorted((ROOT / "benchmarks/results").glob("*.md"))}
    others = {page: ROOT / name for name, page in ELSEWHERE.items() if page not in own}
    return own | measured | others


def place(path: Path) -> str:
    """Where a file of the repository is in the site."""
    name = path.relative_to(ROOT).as_posix()
    for page, source in pages().items():
        if source == path:
            return page
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    if path.parent == TUTORIALS and path.suffix == ".py":
        return f"tutorials/{path.stem}.rst"  # Sphinx-Gallery makes it
    return name.removeprefix("docs/") if name.startswith("docs/") else f"files/{name}"


def linked(text: str, source: Path) -> Iterator[Path]:
    """The files that a page of the repository links to. source: the page."""
    for match in LINK.finditer(text):
        yield (source.parent / match[1]).resolve()


def moved(text: str, source: Path, page: str) -> str:
    """The text of a page with links that hold in the site. source: its file in the repository; page: its place."""

    def target(match: re.Match[str]) -> str:
        path = (source.parent / match[1]).resolve()
        if not path.exists():
            raise SystemExit(f"{source.relative_to(ROOT)}: there is no file {match[1]}")
        here = PurePosixPath(page).parent
        return PurePosixPath(os.path.relpath(place(path), here)).as_posix() + (match[2] or "")

    return LINK.sub(target, text)


def navigation() -> dict[str, list[str]]:
    """Page of a section -> the pages right below it, all without their endings; that of the index comes first."""
    menu = yaml.safe_load(NAVIGATION.read_text(encoding="utf-8"))
    return dict(sections("index", menu))


def sections(page: str, below: Mapping[str, Any] | Sequence[Any]) -> Iterator[tuple[str, list[str]]]:
    """A section and those inside it. below: pages, or sections with what is below them."""
    entries = [item if isinstance(item, dict) else {item: []} for item in below]
    named = below if isinstance(below, dict) else {name: inner for entry in entries for name, inner in entry.items()}
    yield page, list(named)
    for name, inner in named.items():
        if inner:
            yield from sections(name, inner)


def toctree(names: Sequence[str], page: str) -> str:
    """A hidden table of contents for the end of a page; empty for a page without pages below it."""
    if not names:
        return ""
    here = PurePosixPath(page).parent
    lines = [PurePosixPath(os.path.relpath(name, here)).as_posix() for name in names]
    return "\n".join(["", "```{toctree}", ":hidden:", ":maxdepth: 1", "", *lines, "```", ""])


def gather(folder: Path) -> None:
    """Write the sources of the site into an empty folder."""
    menu = {f"{page}.md": names for page, names in navigation().items()}
    for page, source in pages().items():
        text = source.read_text(encoding="utf-8")
        for path in linked(text, source):
            is_page = path.suffix == ".md" or path.parent == TUTORIALS
            if path.is_file() and not is_page and not (folder / place(path)).exists():
                (folder / place(path)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / place(path))
        write(folder / page, moved(text, source, page) + toctree(menu.get(page, ()), page))
    for page, text in [*api_pages(), measurements_page()]:
        write(folder / page, text)


def write(path: Path, text: str) -> None:
    """Write a page, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def measurements_page() -> tuple[str, str]:
    """The page that lists the tables of benchmarks/results."""
    names = [page for page in pages() if page.startswith(f"{MEASUREMENTS}/")]
    text = (
        "# Measurements\n\nSpeed and quality, with the same data and folds for every model. `make bench` writes these "
        "tables; each page says which script made it.\n\n```{toctree}\n:maxdepth: 1\n\n"
    )
    lines = [PurePosixPath(name).stem for name in names]
    return f"{MEASUREMENTS}/index.md", text + "\n".join(lines) + "\n```\n"


def api_pages() -> Iterator[tuple[str, str]]:
    """The pages of the API: a list, and one for each module of API."""
    rows = []
    for name, chosen in API.items():
        module = importlib.import_module(name)
        rows.append(f"* - :doc:`{name} <{name}>`\n  - {first_sentence(module.__doc__ or '')}\n")
        yield f"api/{name}.rst", "\n".join(module_page(name, chosen or module.__all__))
    head = (
        "API reference\n=============\n\nThe modules that a notebook imports, with the names that they make public. "
        "A room that is not here is used by\nthe stages of the pipeline alone: :doc:`../architecture` lists them.\n\n"
    )
    table = ".. list-table::\n   :widths: 35 65\n\n" + indented("".join(rows), 3)
    names = "\n".join(f"   {name}" for name in API)
    yield "api/index.rst", f"{head}{table}\n.. toctree::\n   :hidden:\n\n{names}\n"


def module_page(name: str, chosen: Sequence[str]) -> Iterator[str]:
    """Lines of the page of one module. chosen: the names on it."""
    module = importlib.import_module(name)
    yield from (name, "=" * len(name), "", module.__doc__ or "", "", f".. currentmodule:: {name}", "")
    for public in chosen:
        thing = getattr(module, public)
        if inspect.isclass(thing):
            yield from (f".. autoclass:: {public}", "   :members:", "")
        elif callable(thing):
            yield from (f".. autofunction:: {public}", "")


def first_sentence(text: str) -> str:
    """The first sentence of a docstring."""
    return re.split(r"(?<=[.:])\s", text.strip().replace("\n", " "))[0].rstrip(".:")


def indented(text: str, n: int) -> str:
    """Every line n columns to the right."""
    return "".join(f"{' ' * n}{line}\n" for line in text.splitlines())


def build(out: Path, tutorials: bool = True) -> int:
    """Make the site in a folder; the exit code of Sphinx."""
    with tempfile.TemporaryDirectory() as work:
        source, trees = Path(work) / "pages", Path(work) / "trees"
        gather(source)
        # Sphinx-Gallery wants no space in the path of a tutorial, and a clone may have one.
        tutorials_folder = Path(shutil.copytree(DOCS / "tutorials", Path(work) / "tutorials"))
        shutil.rmtree(out, ignore_errors=True)
        options = ["-W", "--keep-going", "-q", "-b", "html", "-c", str(DOCS), "-d", str(trees)]
        options += [] if tutorials else ["-D", "plot_gallery=False"]
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
        environment = {"SPIKEBRIDGE_SHARED": str(ROOT.parent / "shared")} | os.environ
        environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        environment["SPIKEBRIDGE_TUTORIALS"] = str(tutorials_folder)
        command = [sys.executable, "-m", "sphinx", *options, str(source), str(out)]
        return subprocess.run(command, env=environment, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder of the site (default: site)")
    parser.add_argument("--without-tutorials", action="store_true", help="show the tutorials without running them")
    options = parser.parse_args(arguments)
    code = build(options.out.resolve(), not options.without_tutorials)
    print(f"{options.out / 'index.html'}" if code == 0 else "the site has warnings: see above", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
