"""Promises that no single module can keep: settings that every reader reads alike, stages that list what they run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from import_graph import ROOT, TREE
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

import docker_dry_run
import install_torch

PARAMETERS = [ROOT / "params.yaml", *sorted((ROOT / "examples").rglob("*.yaml"))]
# The front door holds the version and opens other rooms on demand only: no stage's result depends on it.
# So is the bridge to pynapple, which people cross from Python.
FREE = {"src/spikebridge/__init__.py", "src/spikebridge/io/pynapple.py"}
# tracking mirrors what a stage does and has no say in its result, so a change of it must not train anything again. Only
# `register` is there for its sake.
WATCHING = {"tracking"}
REGISTERING = {"register"}
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


def stages() -> list[Any]:
    """The stages as DVC itself resolves them, with foreach and matrix written out."""
    from dvc.repo import Repo

    with Repo(str(ROOT), uninitialized=True) as repo:
        return [stage for stage in repo.index.stages if getattr(stage, "cmd", None)]


def test_stages_depend_on_everything_that_they_import() -> None:
    """A stage whose code changed must run again. Imports inside functions count, and registries by file name."""
    missing = []
    for stage in stages():
        words = commands(stage.cmd)
        script = next(word for word in words if word.endswith(".py"))
        deps = [dep.def_path.rstrip("/") for dep in stage.deps if not dep.def_path.endswith("params.yaml")]
        without = frozenset() if stage.name in REGISTERING else frozenset(WATCHING)
        needed = {shown(path) for path in TREE.reached([ROOT / script], words, without)} - FREE | {script}
        lacking = [f for f in sorted(needed) if not any(f == d or f.startswith(d + "/") for d in deps)]
        missing += [f"{stage.addressing}: {name} is imported but no dep covers it" for name in lacking]
    assert not missing, "\n".join(missing)


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
