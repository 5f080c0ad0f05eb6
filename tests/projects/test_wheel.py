"""A wheel in a bare environment: the package, `spikebridge init` and the demo work without the repository.

The environment is a new one that sees the installed dependencies by a path file, and of spikebridge the wheel alone.
Nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from project import ROOT, copy_project, parameters

from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.registration import read_registration
from spikebridge.artifacts.report import REPORT_FOLDER, ReportRun
from spikebridge.projects.shipped_files import shipped_files

pytestmark = pytest.mark.slow
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2]))"


def bare(environment: Path | None = None) -> dict[str, str]:
    """The variables of this process without those that lead to the repository, to a proxy or to a tracking server."""
    dropped = ("PYTHON", "MLFLOW_", "SPIKEBRIDGE_", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    first = [str(environment / "bin")] if environment else []
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    path = os.pathsep.join([*first, "/usr/local/bin", "/usr/bin", "/bin"])
    return kept | nowhere | {"PATH": path, "no_proxy": "127.0.0.1,localhost", "OMP_NUM_THREADS": "1"}


def run(*command: str | Path, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=900, check=False
    )
    shown = f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert done.returncode == 0, shown
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, and that from a clone: what either lacks, the wheel lacks."""
    root = tmp_path_factory.mktemp("build")
    clone = copy_project(root / "clone", parameters(ROOT / "params.yaml"))
    (clone / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    run(sys.executable, "-c", BUILD, "sdist", root, cwd=clone, env=bare())
    (archive,) = root.glob("*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(root / "sources", filter="data")
    (sources_folder,) = (root / "sources").iterdir()
    run(sys.executable, "-c", BUILD, "wheel", root, cwd=sources_folder, env=bare())
    (built,) = root.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a new environment, with the dependencies of this one but not its editable installs."""
    folder = tmp_path_factory.mktemp("a bare") / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    site = Path(run(folder / "bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))",
                    cwd=folder, env=bare()).strip())  # fmt: skip
    (site / "dependencies.pth").write_text("\n".join(places) + "\n", encoding="utf-8")
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "bin/python",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    )
    run(*pip, "--force-reinstall", wheel, cwd=folder, env=bare())
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "my lab"
    folder.mkdir()
    return folder


def test_the_wheel_holds_the_files_of_a_project_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {f"spikebridge/projects/shipped/{name.as_posix()}" for name in shipped_files(ROOT)}
    assert {name for name in names if "/shipped/" in name} == shipped
    assert len(names) == len(set(names))
    assert "spikebridge/projects/templates/Makefile" in names
    assert "spikebridge/report/templates/group.html.jinja" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/")) or name.endswith(".html")]


def test_the_package_is_that_of_the_wheel(environment: Path, elsewhere: Path) -> None:
    code = (
        "import spikebridge, json; from spikebridge.runtime.hashing import source_hash; "
        "print(json.dumps([spikebridge.__file__, source_hash()]))"
    )
    file, digest = json.loads(run(environment / "bin/python", "-c", code, cwd=elsewhere, env=bare(environment)))
    assert Path(file).is_relative_to(environment.resolve())
    here = json.loads(
        run(sys.executable, "-c", code, cwd=elsewhere, env=bare() | {"PYTHONPATH": str(ROOT / "src")}),
    )
    assert digest == here[1], "results of the repository and of the wheel have one origin"


def test_the_demo_runs_in_a_project_from_a_folder_with_a_space(environment: Path, elsewhere: Path) -> None:
    variables = bare(environment)
    run("spikebridge", "init", "my study", cwd=elsewhere, env=variables)
    study = elsewhere / "my study"
    assert "make repro" in run("make", "help", cwd=study, env=variables)
    out = run("spikebridge", "demo", "--no-open", cwd=study, env=variables)
    assert "The demo is done" in out
    demo = study / "demo"
    assert ReportRun(demo / REPORT_FOLDER).index.is_file()
    scores = EvaluationRun(demo / EVALUATION_FOLDER).read_metrics()["models"]
    assert set(scores) == {"seq2seq", "random_forest", "dnn", "majority"}
    out = run("spikebridge", "run", cwd=demo, env=variables)
    assert "Running stage 'package_code'" in out
    assert out.count("Running stage") == 1, "nothing else is out of date"
    uri = read_registration(demo)["uri"]
    code = f"import spikebridge; print(spikebridge.load({uri!r}, project='demo'))"
    assert "2 recordings" in run("python", "-c", code, cwd=study, env=variables)


def test_a_project_simulates_with_its_own_pipeline(environment: Path, elsewhere: Path) -> None:
    variables = bare(environment)
    run("spikebridge", "init", cwd=elsewhere, env=variables)
    run("python", "-m", "dvc", "repro", "package_code", "model_code", cwd=elsewhere, env=variables)
    listed = json.loads((elsewhere / "runs/model_code/ridge.json").read_text(encoding="utf-8"))
    assert "spikebridge/models/ridge.py" in listed
    module = Path(run("python", "-c", "import spikebridge.statistics as s; print(s.__path__[0])", cwd=elsewhere,
                      env=variables).strip()) / "sign_flip.py"  # fmt: skip
    before = (elsewhere / "runs/package_code/evaluate.json").read_bytes()
    others = (elsewhere / "runs/model_code/stages/train.json").read_bytes()
    text = module.read_text(encoding="utf-8")
    try:
        module.write_text(text + "\n# another version\n", encoding="utf-8")
        run("python", "-m", "dvc", "repro", "package_code", "model_code", cwd=elsewhere, env=variables)
    finally:
        module.write_text(text, encoding="utf-8")
    assert (elsewhere / "runs/package_code/evaluate.json").read_bytes() != before
    assert (elsewhere / "runs/model_code/stages/train.json").read_bytes() == others, "a statistic does not fit again"
