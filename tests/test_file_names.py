"""Names of files under data/, runs/ and reports/ stand in artifacts alone: other rooms and the stages ask it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from import_graph import PACKAGE, ROOT, SRC, modules, tree

ARTIFACTS = SRC / PACKAGE / "artifacts"
FOLDERS = ("data", "runs", "reports")
SUFFIXES = (".csv", ".json", ".npy", ".npz", ".parquet", ".png")
OTHERS = {
    "runtime/model_code.py": {"runs"},  # runs/model_code, runs/package_code: runtime, which artifacts imports, reads it
    "calibration/study.py": {"data"},  # the recordings of a simulated study, which has none
    "runtime/stage.py": {"runs"},  # runs/locks
    "runtime/stage_times.py": {"runs"},  # runs/seconds
    "runtime/job_lists.py": {"runs"},  # runs/jobs
    "runtime/dask_engine/connection.py": {"runs"},  # runs/cluster
    "runtime/repair.py": {"runs"},  # a folder of DVC's cache
    "io/formats/sidecars.py": {"recording.json"},  # beside the recordings of the user
    "io/formats/sorting/detection.py": {"recording.json"},  # of SpikeInterface
}
"""Module -> texts that name other files."""


def texts(module: ast.Module) -> Iterator[ast.Constant]:
    """Every text of a module that is no docstring and no part of a longer text."""
    parts = {id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node


@functools.cache
def owned_names() -> set[str]:
    """Names of files that artifacts spells: metrics.json, predictions.parquet, ..."""
    names = {node.value for path in ARTIFACTS.glob("*.py") for node in texts(tree(path))}
    return {name for name in names if name.endswith(SUFFIXES) and not name.startswith(".")}


def spelled(module: ast.Module, owned: set[str]) -> dict[str, int]:
    """Texts that are a path below FOLDERS, or the name of a file that artifacts owns -> the line of the last one."""
    roots = [
        node.args[0] for node in ast.walk(module) if isinstance(node, ast.Call) and called(node) == "Path" and node.args
    ]
    roots += [side for node in ast.walk(module) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
              for side in (node.left, node.right)]  # fmt: skip
    of_path = {id(node) for node in roots}
    return {
        str(node.value): node.lineno
        for node in texts(module)
        if node.value.startswith(tuple(f"{folder}/" for folder in FOLDERS))
        or (id(node) in of_path and node.value in FOLDERS)
        or node.value.rpartition("/")[2] in owned
    }


def called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def test_artifacts_owns_the_files_of_the_stages() -> None:
    owned = {"metrics.json", "comparisons.csv", "nulls.csv", "leakage.json", "recovery.json", "registration.json"}
    assert owned | {"best.json", "predictions.parquet", "fit.json", "decoding.json"} <= owned_names()


@pytest.mark.parametrize(
    "path",
    [*(p for p in sorted(modules().values()) if not p.is_relative_to(ARTIFACTS)), *sorted(ROOT.glob("pipelines/*.py"))],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_names_of_files_stand_in_artifacts_alone(path: Path) -> None:
    other = OTHERS.get(path.relative_to(SRC / PACKAGE).as_posix(), set()) if path.is_relative_to(SRC) else set()
    names = {text: line for text, line in spelled(tree(path), owned_names()).items() if text not in other}
    assert not names, f"{path.name}: ask spikebridge.artifacts for the paths (text: line): {names}"


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ('Path("runs/train") / model', True),
        ('project / "reports" / "evaluation"', True),
        ('folder / "metrics.json"', True),
        ('FILE = "tables/metrics.json"', True),
        ('raise DataError(f"{path}: expected metrics.json")', False),
        ('"""Reads metrics.json."""', False),
        ('settings["reports"]', False),
        ('folder / "notes.json"', False),
    ],
)
def test_the_check_of_names_sees(code: str, caught: bool) -> None:
    assert bool(spelled(ast.parse(code), {"metrics.json"})) is caught
