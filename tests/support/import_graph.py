"""Which module of spikebridge imports which, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = "spikebridge"


@dataclass(frozen=True)
class Import:
    """One import statement's target. `lazy`: inside a function. `typing`: under `if TYPE_CHECKING`, never executed."""

    name: str
    line: int
    lazy: bool
    typing: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of the package: dotted name -> file."""
    found = {}
    for path in sorted((SRC / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import statement of a file; `from a import b` gives a.b where that is a module of ours, else a."""
    return tuple(_walk(tree(path), _package_of(path), lazy=False, typing=False))


def _walk(node: ast.AST, package: str, lazy: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, lazy, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                kept = package.split(".")[: len(package.split(".")) - child.level + 1]
                base = ".".join([*kept, base] if base else kept)
            for alias in child.names:
                full = f"{base}.{alias.name}"
                yield Import(full if full in modules() else base, child.lineno, lazy, typing)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _walk(child, package, lazy or function, typing or guarded)


def _package_of(path: Path) -> str:
    """The package that relative imports of this file start from; "" for a script."""
    if not path.is_relative_to(SRC):
        return ""
    return ".".join(path.relative_to(SRC).parent.parts)


def registries(path: Path) -> tuple[str, ...]:
    """Packages whose modules this file imports by file name: `import_module(f"{package.__name__}.{name}")`."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            target = node.args[0]
            if isinstance(target, ast.Constant):
                continue
            found.append(_registry(target, path))
    return tuple(found)


def _registry(target: ast.expr, path: Path) -> str:
    """The package of an import by name; the file's own package where the expression does not tell."""
    first = target.values[0] if isinstance(target, ast.JoinedStr) and target.values else target
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value.rstrip(".")
    if isinstance(first, ast.FormattedValue) and isinstance(first.value, ast.Attribute):
        alias = ast.unparse(first.value.value)
        for entry in imports(path):
            if entry.name.rpartition(".")[2] == alias and entry.name in modules():
                return entry.name
    return _package_of(path)


def members(package: str) -> dict[str, list[Path]]:
    """The replaceable parts of a package: name -> its file, or all files of its folder."""
    start = package + "."
    found: dict[str, list[Path]] = {}
    for name, path in modules().items():
        if name.startswith(start):
            found.setdefault(name.removeprefix(start).split(".")[0], []).append(path)
    return found


def reached(script: Path, words: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()) -> set[Path]:
    """Every file of the package that running `script` may execute, imports inside functions included.

    Of a package whose modules are imported by file name, the members named among the command's `words` count; all of
    them where none is named. Rooms in `without`, and what they alone import, are left out.
    """
    seen: set[Path] = set()
    todo = [script]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for entry in imports(path):
            # The package's front door imports on demand only; what a stage demands, it imports itself.
            on_demand = entry.lazy and path == SRC / PACKAGE / "__init__.py"
            room = ".".join(entry.name.split(".")[1:2])
            if not (entry.typing or on_demand or room in without):
                todo += _executed(entry.name)
        for package in registries(path):
            parts = members(package)
            todo += [file for name in (words & parts.keys() or parts.keys()) for file in parts[name]]
    return seen - {script}


def _executed(name: str) -> list[Path]:
    """Files that run when `name` is imported: the module and every package above it."""
    parts = name.split(".")
    heads = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return [modules()[head] for head in heads if head in modules()]
