"""Who may import whom, and what nobody may do. Read from the source: nothing here needs to be run to be found."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from statistics import median

import networkx as nx
import pytest
from import_graph import PACKAGE, ROOT, SRC, imports, modules, tree

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
    "fitting": 8,
    "inspection": 8,
    "evaluation": 8,
    "gates": 9,
    "latent_analysis": 9,
    "nested_models": 9,
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
HEAVY = {"mlflow", "torch", "matplotlib", "pynwb", "sklearn", "optuna", "pandas", "dvc"}
# Legacy numpy functions that draw from, or set, the global state; the rest of numpy.random makes generators.
GENERATORS = {"Generator", "default_rng", "SeedSequence", "BitGenerator", "PCG64", "Philox", "SFC64", "MT19937"}
TORCH_SEEDS = {"manual_seed", "manual_seed_all", "seed"}
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"}

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

FILES = sorted(modules().values())
SCRIPTS = sorted((ROOT / "pipelines").glob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
OWN = {"self", "cls", "super()", "os", *(path.stem for path in TESTS)}
"""Objects and modules whose private names a test may use: the test's classes and modules, a base class, and `os`."""


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


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


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS], ids=shown)
def test_no_global_random_state(path: Path) -> None:
    assert not global_randomness(tree(path))


def global_randomness(module: ast.Module) -> list[str]:
    """Calls that draw from or set a global random state. torch.manual_seed is allowed where fork_rng keeps it local."""
    forked = {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.With) and any("fork_rng" in ast.unparse(item.context_expr) for item in node.items)
        for inner in ast.walk(node)
    }
    uses = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
            uses.append(f"line {node.lineno}: import random")
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "numpy.random"}:
            names = {alias.name for alias in node.names} - (GENERATORS if node.module == "numpy.random" else set())
            uses += [f"line {node.lineno}: from {node.module} import {name}" for name in sorted(names)]
        if not isinstance(node, ast.Call) or node in forked:
            continue
        owner, _, last = ast.unparse(node.func).rpartition(".")
        legacy = owner in {"np.random", "numpy.random"} and last not in GENERATORS
        seeding = owner in {"torch", "torch.random", "torch.cuda"} and last in TORCH_SEEDS
        drawing = owner == "torch" and last in TORCH_DRAWS and not any(k.arg == "generator" for k in node.keywords)
        if legacy or seeding or drawing:
            uses.append(f"line {node.lineno}: {owner}.{last}")
    return uses


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("import numpy as np\nnp.random.seed(1)", True),
        ("import numpy as np\nnp.random.normal()", True),
        ("import numpy as np\nrng = np.random.default_rng([1, 2])", False),
        ("from numpy.random import shuffle", True),
        ("import random", True),
        ("import torch\ntorch.manual_seed(1)", True),
        ("import torch\nwith torch.random.fork_rng():\n    torch.manual_seed(1)", False),
        ("import torch\ntorch.randn(3)", True),
        ("import torch\ntorch.randn(3, generator=g)", False),
    ],
)
def test_the_random_state_check_sees(code: str, caught: bool) -> None:
    assert bool(global_randomness(ast.parse(code))) is caught


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
