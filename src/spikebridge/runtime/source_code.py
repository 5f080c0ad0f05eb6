"""Which module of a package imports which, read from the source without running it.

The dependencies of the pipeline's stages (dvc.yaml) and the fingerprints of results that are taken over come from here.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OWN = Path(__file__).resolve().parents[1]
WORDING = frozenset({"errors"})
"""Rooms that only say what went wrong: no result depends on them."""
WATCHING = frozenset({"tracking"})
"""Rooms that mirror what a stage does: a change of them changes no result."""


@dataclass(frozen=True)
class Import:
    """One import statement's target.

    Parameters
    ----------
    name : str
        Dotted name of the imported module.
    line : int
        Number of the line.
    lazy : bool
        Whether it stands inside a function.
    typing : bool
        Whether it stands under `if TYPE_CHECKING`, and is never executed.
    member : str
        What `from name import member` takes out of a module; empty where a module itself is imported.
    bound : str
        The name that the importing module gives it.
    """

    name: str
    line: int
    lazy: bool
    typing: bool
    member: str = ""
    bound: str = ""


class SourceTree:
    """The modules of one package and their imports.

    Parameters
    ----------
    package : Path
        Folder of the package, such as src/spikebridge; its name is the name of the package.
    """

    def __init__(self, package: Path) -> None:
        self.package = package
        self.modules: dict[str, Path] = {}
        for path in sorted(package.rglob("*.py")):
            if not (path.parent / "__init__.py").is_file():
                continue  # a script that the package ships as data
            parts = path.relative_to(package.parent).with_suffix("").parts
            self.modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self._imports: dict[Path, tuple[Import, ...]] = {}
        self._faces: dict[Path, bool] = {}
        self._registries: dict[Path, tuple[str, ...]] = {}

    def imports(self, path: Path) -> tuple[Import, ...]:
        """Every import statement of a file.

        Parameters
        ----------
        path : Path
            A file of the package, or a script.

        Returns
        -------
        tuple of Import
            `from a import b` gives a.b where that is a module of the package, else a.
        """
        if path not in self._imports:
            self._imports[path] = tuple(self._walk(parsed(path), self._package_of(path), lazy=False, typing=False))
        return self._imports[path]

    def is_face(self, path: Path) -> bool:
        """Whether a file is an `__init__` that only hands on names: imports, `__all__` and a docstring.

        Parameters
        ----------
        path : Path
            A file of the package.

        Returns
        -------
        bool
            False for any file with another name.
        """
        if path not in self._faces:
            self._faces[path] = path.name == "__init__.py" and all(map(_hands_on, parsed(path).body))
        return self._faces[path]

    def registries(self, path: Path) -> tuple[str, ...]:
        """Packages whose modules a file imports by file name: `import_module(f"{package.__name__}.{name}")`.

        Parameters
        ----------
        path : Path
            A file of the package, or a script.

        Returns
        -------
        tuple of str
            Dotted names.
        """
        if path not in self._registries:
            self._registries[path] = tuple(
                self._registry(node.args[0], path)
                for node in ast.walk(parsed(path))
                if isinstance(node, ast.Call)
                and _called(node) == "import_module"
                and node.args
                and not isinstance(node.args[0], ast.Constant)
            )
        return self._registries[path]

    def members(self, package: str) -> dict[str, list[Path]]:
        """The replaceable parts of a package.

        Parameters
        ----------
        package : str
            Dotted name.

        Returns
        -------
        dict of str to list of Path
            Name of a part -> its file, or all files of its folder.
        """
        start = package + "."
        parts: dict[str, list[Path]] = {}
        for name, path in self.modules.items():
            if name.startswith(start):
                parts.setdefault(name.removeprefix(start).split(".")[0], []).append(path)
        return parts

    def reached(
        self, entries: Iterable[Path | str], names: Collection[str] = (), without: Collection[str] = WORDING
    ) -> set[Path]:
        """Every file of the package that running the entries may execute.

        Parameters
        ----------
        entries : iterable of Path or str
            Scripts outside the package (paths), or modules of it (dotted names).
        names : collection of str
            Of a package whose modules are imported by file name, its members among these count; all of them where none
            is among these.
        without : collection of str
            Rooms that are left out, with what they alone import.

        Returns
        -------
        set of Path
            Imports inside functions count, those under TYPE_CHECKING do not. The package's own `__init__`, which opens
            rooms on demand only, is left out. So is an `__init__` that only hands on names: what is imported from it
            counts as imported from the module that makes it, and the other modules of the package do not count.

        Raises
        ------
        ValueError
            For an entry that is no module of the package.
        """
        entries = list(entries)
        if unknown := [entry for entry in entries if isinstance(entry, str) and entry not in self.modules]:
            raise ValueError(f"expected modules of {self.package.name}, got {', '.join(unknown)}")
        front_door = self.package / "__init__.py"
        seen: set[Path] = set()
        scripts = [entry for entry in entries if isinstance(entry, Path)]
        todo = [file for entry in entries for file in ([entry] if isinstance(entry, Path) else self._executed(entry))]
        while todo:
            path = todo.pop()
            if path in seen or path == front_door:
                continue
            seen.add(path)
            for entry in self.imports(path):
                if not entry.typing:
                    todo += self._executed(self._made_in(entry), without)
            for package in self.registries(path):
                parts = self.members(package)
                todo += [file for name in (set(names) & parts.keys() or parts.keys()) for file in parts[name]]
        return seen - set(scripts)

    def _executed(self, name: str, without: Collection[str] = ()) -> list[Path]:
        """Files that run when `name` is imported, none if it lies in a room that is left out.

        These are the module and the packages above it; of an `__init__` that only hands on names none but that of
        `name` itself, where a whole package is imported.
        """
        parts = name.split(".")
        if set(parts[1:2]) & set(without):
            return []
        heads = [".".join(parts[: i + 1]) for i in range(len(parts))]
        files = [self.modules[head] for head in heads if head in self.modules]
        return [path for path in files if not self.is_face(path) or path == self.modules.get(name)]

    def _made_in(self, entry: Import) -> str:
        """The module that makes what is imported: an `__init__` that only hands it on is not that module."""
        path = self.modules.get(entry.name)
        if path is None or not entry.member or not self.is_face(path):
            return entry.name
        for inner in self.imports(path):
            if inner.bound == entry.member:
                return self._made_in(inner)
        return entry.name

    def _walk(self, node: ast.AST, package: str, lazy: bool, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (
                    Import(alias.name, child.lineno, lazy, typing, bound=alias.asname or alias.name)
                    for alias in child.names
                )
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    kept = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*kept, base] if base else kept)
                for alias in child.names:
                    full = f"{base}.{alias.name}"
                    name, member = (full, "") if full in self.modules else (base, alias.name)
                    yield Import(name, child.lineno, lazy, typing, member, alias.asname or alias.name)
            else:
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from self._walk(child, package, lazy or function, typing or guarded)

    def _package_of(self, path: Path) -> str:
        """The package that relative imports of this file start from; "" for a script."""
        if not path.is_relative_to(self.package):
            return ""
        return ".".join(path.relative_to(self.package.parent).parent.parts)

    def _registry(self, target: ast.expr, path: Path) -> str:
        """The package of an import by name; the file's own package if the expression does not contain it."""
        first = target.values[0] if isinstance(target, ast.JoinedStr) and target.values else target
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value.rstrip(".")
        if isinstance(first, ast.FormattedValue) and isinstance(first.value, ast.Attribute):
            alias = ast.unparse(first.value.value)
            for entry in self.imports(path):
                if entry.name.rpartition(".")[2] == alias and entry.name in self.modules:
                    return entry.name
        return self._package_of(path)


def _hands_on(statement: ast.stmt) -> bool:
    """Whether a statement of an `__init__` computes nothing: an import, a docstring, `__all__`."""
    if isinstance(statement, ast.Assign):
        return [ast.unparse(target) for target in statement.targets] == ["__all__"]
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return text or isinstance(statement, ast.Import | ast.ImportFrom)


def _called(call: ast.Call) -> str:
    """The last name of what is called: `import_module` of importlib.import_module(...)."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def package_of(project: Path) -> Path:
    """The package whose code the stages of a project run.

    Parameters
    ----------
    project : Path
        The folder of dvc.yaml.

    Returns
    -------
    Path
        src/spikebridge of a checkout; elsewhere the package that is imported here.
    """
    own = project / "src" / OWN.name
    return own if own.is_dir() else OWN


@cache
def own_source() -> SourceTree:
    """The source of spikebridge as it is imported here.

    Returns
    -------
    SourceTree
        Read once a process.
    """
    return SourceTree(OWN)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    ast.Module
        Read once a process.

    Raises
    ------
    OSError
        Where the file cannot be read.
    SyntaxError
        Where it is not Python.
    """
    return ast.parse(path.read_text(encoding="utf-8"), str(path))
