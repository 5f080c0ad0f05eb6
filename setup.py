"""Copies the files of a project (dvc.yaml, params.yaml, pipelines/, ...) into the wheel; pyproject.toml has all else.

`spikebridge init` makes a project folder from them. In a checkout they are read where they lie, so an editable install
copies nothing.
"""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PROJECT = Path("spikebridge") / "projects"


class BuildWithProjectFiles(build_py):
    """The modules, and the files of a project beside spikebridge.projects."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        shipped = runpy.run_path(str(ROOT / "src" / PROJECT / "shipped_files.py"))
        target = Path(self.build_lib) / PROJECT / shipped["IN_WHEEL"]
        shutil.rmtree(target, ignore_errors=True)
        shipped["copy_files"](shipped["shipped_files"](ROOT), ROOT, target)


setup(cmdclass={"build_py": BuildWithProjectFiles})
