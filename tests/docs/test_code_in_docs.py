"""The code in README and docs is code of today: Python runs, and commands have the verbs and options that they name."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from doc_code import PAGES, Block, Command, commands, mentioned, python_blocks
from import_graph import ROOT

from spikebridge.cli import parser

IN_A_FINISHED_PROJECT = "tests/test_end_to_end.py::test_python_of_the_pages_runs"
RUN_BY = {
    "README.md": IN_A_FINISHED_PROJECT,
    "docs/three-doors.md": IN_A_FINISHED_PROJECT,
    "docs/latents.md": IN_A_FINISHED_PROJECT,
    "docs/results-in-python.md": IN_A_FINISHED_PROJECT,
    "docs/adapt.md": IN_A_FINISHED_PROJECT,
    "docs/notebook.md": "tests/notebook/test_fit.py::test_the_page_runs_as_it_stands",
    "docs/saved-models.md": "tests/tracking/test_serving.py::test_the_request_of_the_page_works",
    "docs/dandi.md": "tests/test_dandi_examples.py::test_the_script_takes_regions_from_tetrodes",
    "CONTRIBUTING.md": None,  # sketches of a model and a reader, with ... for their bodies: they are compiled
}
"""Page -> the test that runs its Python; the Python of any other page is run here."""
README_COMMANDS = {
    "make repro": "tests/test_end_to_end.py::test_make_repro_of_a_finished_study_prints_its_results",
    "make test": "tests/docs/test_code_in_docs.py::test_commands_are_those_of_today",  # its target: it runs this test
    "make demo": "tests/docs/test_make_demo.py::test_make_demo_is_the_demo",
    "spikebridge inspect path/to/recordings": "tests/test_end_to_end.py::test_recordings_are_inspected_and_used",
    "spikebridge inspect path/to/recordings --params new.yaml": (
        "tests/test_end_to_end.py::test_recordings_are_inspected_and_used"
    ),
    "spikebridge use new.yaml": "tests/test_end_to_end.py::test_recordings_are_inspected_and_used",
    "source .venv/bin/activate": None,
    "dvc repro": "tests/test_end_to_end.py::test_a_second_repro_does_nothing",
    "dvc exp run -S models.seq2seq.n_latents=8": "tests/test_end_to_end.py::test_an_experiment_runs_what_it_changes",
    "dvc metrics diff": "tests/test_end_to_end.py::test_dvc_commands_are_of_use",
    "dvc params diff": "tests/test_end_to_end.py::test_dvc_commands_are_of_use",
    "dvc plots show": "tests/test_end_to_end.py::test_dvc_commands_are_of_use",
    "spikebridge predict --model models:/spikebridge@champion --data path/to/rat1_day1.nwb --out decisions.csv": (
        "tests/test_end_to_end.py::test_the_registered_model_predicts_and_scores_a_recording"
    ),
    "spikebridge score --model models:/spikebridge@champion --data path/to/rat1_day1.nwb": (
        "tests/test_end_to_end.py::test_the_registered_model_predicts_and_scores_a_recording"
    ),
}
"""Command of a block of README -> the test that runs it."""
MENTIONED_IN_README = {
    "make repro": README_COMMANDS["make repro"],
    "spikebridge init my_study": (
        "tests/projects/test_wheel.py::test_the_demo_runs_in_a_project_from_a_folder_with_a_space"
    ),
    "make ui": "tests/tracking/test_screens.py::test_the_first_table_has_scores_with_intervals_without_a_click",
    "spikebridge results": README_COMMANDS["make repro"],
    "spikebridge report --open": "tests/cli/test_report_command.py::test_it_prints_the_path_of_the_page",
    "make docs": "tests/docs/test_site.py::test_nothing_is_loaded_from_elsewhere",  # its fixture runs what make runs
    "python scripts/result_tables.py": "tests/test_result_tables.py::test_no_table_is_stale",
}
OTHER_PROGRAMS = {
    "git", "mkdir", "cp", "cd", "source", "export", "docker", "python3", "dandi", "dandi-client/bin/pip", "pre-commit",
    "pandoc",
}  # fmt: skip
"""Programs whose commands are not checked here."""
PLACEHOLDERS = re.compile(r"^(\.\.\.|…|COMMAND|NAME)$")


@pytest.mark.parametrize("block", python_blocks(), ids=str)
def test_python_of_the_pages_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile(block.text, str(block), "exec")
    if block.page not in RUN_BY:
        monkeypatch.chdir(tmp_path)
        exec(code, {"__name__": "__main__"})


@pytest.mark.parametrize(
    "test",
    sorted({*filter(None, [*RUN_BY.values(), *README_COMMANDS.values(), *MENTIONED_IN_README.values()])}),
)
def test_the_tests_that_run_the_pages_exist(test: str) -> None:
    path, name = test.split("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_command_of_readme_is_run_by_a_test() -> None:
    page = ROOT / "README.md"
    assert {str(command) for command in commands(page)} == README_COMMANDS.keys()
    assert {str(command) for command in mentioned(page)} == MENTIONED_IN_README.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_are_those_of_today(page: Path) -> None:
    wrong = [f"{c.place}: {c}: {text}" for c in commands(page) if (text := problem(c, whole=True))]
    wrong += [f"{c.place}: {c}: {text}" for c in mentioned(page) if (text := problem(c, whole=False))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("words", "whole", "text"),
    [
        ("spikebridge results --all", True, ""),
        ("spikebridge result", False, "no command"),
        ("spikebridge report --opens", False, "no option --opens"),
        ("spikebridge use", True, "the following arguments are required"),
        ("spikebridge use", False, ""),
        ("make demo", True, ""),
        ("make dmo", True, "no target"),
        ("dvc exp shw", True, "parser error"),
        ("python scripts/nothing.py", True, "no file"),
        ("mlflow ui --prt 5000", True, "no option --prt"),
        ("pip install .[sorters]", True, ""),
        ("pip install .[sorter]", True, "no extra"),
        ("frobnicate it", True, "not known here"),
    ],
)
def test_the_check_of_commands_sees(words: str, whole: bool, text: str) -> None:
    assert text in problem(Command("", tuple(words.split())), whole)
    assert bool(text) == bool(problem(Command("", tuple(words.split())), whole))


def problem(command: Command, whole: bool) -> str:
    """What is wrong with a command; empty where nothing is. whole: it has all arguments that it needs."""
    program, *words = command.words
    if program in OTHER_PROGRAMS or program.startswith("-"):  # the latter: options that a page adds to a command
        return ""
    checks = {
        "spikebridge": _spikebridge,
        "dvc": _dvc,
        "make": _make,
        "python": _python,
        "mlflow": _mlflow,
        "dask": _dask,
        "pip": _pip,
    }
    return checks[program](words, whole) if program in checks else f"{program} is not known here"


def _spikebridge(words: list[str], whole: bool) -> str:
    if whole and not any(PLACEHOLDERS.match(word) for word in words):
        return _parsed(parser(), words)
    if words[0].startswith("--"):
        return "" if words[0] in ("--help", "--version") else f"no option {words[0]}"
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
        parser().parse_args([words[0], "--help"])
    if end.value.code:
        return f"no command {words[0]}"
    known = set(re.findall(r"--[a-z][a-z-]*", printed.getvalue()))
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    return next((f"no option {option}" for option in options if option not in known), "")


def _dvc(words: list[str], whole: bool) -> str:
    from dvc.cli.parser import get_main_parser

    return _parsed(get_main_parser(), words) if whole else ""


def _parsed(top: Any, words: list[str]) -> str:
    """What a parser of argparse says against the words."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            top.parse_args(words)
    except SystemExit as error:
        return "" if error.code == 0 else printed.getvalue().strip().splitlines()[-1]
    except Exception as error:  # DVC has an exception for it
        return str(error) or printed.getvalue().strip()
    return ""


def _make(words: list[str], whole: bool) -> str:
    """Of the repository, and of a project that `spikebridge init` makes."""
    files = (ROOT / "Makefile", ROOT / "src/spikebridge/projects/templates/Makefile")
    targets = [t for file in files for t in re.findall(r"^([a-z]+):", file.read_text(encoding="utf-8"), re.MULTILINE)]
    asked = [w for w in words if "=" not in w and not w.startswith("-")]
    return next((f"no target {target}" for target in asked[:1] if target not in targets), "")


def _python(words: list[str], whole: bool) -> str:
    script = next((w for w in words if w.endswith(".py")), None)
    if script is None or "/" not in script or words[0].startswith("-"):
        return ""  # a module, or a script that the page itself holds
    if not (ROOT / script).is_file():
        return f"no file {script}"
    texts = [
        path.read_text(encoding="utf-8") for path in (ROOT / script).parent.glob("*.py")
    ]  # a script shares options
    options = [w.split("=")[0] for w in words if w.startswith("--")]
    return next((f"no option {w} in {script}" for w in options if not any(f'"{w}"' in text for text in texts)), "")


def _mlflow(words: list[str], whole: bool) -> str:
    import click
    from mlflow.cli import cli

    group: Any = cli
    while words and hasattr(group, "commands"):
        name, words = words[0], words[1:]
        group = group.get_command(click.Context(group), name)
        if group is None:
            return f"no command {name}"
    known = {name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return next((f"no option {w}" for w in words if w.startswith("-") and w.split("=")[0] not in known), "")


def _dask(words: list[str], whole: bool) -> str:
    """The commands scheduler and worker."""
    commands = pytest.importorskip("distributed.cli")
    kind = words[0]
    if kind not in ("scheduler", "worker"):
        return f"no command {kind}"
    main = import_module(f"{commands.__name__}.dask_{kind}").main
    known = {name for parameter in main.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return next((f"no option {word}" for word in words if word.startswith("-") and word not in known), "")


def _pip(words: list[str], whole: bool) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [name for word in words for group in re.findall(r"\[([\w,]+)\]", word) for name in group.split(",")]
    return next((f"no extra {name}" for name in asked if name not in project["optional-dependencies"]), "")


CHECKS = {"spikebridge": _spikebridge, "dvc": _dvc, "make": _make, "python": _python, "mlflow": _mlflow, "pip": _pip}
"""Program -> what is wrong with its arguments."""
