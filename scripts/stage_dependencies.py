"""The code that each stage of dvc.yaml depends on, from the import graph.

    python scripts/stage_dependencies.py            # says what is missing or superfluous; exit code 1 where anything is
    python scripts/stage_dependencies.py --write    # corrects dvc.yaml

A folder stands for its files where a stage needs all of them. The stages of a model (tune, train) depend on lists of
their code, runs/model_code/stages/<stage>.json and runs/model_code/<model>.json, which the stage model_code writes; it
depends on all that is listed. The wording of messages (errors/) is
no dependency of any stage, and what mirrors a run into MLflow (tracking/) is one of `register` alone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from spikebridge.runtime.model_code import STAGE_CODE, stage_code
from spikebridge.runtime.source_code import WATCHING, WORDING, SourceTree

LISTING, REGISTERING = "model_code", "register"


def wanted(root: Path) -> dict[str, list[str]]:
    """For each stage of dvc.yaml its code, as paths of files and folders relative to root, sorted."""
    tree = SourceTree(root / "src" / "spikebridge")
    result, code_of_models, scripts = {}, set(), []
    for name, stage in yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        stage = stage.get("do", stage)
        script = next(word for word in stage["cmd"].split() if word.endswith(".py"))
        if (STAGE_CODE / f"{name}.json").as_posix() in stage["deps"]:
            code_of_models |= stage_code(tree, root / script)
            scripts.append(script)
            result[name] = [script]
            continue
        without = WORDING if name == REGISTERING else WORDING | WATCHING
        result[name] = [script, *_folded(tree.reached([root / script], without=without), root, tree)]
    if LISTING in result:
        own = tree.reached([root / result[LISTING][0]], without=WORDING | WATCHING)
        result[LISTING] = [result[LISTING][0], *scripts, *_folded(own | code_of_models, root, tree)]
    return {name: sorted(code) for name, code in result.items()}


def listed(root: Path) -> dict[str, list[str]]:
    """For each stage of dvc.yaml the code that it lists."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: sorted(filter(_is_code, stage.get("do", stage)["deps"])) for name, stage in stages.items()}


def _is_code(dep: str) -> bool:
    return dep.startswith(("src/", "pipelines/"))


def _folded(paths: Iterable[Path], root: Path, tree: SourceTree) -> Iterable[str]:
    """The files, with a folder in the place of all of its modules. An `__init__` that only hands on names is none."""
    files = {path.relative_to(root).as_posix() for path in paths}
    faces = {path.relative_to(root).as_posix() for path in tree.modules.values() if tree.is_face(path)}
    full = {
        folder
        for file in files
        for folder in Path(file).parents
        if len(folder.parts) > 2 and _modules(folder, root) - faces <= files
    }
    for file in files:
        above = [folder for folder in Path(file).parents if folder in full]
        yield above[-1].as_posix() if above else file


@cache
def _modules(folder: Path, root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in (root / folder).rglob("*.py")}


def rewritten(text: str, code: dict[str, list[str]]) -> str:
    """The text of dvc.yaml with these dependencies on code; data, comments and everything else stay."""
    lines, stage = [], ""
    kept: list[tuple[str, str]] = []
    indent = ""
    for line in [*text.splitlines(), ""]:
        if match := re.match(r"  (\w+):$", line):
            stage = match[1]
        if indent and (item := re.match(rf"{indent}  - (\S+)", line)):
            if not _is_code(item[1]):
                kept.append((item[1], line))
            continue
        if indent:
            new = [(dep, f"{indent}  - {dep}") for dep in dict.fromkeys(code[stage])]
            lines += [entry for _, entry in sorted(kept + new)]
            indent, kept = "", []
        if match := re.match(r"( +)deps:$", line):
            indent = match[1]
        lines.append(line)
    return "\n".join(lines).rstrip("\n") + "\n"


def differences(root: Path) -> list[str]:
    """One line for every dependency that dvc.yaml lacks, or has for no reason."""
    needed, given = wanted(root), listed(root)
    lines = []
    for stage, code in needed.items():
        lines += [f"{stage}: {dep} is missing" for dep in sorted(set(code) - set(given[stage]))]
        lines += [f"{stage}: {dep} is superfluous" for dep in sorted(set(given[stage]) - set(code))]
    return lines


def main(words: list[str] | None = None) -> int:
    """Check or correct dvc.yaml of the folder that this script's folder lies in."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="correct dvc.yaml")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="folder of the project")
    arguments = parser.parse_args(words)
    path = arguments.root / "dvc.yaml"
    if arguments.write:
        path.write_text(rewritten(path.read_text(encoding="utf-8"), wanted(arguments.root)), encoding="utf-8")
        return 0
    lines = differences(arguments.root)
    print("\n".join(lines) or "dvc.yaml lists what the stages import")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
