"""Promises that no single module can keep: settings that every reader reads alike, stages that list what they run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from import_graph import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project import copy_project, dvc, parameters
from ruamel.yaml import YAML

import docker_dry_run
import install_torch
import stage_dependencies
from spikebridge.runtime.model_code import stage_code
from spikebridge.runtime.source_code import SourceTree

PARAMETERS = [ROOT / "params.yaml", *sorted((ROOT / "examples").rglob("*.yaml"))]
TORCH_NEEDS = {"filelock", "fsspec", "jinja2", "mpmath", "networkx", "setuptools", "sympy", "typing-extensions"}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- parameter files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PARAMETERS, ids=shown)
def test_parameters_read_the_same_in_both_versions_of_yaml(path: Path) -> None:
    """DVC reads YAML 1.2 and spikebridge 1.1; `1e-3` and `no` mean different things to them."""
    text = path.read_text(encoding="utf-8")
    assert typed(yaml.safe_load(text)) == typed(YAML(typ="safe", pure=True).load(text))


def typed(value: Any) -> Any:
    """A value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value).__name__, value


@pytest.mark.parametrize("text", ["lr: 1e-3", "flag: no", "mode: 010"])
def test_the_yaml_check_sees(text: str) -> None:
    assert typed(yaml.safe_load(text)) != typed(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize("path", PARAMETERS, ids=shown)
def test_parameters_are_valid(path: Path) -> None:
    from spikebridge import config

    config.load(path)


# --- dvc.yaml --------------------------------------------------------------------------------------------------------


def stages(root: Path = ROOT) -> list[Any]:
    """The stages as DVC itself resolves them, with foreach and matrix written out."""
    from dvc.repo import Repo

    with Repo(str(root), uninitialized=True) as repo:
        return [stage for stage in repo.index.stages if getattr(stage, "cmd", None)]


def test_stages_list_the_code_that_they_import_and_no_other() -> None:
    """A stage whose code changed must run again, and no other stage. Imports inside functions count."""
    assert stage_dependencies.differences(ROOT) == [], "python scripts/stage_dependencies.py --write"


def test_wording_is_no_dependency_of_any_stage() -> None:
    code = {dep for deps in stage_dependencies.wanted(ROOT).values() for dep in deps}
    assert not [dep for dep in code if dep.startswith("src/spikebridge/errors")]
    assert "src/spikebridge" not in code


def test_only_registering_depends_on_what_mirrors_runs() -> None:
    wanted = stage_dependencies.wanted(ROOT)
    watching = {stage for stage, deps in wanted.items() if any("spikebridge/tracking" in dep for dep in deps)}
    assert watching == {"register"}


@pytest.mark.parametrize(
    ("file", "stages_of_it"),
    [
        ("statistics/sign_flip.py", {"evaluate"}),
        ("statistics/cluster_bootstrap.py", {"evaluate", "register"}),
        ("statistics/__init__.py", {"evaluate"}),  # lists the folder
        ("types/verdicts.py", {"evaluate", "figures", "report", "register"}),
        ("report/templates/style.css", {"report"}),
        ("preprocess/covariates.py", {"preprocess"}),
        (
            "labels/trial_labels.py",
            {"ingest", "preprocess", "evaluate", "register"},
        ),  # model cards describe it
        ("expressions/grammar.py", {"ingest", "preprocess", "evaluate", "register"}),
        ("duplicates/units.py", {"ingest"}),
        ("artifacts/recordings.py", {"ingest", "preprocess", "evaluate", "register"}),
        ("metrics/__init__.py", set()),
        ("metrics/bits_per_spike.py", {"tune", "train", "analyze", "nested_models", "evaluate", "register"}),
        ("metrics/lag_and_dimension.py", {"evaluate"}),
        ("metrics/latents.py", {"analyze", "evaluate"}),
        ("metrics/subspaces.py", {"analyze"}),
        ("errors/renamed_keys.py", set()),
    ],
)
def test_which_stages_depend_on_a_file(file: str, stages_of_it: set[str]) -> None:
    path = Path("src/spikebridge") / file
    lists = {stage: set(map(Path, deps)) for stage, deps in stage_dependencies.listed(ROOT).items()}
    del lists["model_code"]  # it lists the code of tune and train
    tree = SourceTree(ROOT / "src" / "spikebridge")
    for stage in ("tune", "train"):
        lists[stage] = {file.relative_to(ROOT) for file in stage_code(tree, ROOT / "pipelines" / f"{stage}.py")}
    assert {stage for stage, deps in lists.items() if {path, *path.parents} & deps} == stages_of_it


@pytest.mark.slow
@pytest.mark.parametrize("line", ["src/spikebridge/text", "src/spikebridge/figures/style.py"])
def test_the_check_of_dependencies_sees(tmp_path: Path, line: str) -> None:
    """A missing and a superfluous line are named, and --write corrects both."""
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "spikebridge", tmp_path / "src" / "spikebridge", ignore=skipped)
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    wrong = text.replace("      - pipelines/split.py\n", f"      - pipelines/split.py\n      - {line}\n")
    (tmp_path / "dvc.yaml").write_text(wrong.replace("      - src/spikebridge/simulate\n", ""), encoding="utf-8")
    messages = [f"split: {line} is superfluous", "simulate: src/spikebridge/simulate is missing"]
    assert sorted(stage_dependencies.differences(tmp_path)) == sorted(messages)
    assert stage_dependencies.main(["--root", str(tmp_path), "--write"]) == 0
    assert (tmp_path / "dvc.yaml").read_text(encoding="utf-8") == text


# --- what runs again --------------------------------------------------------------------------------------------------

NEW_MODEL = """
from spikebridge.models.majority import Majority


class Guess(Majority):
    name = "guess"
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose stages count as run: outputs are made up and committed to DVC."""
    params = parameters(ROOT / "params.yaml", models={"ridge": {}, "majority": {}})
    params["models"] = params.pop("models")  # at the end of the file, where a test adds one
    project = copy_project(tmp_path_factory.mktemp("finished") / "project", params)
    dvc(project, "repro", "model_code")
    for stage in stages(project):
        for out in stage.outs:
            path = project / out.def_path
            if not path.exists() and path.suffix:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}", encoding="utf-8")
            elif not path.exists():
                path.mkdir(parents=True)
                (path / "made").write_text(out.def_path, encoding="utf-8")
    (project / "reports/evaluation/tables").mkdir()
    (project / "data/windows/report.json").write_text("{}", encoding="utf-8")
    dvc(project, "commit", "--force")
    assert would_run(project) == set()
    return project


def would_run(project: Path) -> set[str]:
    """Stages whose dependencies, settings or outputs are not what DVC noted of them."""
    return set(json.loads(dvc(project, "status", "--json").stdout))


@contextmanager
def appended(path: Path, text: str) -> Iterator[None]:
    """The file with more text at its end, for a while."""
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    path.write_text((before or "") + text, encoding="utf-8")
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, encoding="utf-8")


def runs_after(project: Path, file: str, text: str = "\n# changed\n") -> set[str]:
    """Stages that would run after text is added to a file, once the code of models is listed anew."""
    with appended(project / file, text):
        dvc(project, "repro", "model_code")
        return would_run(project)


@pytest.mark.slow
def test_a_new_model_runs_itself_and_what_compares_models(finished: Path) -> None:
    with appended(finished / "params.yaml", "  guess: {}\n"):
        again = runs_after(finished, "src/spikebridge/models/guess.py", NEW_MODEL)
    assert again == {"tune@guess", "train@guess", "analyze", "nested_models", "evaluate", "report", "register"}


@pytest.mark.slow
def test_a_changed_model_leaves_the_others_alone(finished: Path) -> None:
    again = runs_after(finished, "src/spikebridge/models/ridge.py")
    assert {stage for stage in again if "@" in stage} == {"tune@ridge", "train@ridge"}
    assert not again & {"simulate", "ingest", "preprocess", "split", "evaluate", "figures"}


@pytest.mark.slow
def test_how_models_are_tuned_and_trained_runs_these_stages_of_all_models(finished: Path) -> None:
    assert runs_after(finished, "src/spikebridge/fitting/tuning.py") == {"tune@ridge", "tune@majority"}
    both = {f"{stage}@{model}" for stage in ("tune", "train") for model in ("ridge", "majority")}
    again = runs_after(finished, "src/spikebridge/splits/partitions.py")
    assert {stage for stage in again if "@" in stage} == both


@pytest.mark.slow
def test_a_message_runs_nothing_and_a_colour_draws(finished: Path) -> None:
    assert runs_after(finished, "src/spikebridge/errors/messages.py") == set()
    assert runs_after(finished, "src/spikebridge/figures/style.py") == {"figures", "report"}
    assert runs_after(finished, "src/spikebridge/report/templates/style.css", "/* changed */") == {"report"}


@pytest.mark.slow
def test_a_statistic_does_not_fit_again(finished: Path) -> None:
    """Figures read the verdicts of tables, not the tests: types/verdicts.py holds what they need."""
    assert runs_after(finished, "src/spikebridge/statistics/sign_flip.py") == {"evaluate"}


@pytest.mark.slow
def test_how_windows_are_cut_does_not_fit_again_before_windows_change(finished: Path) -> None:
    assert runs_after(finished, "src/spikebridge/preprocess/covariates.py") == {"preprocess"}


def commands(cmd: str | list[str]) -> list[str]:
    return " ".join([cmd] if isinstance(cmd, str) else cmd).split()


def test_every_script_in_pipelines_is_a_stage() -> None:
    used = {word for stage in stages() for word in commands(stage.cmd) if word.endswith(".py")}
    assert used == {shown(path) for path in (ROOT / "pipelines").glob("*.py")}


def test_dependencies_exist() -> None:
    outs = {out.def_path for stage in stages() for out in stage.outs}
    lost = {
        f"{stage.addressing}: {dep.def_path}"
        for stage in stages()
        for dep in stage.deps
        if dep.def_path.startswith(("src/", "pipelines/")) and not (ROOT / dep.def_path).exists()
    }
    assert not lost
    assert all(not out.startswith(("src/", "pipelines/", "tests/")) for out in outs)


# --- files -----------------------------------------------------------------------------------------------------------


def tracked() -> list[Path]:
    """Every file that Git has, or would take."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs a Git checkout")
    done = subprocess.run(
        [git, "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_knows_a_machine_or_an_index() -> None:
    """Absolute paths of somebody's machine and addresses of package indexes make a clone work in one place only."""
    # Written apart, so that this file does not find itself.
    hosts = [
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("download", "pytorch"),
        ("registry", "npmjs"),
        ("deb", "debian"),
    ]
    names = "|".join(rf"{first}\.{second}" for first, second in hosts)
    pattern = re.compile(rf"(?<![\w.])/(?:home|root|work|Users)/|{names}")
    wrong = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        wrong += [f"{shown(path)}:{n}: {line.strip()[:80]}" for n, line in enumerate(lines, 1) if pattern.search(line)]
    assert not wrong, "\n".join(wrong)


def test_no_large_file_is_in_git() -> None:
    large = [shown(path) for path in tracked() if path.stat().st_size > 1_000_000]
    assert not large, f"data and models belong to DVC: {large}"


# --- environment -----------------------------------------------------------------------------------------------------


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def test_the_lock_holds_every_requirement_but_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    left_out = {"cebra", "nemos"}  # for who wants to compare with them; the default environment stays lean
    asked = {name: lines for name, lines in extras.items() if name not in left_out}
    direct = sum(asked.values(), project["project"]["dependencies"])
    requirements = [Requirement(line) for line in direct + project["dependency-groups"]["environment"]]
    requirements = [r for r in requirements if r.name != project["project"]["name"]]  # dev asks for every extra
    pins = locked()
    assert not pins.keys() & {canonicalize_name(Requirement(line).name) for name in left_out for line in extras[name]}
    for requirement in requirements:
        name = canonicalize_name(requirement.name)
        if name != "torch":
            assert requirement.specifier.contains(pins[name]), (
                f"{requirement} is not met by {name} {pins[name]}: make lock"
            )
    assert "torch" not in pins
    assert not [name for name in pins if name.startswith(("nvidia", "triton"))]
    assert pins.keys() >= TORCH_NEEDS, "the packages that torch asks for are pinned although torch is not"
    torch = next(r for r in requirements if r.name == "torch")
    assert torch.specifier.contains(install_torch.VERSION)


def test_every_locked_package_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 100
    assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize(
    ("wanted", "offered", "choice"),
    [
        ("cpu", ["2.13.0", "2.13.0+cpu"], "2.13.0+cpu"),
        ("cpu", ["2.13.0"], None),
        ("cuda", ["2.13.0", "2.13.0+cpu"], None),
        ("cuda", ["2.13.0+cu128", "2.13.0+cu130", "2.13.0+cpu"], "2.13.0+cu130"),
        ("cpu", [], None),
    ],
)
def test_choice_of_torch(wanted: str, offered: list[str], choice: str | None) -> None:
    assert install_torch.pick(wanted, offered) == choice


# --- Dockerfile ------------------------------------------------------------------------------------------------------


def dockerfile() -> list[docker_dry_run.Step]:
    return docker_dry_run.parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def test_dockerfile_passes_the_linter() -> None:
    tool = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if tool is None:
        pytest.skip("hadolint is not installed (it comes with the extra dev, except on Windows)")
    done = subprocess.run([tool, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_dockerfile_keeps_its_promises() -> None:
    steps = dockerfile()
    of = {keyword: [s.value for s in steps if s.keyword == keyword] for keyword in {s.keyword for s in steps}}
    assert len(of["FROM"]) == 2, "the stage that builds and the stage that runs"
    assert of["USER"][-1].split(":")[0] not in {"root", "0"}
    assert of["ARG"] == ["TORCH=cpu"]
    assert of["EXPOSE"] == ["5000"]
    assert ":5000/health" in of["HEALTHCHECK"][0]
    text = (ROOT / "scripts" / "docker_run.sh").read_text(encoding="utf-8")
    assert "dvc repro" in text
    assert "--host 0.0.0.0 --port 5000" in text


def test_dockerfile_copies_what_reaches_the_image() -> None:
    tracked()  # skips where there is no Git
    files = list(docker_dry_run.context())
    for step in dockerfile():
        if step.keyword == "COPY" and "from" not in step.flags:
            for source in step.value.split()[:-1]:
                assert source == "." or any(f == source or f.startswith(source + "/") for f in files), source
    tops = {name.split("/")[0] for name in files}
    assert tops >= {"src", "pipelines", "scripts", "params.yaml", "dvc.yaml", ".dvc"}
    assert not tops & {"tests", "data", "runs", "reports", "mlruns", ".git"}
