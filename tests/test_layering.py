"""Who may import whom, and what nobody may do. Read from the source: nothing here needs to be run to be found."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from statistics import median

import networkx as nx
import pytest
from import_graph import FILES, PACKAGE, SCRIPTS, SRC, TREE, imports, modules, shown, tree

# Strictly downward: a room imports rooms of a lower level. A new room is added here, once.
LEVELS = {
    "errors": 0,
    "regression": 1,
    "text": 1,
    "types": 1,
    "config": 2,
    "duplicates": 2,
    "expressions": 2,
    "runtime": 3,
    "labels": 3,
    "simulate": 5,
    "artifacts": 4,
    "projects": 4,
    "metrics": 4,
    "statistics": 4,
    "splits": 5,
    "baseline": 5,
    "preprocess": 6,
    "io": 6,
    "models": 7,
    "remote": 7,
    "fitting": 8,
    "inspection": 8,
    "evaluation": 8,
    "gates": 9,
    "latent_analysis": 9,
    "nested_models": 9,
    "fan_out": 10,
    "tracking": 10,
    "figures": 10,
    "calibration": 11,
    "report": 11,
    "prediction": 11,
    "sweep": 11,
    "cli": 12,
    "notebook": 12,
}
# What the levels allow and the design does not.
FORBIDDEN = {("figures", "models"), ("fitting", "tracking")}
HEAVY = {"mlflow", "torch", "matplotlib", "pynwb", "sklearn", "optuna", "pandas", "dvc", "dask", "distributed"}

MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_ARGUMENTS = 10
LARGE_RECORDS = {"Contents": 13, "Windows": 15}
"""Arguments of the two largest records: the contents of a file, and the counts of a recording with all that is known of
its windows. Every reader makes the first and every model reads the second, by these names."""

WHOLE_CONFIGURATION = {
    "config",
    "cli",
    "tracking",
    "calibration/study.py",
    "calibration/crossed_run.py",
    "calibration/crossed_study.py",
}
"""Rooms and modules that may name `Config`: docs/architecture.md says why."""


def room(module: str) -> str:
    """The room of a module: its first name below the package; "" for the package's front door."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_every_room_has_a_level() -> None:
    unknown = {room(name) for name in modules()} - set(LEVELS) - {""}
    assert not unknown, f"give each new room a level in {Path(__file__).name}: {sorted(unknown)}"


def test_imports_go_downward() -> None:
    wrong = []
    for name, path in modules().items():
        here = room(name)
        for entry in imports(path):
            there = room(entry.name)
            if not entry.name.startswith(PACKAGE + ".") or there == here:
                continue
            if here == "":
                allowed = entry.lazy or entry.typing  # the front door may open any room, when somebody knocks
            else:
                allowed = LEVELS[there] < LEVELS[here] and (here, there) not in FORBIDDEN
            if not allowed:
                wrong.append(f"{shown(path)}:{entry.line}: {here or PACKAGE} imports {there}")
    assert not wrong, "\n".join(wrong)


def test_only_tracking_imports_mlflow() -> None:
    wrong = [
        f"{shown(path)}:{entry.line}"
        for path in [*FILES, *SCRIPTS]
        for entry in imports(path)
        if entry.name.split(".")[0] == "mlflow" and not path.is_relative_to(SRC / PACKAGE / "tracking")
    ]
    assert not wrong, f"mlflow is imported outside tracking: {wrong}"


def test_only_the_engine_imports_dask() -> None:
    """And nothing loads it before it is asked for: it is not installed everywhere."""
    dask = {"dask", "distributed", "dask_jobqueue"}
    lazy = {
        shown(path): entry.lazy
        for path in [*FILES, *SCRIPTS]
        for entry in imports(path)
        if entry.name.split(".")[0] in dask
    }
    assert lazy
    assert all(lazy.values()), f"imported before it is needed: {lazy}"
    assert all(path.startswith("src/spikebridge/runtime/dask_engine/") for path in lazy), lazy


def test_no_result_depends_on_the_code_of_an_engine() -> None:
    """Stages and fingerprints depend on what is imported; `parallel` names the engine in a text."""
    engine = SRC / PACKAGE / "runtime" / "dask_engine"
    assert not [path for path in TREE.reached(SCRIPTS) if path.is_relative_to(engine)]


def test_functions_take_sections_of_the_configuration() -> None:
    wrong = []
    for path in FILES:
        place = path.relative_to(SRC / PACKAGE).as_posix()
        if place.split("/")[0] in WHOLE_CONFIGURATION or place in WHOLE_CONFIGURATION:
            continue
        for node in ast.walk(tree(path)):
            if (isinstance(node, ast.ImportFrom) and any(alias.name == "Config" for alias in node.names)) or (
                isinstance(node, ast.Attribute) and node.attr == "Config"
            ):
                wrong.append(f"{shown(path)}:{node.lineno}")
    assert not wrong, f"these name the whole Config; take a section, or a record of sections: {wrong}"


def test_nothing_imports_the_pipelines() -> None:
    outside = {"pipelines", "tests", "benchmarks", "scripts"}
    assert not [shown(path) for path in FILES for entry in imports(path) if entry.name.split(".")[0] in outside]


def test_stages_are_thin() -> None:
    """At most forty lines of code: a stage reads, makes one call, writes."""
    long = {}
    for path in SCRIPTS:
        code = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if len(code) > 40:
            long[shown(path)] = len(code)
    assert not long, f"stage scripts of more than forty lines: {long}"


def test_no_import_circle() -> None:
    """Modules that import each other cannot be understood, or changed, one at a time."""
    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        targets = {entry.name for entry in imports(path) if not entry.typing and entry.name in modules()}
        graph[name] = {target for target in targets if target != name and not name.startswith(f"{target}.")}
    assert not circles(graph)


def circles(graph: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Groups of modules that reach each other (strongly connected components of more than one)."""
    components = nx.strongly_connected_components(nx.DiGraph({name: list(targets) for name, targets in graph.items()}))
    return [sorted(group) for group in components if len(group) > 1]


def test_the_check_of_circles_sees() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_modules_are_short() -> None:
    long = {shown(p): n for p in FILES if (n := lines_of(p)) > MAX_LINES}
    assert not long, f"of each ask what two things it is: {long}"


def test_modules_are_not_crumbs() -> None:
    """Half of the modules have more, and half fewer, lines than this: neither crumbs nor heaps."""
    middle = median(lines_of(p) for p in FILES)
    assert 100 <= middle <= 200, f"the median module has {middle:g} lines"


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_functions_are_short() -> None:
    long = {
        f"{shown(path)}:{node.lineno}: {node.name}": n
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (n := code_lines(node)) > MAX_FUNCTION_LINES
    }
    assert not long, f"functions of more than {MAX_FUNCTION_LINES} lines: {long}"


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    assert node.end_lineno is not None
    first = node.body[0]
    docstring = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        assert first.end_lineno is not None
        docstring = first.end_lineno - first.lineno + 1
    return node.end_lineno - node.lineno + 1 - docstring


def test_constructors_take_few_arguments() -> None:
    """At most ten arguments, with and without a default; more belong into a record."""
    many = {
        f"{shown(path)}:{node.lineno}: {node.name}": n
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and (n := arguments_of(node)) > LARGE_RECORDS.get(node.name, MAX_ARGUMENTS)
    }
    assert not many, f"constructors of more than {MAX_ARGUMENTS} arguments: {many}"


def arguments_of(node: ast.ClassDef) -> int:
    """Arguments with which an object can be built: of __init__, or fields of a dataclass."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return len(item.args.args) + len(item.args.kwonlyargs) - 1
    if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return 0
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    return sum("ClassVar" not in ast.unparse(item.annotation) for item in fields)


IMPORTED = """
import contextlib, io, sys
{code}
print(sorted({heavy} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import spikebridge", HEAVY),
        (
            "from spikebridge.cli import main\n"
            "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
            "    sys.argv = ['spikebridge', '--help']\n"
            "    main()",
            {"mlflow", "torch", "matplotlib", "pynwb"},
        ),
    ],
    ids=["import", "help"],
)
def test_heavy_packages_wait_until_they_are_needed(code: str, heavy: set[str]) -> None:
    program = IMPORTED.format(code=code, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
