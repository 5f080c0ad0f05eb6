"""The folder of a project outside the repository: makes it, brings it up to date, and lists the installed code."""

from spikebridge.projects.make import (
    NotEmptyError,
    init_dvc,
    make_project,
    shipped_file,
    update_project,
    write_pipeline,
)
from spikebridge.projects.pipeline import made_by

__all__ = [
    "NotEmptyError",
    "init_dvc",
    "made_by",
    "make_project",
    "shipped_file",
    "update_project",
    "write_pipeline",
]
