"""The stage `package_code` of a project outside the repository: python -m spikebridge.projects."""

from __future__ import annotations

from spikebridge.projects.make import shipped_pipeline
from spikebridge.projects.pipeline import write_package_code
from spikebridge.runtime.model_code import PACKAGE_CODE
from spikebridge.runtime.stage import output, stage_main


def run(_: list[str]) -> None:
    """List the installed files that each stage runs."""
    with output(PACKAGE_CODE) as folder:
        write_package_code(shipped_pipeline(), folder)


if __name__ == "__main__":
    stage_main(run, PACKAGE_CODE.name)
