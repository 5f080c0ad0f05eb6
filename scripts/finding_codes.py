"""Write docs/findings.md, the list of all codes of findings, from the calls that make them; `--check` only compares.

    python scripts/finding_codes.py

A code is the first argument of `Finding.error`, `Finding.warning`, `Finding.note`, `Finding`, `Evidence`,
`DataError.of`, `LimitError.of` or `log.add_error`, or of a function that hands it on to one of them. It is written
there as a text or as the name of a constant of the module.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "spikebridge"
PAGE = ROOT / "docs" / "findings.md"
MAKERS = {
    "Finding.error": "error",
    "Finding.warning": "warning",
    "Finding.note": "note",
    "Finding": "error or warning",
    "Evidence": "error or warning",
    "DataError.of": "error",
    "LimitError.of": "error",
    "log.add_error": "error",
}
"""What makes a finding -> its severity."""
NOT_TEXT = {"Finding": 2, "Evidence": 2} | dict.fromkeys(MAKERS.keys() - {"Finding", "Evidence"}, 1)
"""Arguments between the code and the text."""
OWN = {SRC / "errors" / "findings.py", SRC / "errors" / "__init__.py", SRC / "io" / "formats" / "log.py"}
VALUE = "..."
"""Stands in a text for whatever differs from finding to finding."""
REPEATED = re.compile(r"(?:\.\.\. ?)+\.\.\.(?!\.)")
EXPLAINED = {
    "cluster-labels-contradict": "columns of quality labels contradict each other: the more careful word is used",
    "duplicate-spike-times": "several spikes of a unit have one time",
    "duplicate-windows": "windows of two recordings hold the same spikes",
    "include-not-evaluated": "the error of the expression `trials.include`",
    "incomplete-proposal": "a setting that `inspect` cannot propose",
    "label-not-evaluated": "the error of the expression `trials.label`",
    "labels-contradict-between-files": "quality labels of several files contradict each other: the more careful word "
    "is used",
    "labels-contradict-cell-metrics": "quality labels of spikes and cell_metrics contradict each other: the more "
    "careful word is used",
    "labels-contradict-table-beside": "quality labels of the file and of the table beside it contradict each other: "
    "the more careful word is used",
    "no-region-column": "no column of the units holds regions",
    "nwb-link-to-nothing": "a link to an object or a file that is missing or that may not be followed",
    "path-not-opened": "a pipe, a socket, a device, or a link that leads out of the data folder",
    "refused": "an error without a more specific code",
    "replaced-by-table-beside": "a table or series is in the file and in a table beside it, which is taken",
    "sorter-labels-contradict": "columns of quality labels contradict each other: the more careful word is used",
    "spikes-of-no-unit": "spikes of units that the units table does not have",
    "times-converted": "times in another unit are read as seconds",
    "too-many-classes": "the label holds too many different values",
    "unit-ids-of-probes": "how the units of several probes are numbered",
}
"""What codes mean whose text is made elsewhere."""
HEAD = """# Codes of findings

What a reader, a check or `spikebridge inspect` finds in a recording is a record: `code`, `severity`, `subject`,
`text` and `remedy`. `data/ingested/<recording>/recording.json` keeps the warnings about a recording, `inspect --json`
prints them. An error stops the pipeline: a `DataError` carries its findings in `refusal`, with the file or recording
that its message begins with. Code that handles findings reads the code and never the text, which may change. Errors
of several recordings are grouped by code. `refused` is the code of an error that was raised without records.

`python scripts/finding_codes.py` writes this page from the source. `...` stands for names and numbers.

"""


@dataclass(frozen=True)
class Code:
    """A code and the place that makes it. module: path below src/spikebridge. text: empty where it is not one text."""

    code: str
    severity: str
    module: str
    line: int
    text: str


def codes() -> list[Code]:
    """The codes of all findings, one for each place that names one. Raises ValueError for a code that is computed."""
    places = [code for path in sorted(SRC.rglob("*.py")) if path not in OWN for code in _codes_in(path)]
    return sorted(places, key=lambda code: (code.code, code.module, code.line))


def _codes_in(path: Path) -> Iterator[Code]:
    source, module = path.read_text(encoding="utf-8"), path.relative_to(SRC).as_posix()
    if not any(f"{maker}(" in source for maker in MAKERS):
        return
    tree = ast.parse(source)
    constants = _constants(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    calls = [(f, c) for f in functions for c in ast.walk(f) if isinstance(c, ast.Call)]
    passing = {
        f.name: f for f, c in calls if _name(c.func) in MAKERS and _name(c.args[0]) == "code" and _place(f, "code") >= 0
    }
    for function, call in calls:
        maker = _name(call.func)
        if maker not in MAKERS and maker not in passing:
            continue
        at = 0 if maker in MAKERS else _place(passing[maker], "code")
        given = _name(call.args[at])
        if given.endswith(".code") or (given == "code" and function.name in passing):
            continue  # of evidence, or handed on
        written = call.args[at]
        code = written.value if isinstance(written, ast.Constant) else constants.get(given)
        if not isinstance(code, str):
            raise ValueError(f"{module}:{call.lineno}: expected a text or a constant as code of a finding, got {given}")
        severity = MAKERS.get(maker) or _severity(passing[maker])
        before = at + 1 + NOT_TEXT.get(maker, 0)
        parts = [_words(argument, function, call.lineno) for argument in call.args[before:]]
        yield Code(code, severity, module, call.lineno, " ".join(part for part in parts if part))


def _constants(tree: ast.Module, imported: bool = True) -> dict[str, str]:
    """Constants of a module that are texts, also those that it imports from another module of spikebridge."""
    constants: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and imported and str(node.module).startswith("spikebridge."):
            path = SRC.parent.joinpath(*str(node.module).split("."))
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            there = _constants(ast.parse(path.read_text(encoding="utf-8")), imported=False)
            constants |= {entry.name: there[entry.name] for entry in node.names if entry.name in there}
        elif isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=True))
            constants |= {
                _name(name): text.value
                for name, text in pairs
                if isinstance(text, ast.Constant) and isinstance(text.value, str)
            }
    return constants


def _name(node: ast.expr) -> str:
    """A name or an attribute of a name, such as Finding.error; empty for any other expression."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _place(function: ast.FunctionDef, name: str) -> int:
    """The place of an argument; -1 where the function has none of this name."""
    names = [argument.arg for argument in function.args.args]
    return names.index(name) if name in names else -1


def _severity(function: ast.FunctionDef) -> str:
    """The severities of the findings that a function makes."""
    makers = {_name(c.func) for c in ast.walk(function) if isinstance(c, ast.Call)}
    return " or ".join(sorted(MAKERS[maker] for maker in makers & MAKERS.keys()))


def _words(node: ast.expr, function: ast.FunctionDef, line: int) -> str:
    """The words of a text, with VALUE for what is computed."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _words(part, function, line) if isinstance(part, ast.Constant) else VALUE for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _words(node.left, function, line) + _words(node.right, function, line)
    if isinstance(node, ast.Name):
        written = [
            assigned
            for assigned in ast.walk(function)
            if isinstance(assigned, ast.Assign)
            and assigned.lineno < line
            and any(isinstance(target, ast.Name) and target.id == node.id for target in assigned.targets)
        ]
        if written:
            last = max(written, key=lambda assigned: assigned.lineno)
            return _words(last.value, function, last.lineno)
    return VALUE


def page() -> str:
    """The page with a table of all codes. Raises ValueError where the meaning of one is not written anywhere."""
    every = codes()
    unknown = set(EXPLAINED) - {code.code for code in every}
    wordless = {code.code for code in every if not re.search("[a-z]{3}", code.text)} - set(EXPLAINED)
    if unknown or wordless:
        raise ValueError(
            f"EXPLAINED: expected codes that exist, found {unknown}; expected a meaning for each of {wordless}: "
            "their texts have no words"
        )
    rows = ["| code | severity | text and remedy | made in |", "|---|---|---|---|"]
    for code in every:
        text = EXPLAINED.get(code.code) or " ".join(code.text.replace("|", "\\|").split())
        rows.append(f"| `{code.code}` | {code.severity} | {REPEATED.sub(VALUE, text)} | `{code.module}` |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    if "--check" in sys.argv:
        print(f"{PAGE.relative_to(ROOT)} does not list today's codes: python scripts/finding_codes.py")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
