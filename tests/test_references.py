"""Names of modules, objects and files in docs, docstrings and comments lead to something that exists."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator

import pytest
from import_graph import PACKAGE, ROOT, SRC, modules

DOTTED = re.compile(rf"(?<![\w./\"'])(?<!tags\.`){PACKAGE}(?:\.[A-Za-z_]\w*)+(?![\w/-])")
"""spikebridge.splits.verify.find_leaks; not in quotes, where it may be a tag of MLflow."""
TOP = "src|tests|scripts|pipelines|benchmarks|docs|examples"
FILE = re.compile(rf"(?<![\w./<{{*-])(?:{TOP})/[\w./-]+\.(?:py|md|yaml|csv)\b")
"""tests/test_layering.py"""
SEEN = re.compile(r"\b[Ss]ee `?((?:[a-z]\w*\.)+(?!json|csv)\w+)`?(?![\w/(])")
"""See types.covariates: a module or an object of the package without its name, or a page of docs/."""
ROOMS = {path.name for path in (SRC / PACKAGE).iterdir() if path.is_dir()}
ELSEWHERE = {"src/000978/01_extraction.py", "docs/dandi000978_run_validation.md", "scripts/preflight_dandi000978.py"}
"""Files of the laboratory that docs/dandi.md names."""
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "pyproject.toml", *(ROOT / "docs").glob("*.md")})
FOLDERS = ("src", "scripts", "pipelines", "benchmarks")
CODE = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def dangling(text: str) -> Iterator[str]:
    """References of a text that lead to nothing."""
    for match in DOTTED.finditer(text):
        if not exists(match[0]):
            yield match[0]
    for match in FILE.finditer(text):
        if match[0] not in ELSEWHERE and not (ROOT / match[0]).exists():
            yield match[0]
    for match in SEEN.finditer(text):
        page = match[1].endswith(".md")
        lost = page and not any((folder / match[1]).exists() for folder in (ROOT, ROOT / "docs"))
        if lost or (not page and match[1].split(".")[0] in ROOMS and not exists(f"{PACKAGE}.{match[1]}")):
            yield match[1]


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or what a module or class has."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        if ".".join(parts[:n]) in modules():
            thing: object = importlib.import_module(".".join(parts[:n]))
            for part in parts[n:]:
                if not hasattr(thing, part):
                    return False
                thing = getattr(thing, part)
            return True
    return False


def test_references_lead_somewhere() -> None:
    lost = {path: list(dangling(path.read_text(encoding="utf-8"))) for path in [*PAGES, *CODE]}
    assert not {path.relative_to(ROOT).as_posix(): names for path, names in lost.items() if names}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("`spikebridge.splits.verify.find_leaks` checks", []),
        ("see spikebridge.types.Windows.", []),
        ("`spikebridge.splits.audit`", ["spikebridge.splits.audit"]),
        ("in tests/test_layering.py", []),
        ("see types.covariates", []),
        ("See evaluation.detectable_effects.", ["evaluation.detectable_effects"]),
        ("see design.md", ["design.md"]),
        ("in tests/evaluation/test_nowhere.py", ["tests/evaluation/test_nowhere.py"]),
    ],
)
def test_the_check_of_references_sees(text: str, lost: list[str]) -> None:
    assert list(dangling(text)) == lost
