"""How large the catalogue is: a case that is no longer collected would be missed by nobody."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent


def cases(name: str) -> dict[str, str]:
    """Function -> file of every case that is kept by `<name>.add`."""
    files: dict[str, str] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and any(f"{name}.add(" in ast.unparse(d) for d in node.decorator_list):
                assert f"{path.stem}.{node.name}" not in files, f"{node.name} is there twice"
                files[f"{path.stem}.{node.name}"] = path.name
    return files


def test_the_catalogue_is_large() -> None:
    assert len(cases("BAD")) + len(cases("CLOSED")) >= 60
    assert len(cases("ODD")) >= 15
