"""Names in the code: each leads to one thing, says what it is, and is public where others use it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest
from import_graph import FILES, PACKAGE, ROOT, SRC, shown, tree

TESTS = sorted((ROOT / "tests").rglob("*.py"))
OWN = {"self", "cls", "super()", "os", *(path.stem for path in TESTS)}
"""Objects and modules whose private names a test may use: the test's classes and modules, a base class, and `os`."""

PARTS = {"Options"}
"""Classes that every part of a registry has under the same name: the options of a reader."""


def test_no_two_public_classes_have_one_name() -> None:
    """A name in a message, a traceback or a search leads to one class."""
    places = [(path, name) for path in FILES for name in public_classes(tree(path)) if name not in PARTS]
    assert not several(places), f"classes of the same name: {several(places)}"


def public_classes(module: ast.Module) -> list[str]:
    """Names of the classes of a module, those within classes or functions left out."""
    return [node.name for node in module.body if isinstance(node, ast.ClassDef) and not private(node.name)]


def several(places: Iterable[tuple[Path, str]]) -> dict[str, list[str]]:
    """Names that stand in more than one module, with the modules."""
    of_name: dict[str, list[str]] = {}
    for path, name in places:
        of_name.setdefault(name, []).append(path.name)
    return {name: paths for name, paths in of_name.items() if len(paths) > 1}


def test_the_check_of_classes_sees() -> None:
    code = ast.parse("class A: ...\nclass _B: ...\ndef f():\n    class C: ...")
    assert public_classes(code) == ["A"]
    assert several([(Path("x.py"), "A"), (Path("y.py"), "A"), (Path("y.py"), "D")]) == {"A": ["x.py", "y.py"]}


GUESSED = {"found", "said", "mine", "one"}
"""Names that say how a value came or which of several it is; the glossary of CONTRIBUTING.md asks for what it is."""
NAMING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


def test_names_say_what_a_thing_is() -> None:
    """A newcomer guesses from `recording` or `message` what a variable holds, and from `found` or `said` nothing."""
    folders = [SRC, *(ROOT / folder for folder in ("scripts", "benchmarks", "pipelines", "tests"))]
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    wrong = {shown(path): lines for path in paths if (lines := guessed_names(tree(path)))}
    assert not wrong, f"variables, arguments or functions named {sorted(GUESSED)}; name what they hold: {wrong}"


def guessed_names(module: ast.Module) -> list[str]:
    """Line and name of everything that a module calls by one of those names."""
    return [f"line {line}: {name}" for line, name in given_names(module) if name in GUESSED]


def given_names(module: ast.Module) -> Iterable[tuple[int, str | None]]:
    """Names that a module gives, in any scope: to variables, arguments, functions, classes and imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, NAMING):
            yield node.lineno, node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, alias.asname or alias.name) for alias in node.names)


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("found = read(path)", True),
        ("for said, k in lines: pass", True),
        ("def f(*, mine=1): pass", True),
        ("f = lambda one: 1", True),
        ("class A:\n    said: str", True),
        ("def said(): pass", True),
        ("if found := f(): pass", True),
        ("recording = read(found='found')", False),
        ("one_worker = options.one", False),
    ],
)
def test_the_check_of_guessed_names_sees(code: str, caught: bool) -> None:
    assert bool(guessed_names(ast.parse(code))) is caught


def test_tests_use_public_names() -> None:
    """A test that reaches for a private name holds the code to how it is written, not to what it does."""
    wrong = {shown(path): names for path in TESTS if (names := private_names(tree(path)))}
    assert not wrong, f"tests that use private names of the package: {wrong}"


def private_names(module: ast.Module) -> list[str]:
    """Private names of modules and objects of others: imported, read as attributes, or named for `setattr`."""
    uses = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            uses += [alias.name for alias in node.names if private(alias.name)]
        if isinstance(node, ast.Attribute) and private(node.attr) and ast.unparse(node.value) not in OWN:
            uses.append(ast.unparse(node))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            uses += [name for name in names if private(name.rpartition(".")[2])]
    return uses


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("from spikebridge.io import _x", True),
        ("from spikebridge.io import x", False),
        ("model._prepare(w)", True),
        ("self._prepare(w)", False),
        ("super()._fit(w)", False),
        ("x.__name__", False),
        ('monkeypatch.setattr(store, "_seen", set())', True),
        ('monkeypatch.setattr("spikebridge.io._seen", set())', True),
        ('monkeypatch.setattr(store, "seen", "other")', False),
    ],
)
def test_the_check_of_private_names_sees(code: str, caught: bool) -> None:
    assert bool(private_names(ast.parse(code))) is caught
